import java.io.FileInputStream;
import java.io.InputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.net.SocketFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.TrustManagerFactory;

/**
 * Paho Java against the broker: every QoS, retained, will, persistent session, a shared subscription, an authority that it
 * does not trust; with 5.0 properties and topic aliases. Round URL VERSION CA_FILE; ends with 0 when all went well.
 */
class Round {
  private static final int MESSAGES = 50;
  private static String url;
  private static String version;
  private static SocketFactory trusted;

  private static Peer open(String id, boolean lasting, String willTopic, SocketFactory factory) throws Exception {
    Peer.Opening how = new Peer.Opening(url, version, factory, id, lasting, willTopic);
    return version.equals("5") ? new PeerV5(how) : new PeerV3(how);
  }

  private static Peer connect(String id) throws Exception {
    return open(id, false, null, trusted);
  }

  private static Peer connectLasting(String id) throws Exception {
    return open(id, true, null, trusted);
  }

  private static void everyQos() throws Exception {
    Peer subscriber = connect("java-s");
    Peer publisher = connect("java-p");
    for (int qos = 0; qos <= 2; ++qos) {
      String topic = "java/" + qos;
      subscriber.subscribe(topic, qos);
      for (int i = 0; i < MESSAGES; ++i) publisher.publish(topic, "" + i, qos, false);
      for (int i = 0; i < MESSAGES; ++i) subscriber.expect(topic, "" + i, qos, false);
    }
    publisher.leave();
    subscriber.leave();
  }

  private static void large() throws Exception {
    Peer peer = connect("java-s");
    peer.subscribe("java/large", 1);
    peer.publish("java/large", "x".repeat(60_000), 1, false);
    peer.expect("java/large", "x".repeat(60_000), 1, false);
    peer.leave();
  }

  private static void retained() throws Exception {
    Peer publisher = connect("java-p");
    publisher.publish("java/r", "kept", 1, true);
    Peer subscriber = connect("java-s");
    subscriber.subscribe("java/r", 1);
    subscriber.expect("java/r", "kept", 1, true);
    publisher.publish("java/r", "", 1, true);
    publisher.leave();
    subscriber.leave();
  }

  private static void will() throws Exception {
    Peer subscriber = connect("java-s");
    subscriber.subscribe("java/will", 1);
    open("java-d", false, "java/will", trusted).die();
    subscriber.expect("java/will", "gone", 1, false);
    subscriber.leave();
  }

  private static void persistentSession() throws Exception {
    Peer first = connectLasting("java-k");
    first.subscribe("java/k", 2);
    first.leave();
    Peer publisher = connect("java-p");
    for (int i = 0; i < MESSAGES; ++i) publisher.publish("java/k", "" + i, 2, false);
    Peer second = connectLasting("java-k");
    // The CONNACK of 3.1 does not tell.
    if (!version.equals("3.1")) Peer.require(second.sessionPresent(), "the session is gone");
    for (int i = 0; i < MESSAGES; ++i) second.expect("java/k", "" + i, 2, false);
    second.leave();
    connect("java-k").leave();
    publisher.leave();
  }

  private static void sharedSubscription() throws Exception {
    List<Peer> members = List.of(connect("java-g1"), connect("java-g2"));
    members.get(1).inbox = members.get(0).inbox;
    for (Peer member : members) member.subscribe("$share/group/java/shared", 1);
    Peer publisher = connect("java-p");
    List<String> sent = new ArrayList<>();
    List<String> received = new ArrayList<>();
    for (int i = 0; i < MESSAGES; ++i) {
      sent.add("" + i);
      publisher.publish("java/shared", "" + i, 1, false);
    }
    for (int i = 0; i < MESSAGES; ++i) received.add(members.get(0).next().text());
    Collections.sort(sent);
    Collections.sort(received);
    Peer.require(received.equals(sent), "came: " + received);
    publisher.leave();
    for (Peer member : members) member.leave();
  }

  private static void distrust() throws Exception {
    try {
      open("java-x", false, null, SSLContext.getDefault().getSocketFactory()).leave();
    } catch (Exception refused) {
      for (Throwable why = refused; why != null; why = why.getCause()) {
        if (why instanceof SSLHandshakeException) return;
      }
      throw refused;
    }
    throw new IllegalStateException("connected to a broker with a certificate of nobody's");
  }

  private static void all() throws Exception {
    everyQos();
    large();
    retained();
    will();
    persistentSession();
    sharedSubscription();
    if (trusted != null) distrust();
    if (!version.equals("5")) return;
    PeerV5 one = (PeerV5) connect("java-p");
    PeerV5 other = (PeerV5) connect("java-s");
    PropertiesOfV5.request(one, other);
    PropertiesOfV5.topicAlias(one);
    one.leave();
    other.leave();
  }

  private static SocketFactory trusting(String caFile) throws Exception {
    KeyStore authorities = KeyStore.getInstance(KeyStore.getDefaultType());
    authorities.load(null, null);
    try (InputStream file = new FileInputStream(caFile)) {
      authorities.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(authorities);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context.getSocketFactory();
  }

  public static void main(String[] arguments) throws Exception {
    // The library's names of the schemes.
    url = arguments[0].replace("mqtts:", "ssl:").replace("mqtt:", "tcp:");
    version = arguments[1];
    if (url.startsWith("ssl:") || url.startsWith("wss:")) trusted = trusting(arguments[2]);
    Logger.getLogger("").setLevel(Level.WARNING);  // not each of their packets
    int result = 1;
    try {
      all();
      result = 0;
    } catch (Exception failure) {
      failure.printStackTrace();
    }
    System.exit(result);  // threads of the libraries live on
  }
}
