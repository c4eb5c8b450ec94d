// DISCONNECT of MQTT 5.0, chapters 3.14 and 4.13: what the client says, and the reasons of the server that have no
// place elsewhere. Protocol errors are in v5_malformed_test.cc, take-over in v5_session_test.cc, limits in
// v5_flow_test.cc and v5_topic_alias_test.cc, keepalive in v5_connect_test.cc.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

BROKER_SUITE_V5(V5Disconnect);

TEST_P(V5Disconnect, says_that_the_server_shuts_down) {
  own_broker();
  std::vector<TestClient> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(client(std::to_string(i)));
  own_broker().terminate();
  for (TestClient& client : clients) client.expect_disconnect(reason::kServerShuttingDown);  // [MQTT5-3.14.4-2]
  EXPECT_EQ(own_broker().wait_exit(), 0);
}

TEST_P(V5Disconnect, comes_behind_connack_or_not_at_all) {
  // [MQTT5-3.14.0-1]: none of these gets one; the client checks it.
  for (const std::string& first :
       {pingreq_packet(), disconnect_packet(), auth_packet(0x18, {{kAuthMethod, "m"}}), publish_packet("x", "m"),
        from_hex("10 00"), from_hex("00 00"), connect_packet({.client_id = id("a"), .extra_flags = 1})}) {
    TestClient client = silent();
    client.send(first);
    client.expect_closed();  // [MQTT5-3.1.0-1]
  }
}

TEST_P(V5Disconnect, of_the_client_may_be_short_or_explain_itself) {
  const Properties words = {{kReasonString, "enough"}, {kUserProperty, "a", "b"}, {kUserProperty, "a", "b"}};
  // 3.14.2.1: without reason, without properties, with both.
  for (const std::string& packet :
       {disconnect_packet(), from_hex("e0 01 00"), from_hex("e0 02 00 00"), disconnect_packet(0x00, words),
        from_hex("e0 01 04"), disconnect_packet(0x04, words)}) {
    TestClient client = this->client("a");
    client.send(packet);
    EXPECT_TRUE(client.drain_until_closed().empty()) << to_hex(packet);
  }
}

TEST_P(V5Disconnect, of_the_client_is_the_last_packet_that_counts) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("#"), 1);
  TestClient client = this->client("a");
  client.send(disconnect_packet(0x04, {}) + publish_packet(topic("x"), "must not"));
  client.drain_until_closed();
  watcher.publish(topic("fence"), "f", 1);
  watcher.expect_message(topic("fence"), "f");
}

TEST_P(V5Disconnect, is_the_last_packet_of_the_server) {
  // Messages are on their way to the client, and it does what ends the connection. [MQTT5-3.14.4-1] [MQTT5-4.13.2-1]
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 0);
  TestClient publisher = client("p");
  for (int i = 0; i < 100; ++i) publisher.send(publish_packet(topic("x"), std::to_string(i)));
  subscriber.send(subscribe_packet(7, {{topic("y"), 3}}));
  for (int i = 100; i < 200; ++i) publisher.send(publish_packet(topic("x"), std::to_string(i)));
  const std::deque<Packet> packets = subscriber.drain_until_closed();
  ASSERT_FALSE(packets.empty());
  EXPECT_EQ(packets.back().type, Type::kDisconnect);
  EXPECT_EQ(packets.back().reason_code, reason::kProtocolError);
}

TEST_P(V5Disconnect, of_one_client_is_not_felt_by_others) {
  TestClient bystander = client("b");
  bystander.subscribe(topic("x"), 1);
  for (int i = 0; i < 20; ++i) {
    TestClient wrong = client("a");
    wrong.send(from_hex("f0 00"));
    wrong.expect_disconnect(reason::kProtocolError);  // [MQTT5-4.13.1-1]
  }
  client("p").publish(topic("x"), "m", 1);
  bystander.expect_message(topic("x"), "m");
}

}  // namespace
}  // namespace penstock::test
