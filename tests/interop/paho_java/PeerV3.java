import java.nio.charset.StandardCharsets;
import org.eclipse.paho.client.mqttv3.IMqttDeliveryToken;
import org.eclipse.paho.client.mqttv3.IMqttToken;
import org.eclipse.paho.client.mqttv3.MqttCallback;
import org.eclipse.paho.client.mqttv3.MqttClient;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;

/** 3.1 and 3.1.1, with the library's client that blocks. */
class PeerV3 extends Peer implements MqttCallback {
  private final MqttClient client;
  private final IMqttToken connack;

  PeerV3(Opening how) throws Exception {
    client = new MqttClient(how.url(), how.id(), new MemoryPersistence());
    client.setTimeToWait(PATIENCE_MS);
    client.setCallback(this);
    MqttConnectOptions options = new MqttConnectOptions();
    options.setMqttVersion(
        how.version().equals("3.1") ? MqttConnectOptions.MQTT_VERSION_3_1 : MqttConnectOptions.MQTT_VERSION_3_1_1);
    options.setCleanSession(!how.lasting());
    options.setConnectionTimeout(PATIENCE_MS / 1000);
    if (how.trusted() != null) options.setSocketFactory(how.trusted());
    if (how.willTopic() != null) options.setWill(how.willTopic(), "gone".getBytes(StandardCharsets.UTF_8), 1, false);
    connack = client.connectWithResult(options);
  }

  @Override
  boolean sessionPresent() {
    return connack.getSessionPresent();
  }

  @Override
  void subscribe(String filter, int qos) throws Exception {
    int granted = client.subscribeWithResponse(filter, qos).getGrantedQos()[0];
    require(granted == qos, filter + ": granted " + granted);
  }

  @Override
  void publish(String topic, String text, int qos, boolean retained) throws Exception {
    client.publish(topic, text.getBytes(StandardCharsets.UTF_8), qos, retained);
  }

  @Override
  void die() throws Exception {
    client.disconnectForcibly(0, PATIENCE_MS, false);
  }

  @Override
  void leave() throws Exception {
    client.disconnect();
  }

  @Override
  public void messageArrived(String topic, MqttMessage message) {
    String text = new String(message.getPayload(), StandardCharsets.UTF_8);
    inbox.add(new Message(topic, text, message.getQos(), message.isRetained(), null));
  }

  @Override
  public void connectionLost(Throwable cause) {}

  @Override
  public void deliveryComplete(IMqttDeliveryToken token) {}
}
