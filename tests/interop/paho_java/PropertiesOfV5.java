import java.nio.charset.StandardCharsets;
import java.util.List;
import org.eclipse.paho.mqttv5.common.packet.MqttProperties;
import org.eclipse.paho.mqttv5.common.packet.UserProperty;

/** What only 5.0 has: properties of messages, a request with its answer, a subscription's identifier, topic aliases. */
class PropertiesOfV5 {
  static void request(PeerV5 asker, PeerV5 responder) throws Exception {
    asker.subscribe("java/answers", 1);
    MqttProperties marked = new MqttProperties();
    marked.setSubscriptionIdentifier(7);
    responder.subscribe("java/ask", 1, marked);

    List<UserProperty> colors = List.of(new UserProperty("color", "blue"), new UserProperty("color", "green"));
    MqttProperties asked = new MqttProperties();
    asked.setResponseTopic("java/answers");
    asked.setCorrelationData("17".getBytes(StandardCharsets.UTF_8));
    asked.setContentType("text/plain");
    asked.setPayloadFormat(true);
    asked.setMessageExpiryInterval(3600L);
    asked.setUserProperties(colors);
    asker.publish("java/ask", "ping", 1, false, asked);

    MqttProperties got = (MqttProperties) responder.expect("java/ask", "ping", 1, false).properties();
    Peer.require("text/plain".equals(got.getContentType()) && got.getPayloadFormat(), "got " + got);
    Peer.require(colors.equals(got.getUserProperties()), "got " + got);
    Peer.require(got.getSubscriptionIdentifiers().equals(List.of(7)), "got " + got);
    Long expiry = got.getMessageExpiryInterval();
    Peer.require(expiry != null && expiry > 0 && expiry <= 3600, "got " + got);

    MqttProperties answered = new MqttProperties();
    answered.setCorrelationData(got.getCorrelationData());
    responder.publish(got.getResponseTopic(), "pong", 1, false, answered);
    MqttProperties answer = (MqttProperties) asker.expect("java/answers", "pong", 1, false).properties();
    Peer.require("17".equals(new String(answer.getCorrelationData(), StandardCharsets.UTF_8)), "got " + answer);
  }

  /** The library gives aliases by itself. Those that it is given it cannot resolve, so it allows the broker none. */
  static void topicAlias(PeerV5 peer) throws Exception {
    peer.subscribe("java/alias", 1);
    Integer first = null;
    for (int i = 0; i < 5; ++i) {
      MqttProperties sent = new MqttProperties();
      peer.publish("java/alias", "" + i, 1, false, sent);
      if (first == null) first = sent.getTopicAlias();
      Peer.require(first != null && first.equals(sent.getTopicAlias()), "sent " + sent);
      peer.expect("java/alias", "" + i, 1, false);
    }
  }
}
