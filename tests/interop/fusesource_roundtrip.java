// FuseSource's MQTT client for Java against the broker: every QoS, retained, will, persistent session, a shared
// subscription. fusesource_roundtrip.java URL VERSION CA_FILE; ends with 0 when all went well. It is run from its source.
// The client does not tell with which QoS, nor whether as a retained one, a message came.
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.fusesource.mqtt.client.BlockingConnection;
import org.fusesource.mqtt.client.MQTT;
import org.fusesource.mqtt.client.Message;
import org.fusesource.mqtt.client.QoS;
import org.fusesource.mqtt.client.Topic;

class FuseSourceRoundtrip {
  static final int MESSAGES = 50;
  static final int PATIENCE_S = 60;
  static String url;
  static String version;
  static SSLContext trusted;

  static void require(boolean condition, String what) {
    if (!condition) throw new IllegalStateException(what);
  }

  static SSLContext trusting(String caFile) throws Exception {
    KeyStore authorities = KeyStore.getInstance(KeyStore.getDefaultType());
    authorities.load(null, null);
    try (InputStream file = new FileInputStream(caFile)) {
      authorities.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(authorities);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  static MQTT options(String id, boolean clean) throws Exception {
    MQTT options = new MQTT();
    options.setHost(url);
    options.setVersion(version);
    options.setSslContext(trusted);
    options.setClientId(id);
    options.setCleanSession(clean);
    options.setConnectAttemptsMax(0);
    options.setReconnectAttemptsMax(0);
    return options;
  }

  static BlockingConnection connect(MQTT options) throws Exception {
    BlockingConnection connection = options.blockingConnection();
    connection.connect();
    return connection;
  }

  static BlockingConnection connect(String id) throws Exception {
    return connect(options(id, true));
  }

  static void subscribe(BlockingConnection connection, String filter, QoS qos) throws Exception {
    byte[] granted = connection.subscribe(new Topic[] {new Topic(filter, qos)});
    require(granted[0] == qos.ordinal(), filter + ": granted " + granted[0]);
  }

  static void publish(BlockingConnection connection, String topic, String text, QoS qos, boolean retain)
      throws Exception {
    connection.publish(topic, text.getBytes(StandardCharsets.UTF_8), qos, retain);
  }

  static String text(Message message) {
    return new String(message.getPayload(), StandardCharsets.UTF_8);
  }

  static Message next(BlockingConnection connection) throws Exception {
    Message message = connection.receive(PATIENCE_S, TimeUnit.SECONDS);
    require(message != null, "no message came");
    message.ack();
    return message;
  }

  static void expect(BlockingConnection connection, String topic, String text) throws Exception {
    Message message = next(connection);
    require(message.getTopic().equals(topic), "topic " + message.getTopic() + " instead of " + topic);
    require(text(message).equals(text), "got " + text(message) + " instead of " + text);
  }

  static void everyQos() throws Exception {
    BlockingConnection subscriber = connect("java-s");
    BlockingConnection publisher = connect("java-p");
    for (QoS qos : QoS.values()) {
      String topic = "java/" + qos.ordinal();
      subscribe(subscriber, topic, qos);
      for (int i = 0; i < MESSAGES; ++i) publish(publisher, topic, "" + i, qos, false);
      for (int i = 0; i < MESSAGES; ++i) expect(subscriber, topic, "" + i);
    }
    publisher.disconnect();
    subscriber.disconnect();
  }

  static void large() throws Exception {
    BlockingConnection connection = connect("java-s");
    subscribe(connection, "java/large", QoS.AT_LEAST_ONCE);
    publish(connection, "java/large", "x".repeat(60_000), QoS.AT_LEAST_ONCE, false);
    expect(connection, "java/large", "x".repeat(60_000));
    connection.disconnect();
  }

  static void retained() throws Exception {
    BlockingConnection publisher = connect("java-p");
    publish(publisher, "java/r", "kept", QoS.AT_LEAST_ONCE, true);
    BlockingConnection subscriber = connect("java-s");
    subscribe(subscriber, "java/r", QoS.AT_LEAST_ONCE);
    expect(subscriber, "java/r", "kept");
    publish(publisher, "java/r", "", QoS.AT_LEAST_ONCE, true);
    publisher.disconnect();
    subscriber.disconnect();
  }

  static void will() throws Exception {
    BlockingConnection subscriber = connect("java-s");
    subscribe(subscriber, "java/will", QoS.AT_LEAST_ONCE);
    MQTT mortal = options("java-d", true);
    mortal.setWillTopic("java/will");
    mortal.setWillMessage("gone");
    mortal.setWillQos(QoS.AT_LEAST_ONCE);
    connect(mortal).kill();
    expect(subscriber, "java/will", "gone");
    subscriber.disconnect();
  }

  static void persistentSession() throws Exception {
    BlockingConnection first = connect(options("java-k", false));
    subscribe(first, "java/k", QoS.EXACTLY_ONCE);
    first.disconnect();
    BlockingConnection publisher = connect("java-p");
    for (int i = 0; i < MESSAGES; ++i) publish(publisher, "java/k", "" + i, QoS.EXACTLY_ONCE, false);
    BlockingConnection second = connect(options("java-k", false));
    for (int i = 0; i < MESSAGES; ++i) expect(second, "java/k", "" + i);
    second.disconnect();
    connect("java-k").disconnect();
    publisher.disconnect();
  }

  static void sharedSubscription() throws Exception {
    List<BlockingConnection> members = List.of(connect("java-g1"), connect("java-g2"));
    LinkedBlockingQueue<String> together = new LinkedBlockingQueue<>();
    for (BlockingConnection member : members) {
      subscribe(member, "$share/group/java/shared", QoS.AT_LEAST_ONCE);
      Thread reader = new Thread(() -> {
        try {
          while (true) {
            Message message = member.receive();
            message.ack();
            together.add(text(message));
          }
        } catch (Exception disconnected) {
          // It has done its part.
        }
      });
      reader.setDaemon(true);
      reader.start();
    }
    BlockingConnection publisher = connect("java-p");
    List<String> sent = new ArrayList<>();
    List<String> received = new ArrayList<>();
    for (int i = 0; i < MESSAGES; ++i) {
      sent.add("" + i);
      publish(publisher, "java/shared", "" + i, QoS.AT_LEAST_ONCE, false);
    }
    for (int i = 0; i < MESSAGES; ++i) received.add(together.poll(PATIENCE_S, TimeUnit.SECONDS));
    require(!received.contains(null), "only came: " + received);
    Collections.sort(sent);
    Collections.sort(received);
    require(received.equals(sent), "came: " + received);
    publisher.disconnect();
  }

  static void all() throws Exception {
    everyQos();
    large();
    retained();
    will();
    persistentSession();
    sharedSubscription();
  }

  public static void main(String[] arguments) throws Exception {
    // The library's names of the schemes.
    url = arguments[0].replace("mqtts:", "ssl:").replace("mqtt:", "tcp:");
    version = arguments[1];
    trusted = trusting(arguments[2]);
    int result = 1;
    try {
      all();
      result = 0;
    } catch (Exception failure) {
      failure.printStackTrace();
    }
    System.exit(result);  // threads of the library live on
  }
}
