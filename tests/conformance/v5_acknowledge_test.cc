// PUBACK, PUBREC, PUBREL and PUBCOMP of MQTT 5.0, chapters 3.4 to 3.7, 4.3 and 4.4: their reason codes, in both
// directions.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

class V5AcknowledgeSuite : public BrokerSuite {
 protected:
  // A subscriber of a session that lasts.
  TestClient lasting() {
    TestClient subscriber = persistent("s");
    subscriber.subscribe(topic("x"), 2);
    return subscriber;
  }
  TestClient back() {
    TestClient subscriber = persistent("s");
    EXPECT_TRUE(subscriber.connack().session_present);
    return subscriber;
  }
  // The next message of the subscriber is a later one.
  void expect_fence(TestClient& subscriber) {
    client("f").publish(topic("x"), "fence", 2);
    subscriber.expect_message(topic("x"), "fence");
  }
};

BROKER_SUITE_ON(V5AcknowledgeSuite, V5Acknowledge, kLevel5);

TEST_P(V5Acknowledge, of_a_message_says_success_or_that_nobody_wants_it) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (uint8_t qos = 1; qos <= 2; ++qos) {
    EXPECT_EQ(publisher.publish(topic("x"), "m", {.qos = qos}), reason::kSuccess);  // [MQTT5-3.4.2-1] [MQTT5-3.5.2-1]
    const uint8_t code = publisher.publish(topic("nobody"), "m", {.qos = qos});
    EXPECT_TRUE(code == reason::kSuccess || code == reason::kNoMatchingSubscribers) << int{code};
    subscriber.expect_message(topic("x"), "m");
  }
}

TEST_P(V5Acknowledge, of_a_release_says_whether_there_was_something_to_release) {
  TestClient publisher = client("p");
  publisher.send(publish_packet(topic("x"), "m", {.qos = 2, .packet_id = 7}));
  publisher.expect(Type::kPubrec, 7);
  publisher.send(acknowledge_packet(Type::kPubrel, 7));
  EXPECT_EQ(publisher.expect(Type::kPubcomp, 7).reason_code, reason::kSuccess);  // [MQTT5-3.7.2-1] [MQTT5-4.3.3-11]
  publisher.send(acknowledge_packet(Type::kPubrel, 7));
  EXPECT_EQ(publisher.expect(Type::kPubcomp, 7).reason_code, reason::kPacketIdNotFound);
  publisher.expect_quiet();
}

TEST_P(V5Acknowledge, of_nothing_is_answered_by_a_release_that_says_so) {
  TestClient subscriber = client("s");
  subscriber.send(acknowledge_packet(Type::kPubrec, 7));
  EXPECT_EQ(subscriber.expect(Type::kPubrel, 7).reason_code, reason::kPacketIdNotFound);  // [MQTT5-3.6.2-1]
  subscriber.send(acknowledge_packet(Type::kPubcomp, 7, reason::kPacketIdNotFound));
  subscriber.expect_quiet();
}

TEST_P(V5Acknowledge, may_leave_out_what_says_success) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  const std::string code(1, '\0');
  // 3.4.2.1: two bytes, three, or with an empty list of properties.
  const auto forms = [&](Type type, uint16_t packet_id) -> std::vector<std::string> {
    const uint8_t first = static_cast<uint8_t>(type) << 4 | (type == Type::kPubrel ? 2 : 0);
    return {acknowledge_packet(type, packet_id), framed(first, u16(packet_id) + code),
            acknowledge_packet(type, packet_id, reason::kSuccess)};
  };
  for (size_t form = 0; form < 3; ++form) {
    publisher.publish(topic("x"), "1", 1);
    const Packet one = subscriber.expect(Type::kPublish);
    subscriber.send(forms(Type::kPuback, one.packet_id)[form]);
    publisher.send(publish_packet(topic("x"), "2", {.qos = 2, .packet_id = 60}));
    publisher.expect(Type::kPubrec, 60);
    publisher.send(forms(Type::kPubrel, 60)[form]);
    publisher.expect(Type::kPubcomp, 60);
    const Packet two = subscriber.expect(Type::kPublish);
    subscriber.send(forms(Type::kPubrec, two.packet_id)[form]);
    subscriber.expect(Type::kPubrel, two.packet_id);
    subscriber.send(forms(Type::kPubcomp, two.packet_id)[form]);
    subscriber.expect_quiet();
  }
}

