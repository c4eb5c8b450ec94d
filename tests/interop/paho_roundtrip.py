"""Paho Python against the broker at 127.0.0.1:PORT: every QoS, retained, will, persistent session, MQTT 3.1.

paho_roundtrip.py PORT [tcp|websockets [CA_FILE]]; with a CA_FILE over TLS, which here is OpenSSL.
Exit 0 when all went well. Works with both major versions of the library.
"""
import queue
import sys

import paho.mqtt.client as mqtt

PORT = int(sys.argv[1])
TRANSPORT = sys.argv[2] if len(sys.argv) > 2 else "tcp"
CA_FILE = sys.argv[3] if len(sys.argv) > 3 else None
PATIENCE_S = 10


class Client:
    def __init__(self, client_id, clean=True, protocol=mqtt.MQTTv311, will=None):
        arguments = dict(client_id=client_id, clean_session=clean, protocol=protocol, transport=TRANSPORT)
        if hasattr(mqtt, "CallbackAPIVersion"):
            arguments["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
        self.client = mqtt.Client(**arguments)
        if CA_FILE:
            self.client.tls_set(CA_FILE)
        self.connected = queue.Queue()
        self.messages = queue.Queue()
        self.granted = queue.Queue()
        self.client.on_connect = lambda _c, _u, flags, code: self.connected.put((flags["session present"], code))
        self.client.on_message = lambda _c, _u, message: self.messages.put(message)
        self.client.on_subscribe = lambda _c, _u, _mid, granted: self.granted.put(granted)
        if will:
            self.client.will_set(*will)
        self.client.connect("127.0.0.1", PORT)
        self.client.loop_start()
        self.session_present, code = self.connected.get(timeout=PATIENCE_S)
        assert code == 0, code

    def subscribe(self, *filters):
        self.client.subscribe(list(filters))
        return list(self.granted.get(timeout=PATIENCE_S))

    def publish(self, topic, text, qos, retain=False):
        handle = self.client.publish(topic, text, qos, retain)
        handle.wait_for_publish(timeout=PATIENCE_S)
        assert handle.is_published()

    def expect(self, topic, text, qos=None, retain=False):
        message = self.messages.get(timeout=PATIENCE_S)
        assert (message.topic, message.payload.decode()) == (topic, text), (message.topic, message.payload)
        assert message.retain == retain
        assert qos is None or message.qos == qos, message.qos

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()


def every_qos(protocol):
    subscriber = Client("py-s", protocol=protocol)
    assert subscriber.subscribe(("py/0", 0), ("py/1", 1), ("py/2", 2)) == [0, 1, 2]
    publisher = Client("py-p", protocol=protocol)
    for qos in (0, 1, 2):
        for i in range(50):
            publisher.publish(f"py/{qos}", f"{i}", qos)
        for i in range(50):
            subscriber.expect(f"py/{qos}", f"{i}", qos)
    publisher.leave()
    subscriber.leave()


def retained():
    publisher = Client("py-p")
    publisher.publish("py/r", "kept", 1, retain=True)
    subscriber = Client("py-s")
    subscriber.subscribe(("py/r", 1))
    subscriber.expect("py/r", "kept", 1, retain=True)
    publisher.publish("py/r", "", 1, retain=True)
    publisher.leave()
    subscriber.leave()


def will():
    subscriber = Client("py-s")
    subscriber.subscribe(("py/will", 2))
    dying = Client("py-d", will=("py/will", "gone", 2))
    dying.client._sock_close() if hasattr(dying.client, "_sock_close") else dying.client.socket().close()
    subscriber.expect("py/will", "gone", 2)
    dying.leave()
    subscriber.leave()


def persistent_session():
    first = Client("py-k", clean=False)
    first.subscribe(("py/k", 2))
    first.leave()
    publisher = Client("py-p")
    for i in range(20):
        publisher.publish("py/k", f"{i}", 2)
    second = Client("py-k", clean=False)
    assert second.session_present
    for i in range(20):
        second.expect("py/k", f"{i}", 2)
    second.leave()
    Client("py-k").leave()
    publisher.leave()


every_qos(mqtt.MQTTv311)
every_qos(mqtt.MQTTv31)
retained()
will()
persistent_session()
