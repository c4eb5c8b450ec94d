// Clients of MQTT 3.1, which call themselves MQIsdp with level 3. What differs from 3.1.1: CONNACK has no session
// present flag, and SUBSCRIBE, UNSUBSCRIBE and PUBREL may carry DUP, because such clients repeat packets within a
// connection.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE(Mqtt31);

ConnectOptions old_client(const std::string& client_id, bool clean_session = true) {
  return {.client_id = client_id, .clean_session = clean_session, .protocol_level = kLevel31};
}

TEST_P(Mqtt31, client_connects_and_exchanges_messages_at_every_qos) {
  TestClient old = client(old_client(id("a")));
  TestClient modern = client("b");
  old.subscribe(topic("to/old"), 2);
  modern.subscribe(topic("to/modern"), 2);
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    modern.publish(topic("to/old"), "m", qos);
    EXPECT_EQ(old.expect_message(topic("to/old"), "m").qos(), qos);
    old.publish(topic("to/modern"), "m", qos);
    EXPECT_EQ(modern.expect_message(topic("to/modern"), "m").qos(), qos);
  }
  old.disconnect();
}

TEST_P(Mqtt31, client_resumes_its_session) {
  TestClient old = client(old_client(id("a"), false));
  old.subscribe(topic("x"), 1);
  old.disconnect();
  client("p").publish(topic("x"), "while away", 1);
  old = client(old_client(id("a"), false));
  const Packet packet = old.expect_message(topic("x"), "while away");
  EXPECT_EQ(packet.qos(), 1);
  old.disconnect();
  client(old_client(id("a"))).disconnect();
}

TEST_P(Mqtt31, client_never_sees_session_present) {
  client(old_client(id("a"), false)).disconnect();
  TestClient old = silent();
  EXPECT_EQ(old.connect(old_client(id("a"), false)).acknowledge_flags, 0);  // reserved in 3.1
  old.disconnect();
  client(old_client(id("a"))).disconnect();
}

TEST_P(Mqtt31, client_has_wills_and_retained_messages) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  ConnectOptions options = old_client(id("a"));
  options.will = Will{topic("will"), "gone", 1, false};
  TestClient old = client(options);
  old.publish(topic("r"), "kept", 1, true);
  old.drop();
  watcher.expect_message(topic("will"), "gone");
  old = client(old_client(id("b")));
  old.subscribe(topic("r"), 1);
  EXPECT_TRUE(old.expect_message(topic("r"), "kept").retain());
  old.publish(topic("r"), "", 1, true);
}

TEST_P(Mqtt31, client_may_repeat_pubrel_with_dup) {
  TestClient old = client(old_client(id("a")));
  old.send(publish_packet(topic("x"), "m", {.qos = 2, .packet_id = 7}));
  old.expect(Type::kPubrec, 7);
  old.send(acknowledge_packet(Type::kPubrel, 7));
  old.expect(Type::kPubcomp, 7);
  old.send(from_hex("6a 02 00 07"));
  old.expect(Type::kPubcomp, 7);
}

TEST_P(Mqtt31, client_may_repeat_subscribe_and_unsubscribe_with_dup) {
  TestClient old = client(old_client(id("a")));
  std::string again = subscribe_packet(7, {{topic("x"), 1}});
  again[0] = static_cast<char>(0x8a);
  old.send(again);
  old.expect(Type::kSuback, 7);
  again = unsubscribe_packet(8, {topic("x")});
  again[0] = static_cast<char>(0xaa);
  old.send(again);
  old.expect(Type::kUnsuback, 8);
}

TEST_P(Mqtt31, client_without_id_is_refused) {
  TestClient old = silent();
  // 3.1 wants 1 to 23 characters; empty ids came with 3.1.1.
  EXPECT_EQ(old.connect(old_client("")).return_code, 2);
  old.expect_closed();
}

TEST_P(Mqtt31, name_and_level_must_fit_together) {
  for (const auto& [name, level] : {std::pair{"MQIsdp", 4}, {"MQTT", 3}}) {
    TestClient client = silent();
    client.send(
        connect_packet({.client_id = id("a"), .protocol_name = name, .protocol_level = static_cast<uint8_t>(level)}));
    for (const Packet& packet : client.drain_until_closed()) EXPECT_EQ(packet.return_code, 1);  // [MQTT-3.1.2-2]
  }
}

}  // namespace
}  // namespace penstock::test
