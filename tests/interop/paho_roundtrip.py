"""Paho Python against the broker: every QoS, retained, will, persistent session, a shared subscription; with 5.0
properties, topic alias, reason codes.

paho_roundtrip.py URL VERSION CA_FILE: mqtt, mqtts, ws or wss; 3.1, 3.1.1 or 5. TLS here is OpenSSL.
Exit 0 when all went well. Works with both major versions of the library.
"""
import queue
import sys
import urllib.parse

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

URL = urllib.parse.urlsplit(sys.argv[1])
VERSION = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5": mqtt.MQTTv5}[sys.argv[2]]
CA_FILE = sys.argv[3]
IS_5 = VERSION == mqtt.MQTTv5
PATIENCE_S = 60


def properties(packet_type, **values):
    result = Properties(packet_type)
    for name, value in values.items():
        setattr(result, name, value)
    return result


class Client:
    def __init__(self, client_id, clean=True, will=None):
        arguments = dict(client_id=client_id, protocol=VERSION)
        arguments["transport"] = "websockets" if URL.scheme in ("ws", "wss") else "tcp"
        if not IS_5:
            arguments["clean_session"] = clean
        if hasattr(mqtt, "CallbackAPIVersion"):
            arguments["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
        self.client = mqtt.Client(**arguments)
        if URL.scheme in ("mqtts", "wss"):
            self.client.tls_set(CA_FILE)
        self.connected = queue.Queue()
        self.messages = queue.Queue()
        self.granted = queue.Queue()
        self.unsubscribed = queue.Queue()
        # In 5.0 the callbacks have properties behind this.
        self.client.on_connect = lambda _c, _u, flags, code, *_: self.connected.put((flags["session present"], code))
        self.client.on_message = lambda _c, _u, message: self.messages.put(message)
        self.client.on_subscribe = lambda _c, _u, _mid, granted, *_: self.granted.put(granted)
        self.client.on_unsubscribe = lambda _c, _u, _mid, *more: self.unsubscribed.put(more)
        if will:
            self.client.will_set(*will)
        if IS_5:
            lasting = properties(PacketTypes.CONNECT, SessionExpiryInterval=0 if clean else 3600)
            self.client.connect(URL.hostname, URL.port, clean_start=clean, properties=lasting)
        else:
            self.client.connect(URL.hostname, URL.port)
        self.client.loop_start()
        self.session_present, code = self.connected.get(timeout=PATIENCE_S)
        assert code == 0, code

    def subscribe(self, *filters):
        if IS_5:
            filters = [(name, mqtt.SubscribeOptions(qos=qos)) for name, qos in filters]
        self.client.subscribe(list(filters))
        return [getattr(code, "value", code) for code in self.granted.get(timeout=PATIENCE_S)]

    def publish(self, topic, text, qos, retain=False, **more):
        handle = self.client.publish(topic, text, qos, retain, **more)
        handle.wait_for_publish(timeout=PATIENCE_S)
        assert handle.is_published()

    def expect(self, topic, text, qos=None, retain=False):
        message = self.messages.get(timeout=PATIENCE_S)
        assert (message.topic, message.payload.decode()) == (topic, text), (message.topic, message.payload)
        assert message.retain == retain
        assert qos is None or message.qos == qos, message.qos
        return message

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()


def every_qos():
    subscriber = Client("py-s")
    assert subscriber.subscribe(("py/0", 0), ("py/1", 1), ("py/2", 2)) == [0, 1, 2]
    publisher = Client("py-p")
    for qos in (0, 1, 2):
        for i in range(50):
            publisher.publish(f"py/{qos}", f"{i}", qos)
        for i in range(50):
            subscriber.expect(f"py/{qos}", f"{i}", qos)
    publisher.leave()
    subscriber.leave()


def large():
    client = Client("py-s")
    client.subscribe(("py/large", 1))
    client.publish("py/large", "x" * 60_000, 1)
    client.expect("py/large", "x" * 60_000, 1)
    client.leave()


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


def shared_subscription():
    members = [Client("py-g1"), Client("py-g2")]
    together = queue.Queue()
    for member in members:
        member.client.on_message = lambda _c, _u, message: together.put(message.payload.decode())
        assert member.subscribe(("$share/group/py/shared", 1)) == [1]
    publisher = Client("py-p")
    sent = [f"{i}" for i in range(40)]
    for text in sent:
        publisher.publish("py/shared", text, 1)
    assert sorted(together.get(timeout=PATIENCE_S) for _ in sent) == sorted(sent)
    for client in (publisher, *members):
        client.leave()


def properties_of_5():
    asker = Client("py-p")
    asker.subscribe(("py/answers", 1))
    responder = Client("py-s")
    responder.subscribe(("py/ask", 1))
    asker.publish("py/ask", "ping", 1, properties=properties(
        PacketTypes.PUBLISH, ResponseTopic="py/answers", CorrelationData=b"17", ContentType="text/plain",
        PayloadFormatIndicator=1, MessageExpiryInterval=3600, UserProperty=[("color", "blue"), ("color", "green")]))
    request = responder.expect("py/ask", "ping", 1).properties
    assert (request.ContentType, request.PayloadFormatIndicator) == ("text/plain", 1)
    assert request.UserProperty == [("color", "blue"), ("color", "green")], request.UserProperty
    assert 0 < request.MessageExpiryInterval <= 3600
    responder.publish(request.ResponseTopic, "pong", 1, properties=properties(
        PacketTypes.PUBLISH, CorrelationData=request.CorrelationData))
    assert asker.expect("py/answers", "pong", 1).properties.CorrelationData == b"17"
    asker.leave()
    responder.leave()


def topic_alias_of_5():
    client = Client("py-s")
    client.subscribe(("py/alias", 1))
    client.publish("py/alias", "by name", 1, properties=properties(PacketTypes.PUBLISH, TopicAlias=1))
    client.publish("", "by alias", 1, properties=properties(PacketTypes.PUBLISH, TopicAlias=1))
    client.expect("py/alias", "by name", 1)
    client.expect("py/alias", "by alias", 1)
    client.leave()


def reason_codes_of_5():
    client = Client("py-s")
    client.client.unsubscribe("py/nothing")
    _properties, code = client.unsubscribed.get(timeout=PATIENCE_S)
    assert code.getName() == "No subscription found", code
    client.leave()


every_qos()
large()
retained()
will()
if VERSION != mqtt.MQTTv31:  # whose CONNACK does not tell of a session
    persistent_session()
shared_subscription()
if IS_5:
    properties_of_5()
    topic_alias_of_5()
    reason_codes_of_5()
