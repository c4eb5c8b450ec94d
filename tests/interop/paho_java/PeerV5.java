import java.nio.charset.StandardCharsets;
import org.eclipse.paho.mqttv5.client.IMqttToken;
import org.eclipse.paho.mqttv5.client.MqttAsyncClient;
import org.eclipse.paho.mqttv5.client.MqttCallback;
import org.eclipse.paho.mqttv5.client.MqttConnectionOptions;
import org.eclipse.paho.mqttv5.client.MqttDisconnectResponse;
import org.eclipse.paho.mqttv5.client.persist.MemoryPersistence;
import org.eclipse.paho.mqttv5.common.MqttException;
import org.eclipse.paho.mqttv5.common.MqttMessage;
import org.eclipse.paho.mqttv5.common.MqttSubscription;
import org.eclipse.paho.mqttv5.common.packet.MqttProperties;

/** 5.0, with the library's client that gives tokens: the one that blocks cannot subscribe with properties. */
class PeerV5 extends Peer implements MqttCallback {
  private final MqttAsyncClient client;
  private final IMqttToken connack;
  private final Opening opening;

  PeerV5(Opening how) throws Exception {
    opening = how;
    client = new MqttAsyncClient(how.url(), how.id(), new MemoryPersistence());
    client.setCallback(this);
    MqttConnectionOptions options = new MqttConnectionOptions();
    options.setCleanStart(!how.lasting());
    options.setSessionExpiryInterval(how.lasting() ? 3600L : 0L);
    options.setConnectionTimeout(PATIENCE_MS / 1000);
    if (how.trusted() != null) options.setSocketFactory(how.trusted());
    if (how.willTopic() != null) options.setWill(how.willTopic(), message("gone", 1, false, new MqttProperties()));
    connack = done(client.connect(options));
  }

  private static IMqttToken done(IMqttToken token) throws Exception {
    token.waitForCompletion(PATIENCE_MS);
    return token;
  }

  private static MqttMessage message(String text, int qos, boolean retained, MqttProperties properties) {
    return new MqttMessage(text.getBytes(StandardCharsets.UTF_8), qos, retained, properties);
  }

  @Override
  boolean sessionPresent() {
    return connack.getSessionPresent();
  }

  @Override
  void subscribe(String filter, int qos) throws Exception {
    subscribe(filter, qos, new MqttProperties());
  }

  void subscribe(String filter, int qos, MqttProperties properties) throws Exception {
    MqttSubscription[] wanted = {new MqttSubscription(filter, qos)};
    int code = done(client.subscribe(wanted, null, null, properties)).getReasonCodes()[0];
    require(code == qos, filter + ": granted " + code);
  }

  @Override
  void publish(String topic, String text, int qos, boolean retained) throws Exception {
    publish(topic, text, qos, retained, new MqttProperties());
  }

  void publish(String topic, String text, int qos, boolean retained, MqttProperties properties) throws Exception {
    done(client.publish(topic, message(text, qos, retained, properties)));
  }

  @Override
  void die() throws Exception {
    // The library leaves a socket with TLS open when it disconnects forcibly. So another one with its name pushes it out.
    new PeerV5(new Opening(opening.url(), opening.version(), opening.trusted(), opening.id(), false, null)).leave();
  }

  @Override
  void leave() throws Exception {
    done(client.disconnect());
  }

  @Override
  public void messageArrived(String topic, MqttMessage message) {
    String text = new String(message.getPayload(), StandardCharsets.UTF_8);
    inbox.add(new Message(topic, text, message.getQos(), message.isRetained(), message.getProperties()));
  }

  @Override
  public void disconnected(MqttDisconnectResponse response) {}

  @Override
  public void mqttErrorOccurred(MqttException exception) {
    exception.printStackTrace();
  }

  @Override
  public void deliveryComplete(IMqttToken token) {}

  @Override
  public void connectComplete(boolean reconnect, String serverUri) {}

  @Override
  public void authPacketArrived(int reasonCode, MqttProperties properties) {}
}
