import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.SocketFactory;

/** A connection as the round needs it, of either of the two libraries. */
abstract class Peer {
  static final int PATIENCE_MS = 60_000;

  /** `properties` is the library's own, null below 5.0. */
  record Message(String topic, String text, int qos, boolean retained, Object properties) {}

  /** How to connect. A lasting session outlives its connection; the will, where there is one, is "gone" with QoS 1. */
  record Opening(String url, String version, SocketFactory trusted, String id, boolean lasting, String willTopic) {}

  /** Peers may have one together. */
  volatile LinkedBlockingQueue<Message> inbox = new LinkedBlockingQueue<>();

  abstract boolean sessionPresent();

  abstract void subscribe(String filter, int qos) throws Exception;

  /** Comes back when the broker has acknowledged it. */
  abstract void publish(String topic, String text, int qos, boolean retained) throws Exception;

  /** Ends the connection without a DISCONNECT of its own. */
  abstract void die() throws Exception;

  abstract void leave() throws Exception;

  static void require(boolean condition, String what) {
    if (!condition) throw new IllegalStateException(what);
  }

  Message next() throws InterruptedException {
    Message message = inbox.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
    require(message != null, "no message came");
    return message;
  }

  Message expect(String topic, String text, int qos, boolean retained) throws InterruptedException {
    Message got = next();
    Message wanted = new Message(topic, text, qos, retained, got.properties);
    require(got.equals(wanted), "got " + got + " instead of " + wanted);
    return got;
  }
}