TEST_P(V5Acknowledge, may_explain_itself) {
  const Properties words = {{kReasonString, "because"}, {kUserProperty, "a", "b"}, {kUserProperty, "a", "b"}};
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "1", 1);
  subscriber.send(
      acknowledge_packet(Type::kPuback, subscriber.expect(Type::kPublish).packet_id, reason::kSuccess, words));
  publisher.send(publish_packet(topic("x"), "2", {.qos = 2, .packet_id = 60}));
  publisher.expect(Type::kPubrec, 60);
  publisher.send(acknowledge_packet(Type::kPubrel, 60, reason::kSuccess, words));
  publisher.expect(Type::kPubcomp, 60);
  const uint16_t packet_id = subscriber.expect(Type::kPublish).packet_id;
  subscriber.send(acknowledge_packet(Type::kPubrec, packet_id, reason::kNoMatchingSubscribers, words));
  subscriber.expect(Type::kPubrel, packet_id);
  subscriber.send(acknowledge_packet(Type::kPubcomp, packet_id, reason::kSuccess, words));
  subscriber.expect_quiet();
}

TEST_P(V5Acknowledge, that_refuses_ends_a_delivery_at_qos_1) {
  TestClient subscriber = lasting();
  client("p").publish(topic("x"), "m", 1);
  const uint16_t packet_id = subscriber.expect(Type::kPublish).packet_id;
  subscriber.send(acknowledge_packet(Type::kPuback, packet_id, reason::kUnspecifiedError));
  subscriber.expect_quiet();
  subscriber.drop();
  subscriber = back();
  expect_fence(subscriber);  // [MQTT5-4.4.0-2]
  forget("s");
}

TEST_P(V5Acknowledge, that_refuses_ends_a_delivery_at_qos_2) {
  for (const uint8_t code :
       {reason::kUnspecifiedError, reason::kNotAuthorized, reason::kTopicNameInvalid, reason::kPayloadFormatInvalid}) {
    TestClient subscriber = lasting();
    client("p").publish(topic("x"), "m", 2);
    const uint16_t packet_id = subscriber.expect(Type::kPublish).packet_id;
    subscriber.send(acknowledge_packet(Type::kPubrec, packet_id, code));
    subscriber.expect_quiet();  // [MQTT5-4.3.3-4]: no PUBREL
    subscriber.drop();
    subscriber = back();
    expect_fence(subscriber);  // [MQTT5-4.4.0-2]: neither PUBLISH nor PUBREL again
    forget("s");
  }
}

TEST_P(V5Acknowledge, that_says_nobody_wants_it_is_no_refusal) {
  TestClient subscriber = lasting();
  client("p").publish(topic("x"), "m", 2);
  const uint16_t packet_id = subscriber.expect(Type::kPublish).packet_id;
  subscriber.send(acknowledge_packet(Type::kPubrec, packet_id, reason::kNoMatchingSubscribers));
  subscriber.expect(Type::kPubrel, packet_id);  // [MQTT5-4.3.3-4]
  subscriber.drop();
  subscriber = back();
  subscriber.expect(Type::kPubrel, packet_id);  // [MQTT5-4.3.3-5] [MQTT5-4.3.3-6]
  subscriber.send(acknowledge_packet(Type::kPubcomp, packet_id));
  expect_fence(subscriber);
  forget("s");
}

TEST_P(V5Acknowledge, that_knows_no_such_packet_ends_a_delivery) {
  TestClient subscriber = lasting();
  client("p").publish(topic("x"), "m", 2);
  const uint16_t packet_id = subscriber.expect(Type::kPublish).packet_id;
  subscriber.send(acknowledge_packet(Type::kPubrec, packet_id));
  subscriber.expect(Type::kPubrel, packet_id);
  // A client that has lost its state: 3.7.2.1.
  subscriber.send(acknowledge_packet(Type::kPubcomp, packet_id, reason::kPacketIdNotFound));
  subscriber.drop();
  subscriber = back();
  expect_fence(subscriber);
  forget("s");
}

TEST_P(V5Acknowledge, is_not_asked_for_again_while_the_connection_is_open) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  uint16_t packet_id = 0;
  for (const int qos : {1, 2, 2}) {
    publisher.publish(topic("x"), "m", static_cast<uint8_t>(qos));
    packet_id = subscriber.expect(Type::kPublish).packet_id;
  }
  subscriber.send(acknowledge_packet(Type::kPubrec, packet_id));
  subscriber.expect(Type::kPubrel, packet_id);
  let_pass(std::chrono::seconds(3));
  subscriber.expect_quiet();  // [MQTT5-4.4.0-1]: sent again at a reconnect alone
}

}  // namespace
}  // namespace penstock::test
