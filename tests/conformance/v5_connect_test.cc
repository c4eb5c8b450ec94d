// CONNECT and CONNACK of MQTT 5.0, chapters 3.1 and 3.2: what 3.1.1 does not have. The rest is in connect_test.cc,
// whose tests run with clients of both versions.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

BROKER_SUITE_V5(V5Connect);
BROKER_SUITE_V5(V5KeepAlive);

TEST_P(V5Connect, is_answered_by_one_connack_with_code_zero) {
  TestClient client = silent();
  const Packet connack = client.connect({.client_id = id("a")});  // [MQTT5-3.2.0-1]: the very first packet
  EXPECT_EQ(connack.reason_code, reason::kSuccess);               // [MQTT5-3.1.4-5]
  EXPECT_FALSE(connack.session_present);                          // [MQTT5-3.2.2-2]
  EXPECT_EQ(connack.acknowledge_flags, 0);                        // [MQTT5-3.2.2-1]
  client.expect_quiet();                                          // [MQTT5-3.2.0-2]
}

TEST_P(V5Connect, accepts_every_property_that_connect_may_have) {
  TestClient client = silent();
  const Packet connack =
      client.connect({.client_id = id("a"),
                      .will = Will{topic("w"), "w", 1, false, {{kWillDelay, 1}, {kUserProperty, "a", "b"}}},
                      .user_name = "someone",
                      .password = "secret",
                      .properties = {{kSessionExpiry, 5},
                                     {kReceiveMaximum, 10},
                                     {kMaximumPacketSize, 100'000},
                                     {kTopicAliasMaximum, 5},
                                     {kRequestResponse, 1},
                                     {kRequestProblem, 1},
                                     {kUserProperty, "name", "value"},
                                     {kUserProperty, "name", "again"}}});
  EXPECT_EQ(connack.reason_code, reason::kSuccess);
  client.expect_quiet();
  client.disconnect(reason::kSuccess, {{kSessionExpiry, 0}});
}

TEST_P(V5Connect, gives_an_id_of_its_own_to_each_client_without_one) {
  TestClient a = client(ConnectOptions{.client_id = ""});
  TestClient b = client(ConnectOptions{.client_id = ""});
  EXPECT_FALSE(a.connack().text(kAssignedClientId).empty());  // [MQTT5-3.1.3-6] [MQTT5-3.1.3-7] [MQTT5-3.2.2-16]
  EXPECT_NE(a.connack().text(kAssignedClientId), b.connack().text(kAssignedClientId));
  a.expect_quiet();
  b.expect_quiet();
}

TEST_P(V5Connect, lets_a_client_come_back_with_the_id_it_was_given) {
  TestClient first = silent();
  // 5.0 allows an empty client id without Clean Start too.
  const Packet connack = first.connect({.client_id = "", .clean_start = false, .properties = {{kSessionExpiry, 1000}}});
  EXPECT_EQ(connack.reason_code, reason::kSuccess);
  EXPECT_FALSE(connack.session_present);
  first.subscribe(topic("x"), 1);
  first.disconnect();
  client("p").publish(topic("x"), "m", 1);
  TestClient second = silent();
  // [MQTT5-3.1.3-7]: the server has treated it as if the client had brought this id.
  EXPECT_TRUE(second.connect({.client_id = connack.text(kAssignedClientId), .clean_start = false}).session_present);
  second.expect_message(topic("x"), "m");
}

TEST_P(V5Connect, assigns_no_id_to_a_client_that_has_one) {
  EXPECT_FALSE(client("a").connack().has(kAssignedClientId));
}

TEST_P(V5Connect, names_nothing_that_it_does_not_support) {
  const Packet connack = client("a").connack();
  EXPECT_FALSE(connack.has(kMaximumQos));  // [MQTT5-3.2.2-9]: QoS 2 is supported
  for (const PropertyId id : {kRetainAvailable, kWildcardAvailable, kSubscriptionIdAvailable, kSharedAvailable}) {
    EXPECT_EQ(connack.number(id, 1), 1u) << id;
  }
}

TEST_P(V5Connect, accepts_a_password_without_a_name) {
  // 3.1.2.9: unlike 3.1.1. [MQTT5-3.1.2-16] [MQTT5-3.1.2-19]
  client(ConnectOptions{.client_id = id("a"), .password = "secret"}).expect_quiet();
}

TEST_P(V5Connect, does_not_serve_an_unknown_protocol_name) {
  for (const char* name : {"MQTX", "mqtt", "", "MQTTT", "MQIsdp"}) {
    TestClient client = silent();
    client.send(connect_packet({.client_id = id("a"), .protocol_name = name}) + pingreq_packet());
    // [MQTT5-3.1.2-1]: may close with or without a CONNACK, of whichever version, that refuses, but not go on.
    const std::string answer = client.bytes_until_closed();
    if (answer.empty()) continue;
    EXPECT_EQ(to_hex(answer.substr(0, 1)), "20") << name;
    EXPECT_NE(to_hex(answer.substr(3, 1)), "00") << name;
  }
}

TEST_P(V5Connect, gives_response_information_only_to_those_who_ask) {
  // [MQTT5-3.1.2-28]; each client checks that for itself.
  for (const Properties& properties :
       {Properties{}, Properties{{kRequestResponse, 0}}, Properties{{kRequestResponse, 1}}}) {
    client(ConnectOptions{.client_id = id("a"), .properties = properties}).expect_quiet();
  }
}

TEST_P(V5Connect, explains_nothing_to_those_who_do_not_want_to_know) {
  // [MQTT5-3.1.2-29]: no Reason String and no User Property beside PUBLISH, CONNACK and DISCONNECT; the client checks
  // it.
  TestClient quiet = client(ConnectOptions{.client_id = id("a"), .properties = {{kRequestProblem, 0}}});
  quiet.unsubscribe(topic("never subscribed"));
  quiet.subscribe(topic("x"), 2);
  quiet.send(acknowledge_packet(Type::kPubrel, 77));
  quiet.expect(Type::kPubcomp, 77);
  quiet.send(acknowledge_packet(Type::kPubrec, 78));
  quiet.expect(Type::kPubrel, 78);
  quiet.publish(topic("nobody"), "m", 1);
  // A User Property of a message is part of the message.
  quiet.publish(topic("x"), "m", {.qos = 1, .properties = {{kUserProperty, "a", "b"}}});
  EXPECT_TRUE(quiet.expect_message(topic("x"), "m").has(kUserProperty));
}

TEST_P(V5Connect, that_is_refused_leaves_nothing_behind) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("#"), 1);
  TestClient refused = silent();
  refused.send(connect_packet({.client_id = id("a"),
                               .will = Will{topic("will"), "must not"},
                               .properties = {{kAuthMethod, "no such method"}}}) +
               publish_packet(topic("x"), "must not") + pingreq_packet());
  for (const Packet& packet : refused.drain_until_closed()) {  // [MQTT5-3.2.2-7]
    EXPECT_EQ(packet.type, Type::kConnack);                    // [MQTT5-3.1.4-6]
    EXPECT_GE(packet.reason_code, reason::kFirstFailure);
    EXPECT_FALSE(packet.session_present);  // [MQTT5-3.2.2-6]
  }
  watcher.publish(topic("fence"), "f", 1);
  watcher.expect_message(topic("fence"), "f");  // [MQTT5-3.1.2-7]: its will is none either
}

TEST_P(V5KeepAlive, of_the_server_is_told_and_enforced) {
  own_broker({"--keepalive-max", "2s"});
  TestClient patient = client(ConnectOptions{.client_id = id("a"), .keepalive_s = 600});
  TestClient never = client(ConnectOptions{.client_id = id("b"), .keepalive_s = 0});
  EXPECT_EQ(patient.connack().number(kServerKeepAlive), 2u);  // [MQTT5-3.1.2-21] [MQTT5-3.2.2-21]: what they then use
  EXPECT_EQ(never.connack().number(kServerKeepAlive), 2u);
  patient.expect_disconnect(reason::kKeepAliveTimeout);  // [MQTT5-3.1.2-22]
  never.expect_disconnect(reason::kKeepAliveTimeout);
}

TEST_P(V5KeepAlive, of_the_client_counts_where_the_server_names_none) {
  own_broker({"--keepalive-max", "500s"});
  TestClient silent = client(ConnectOptions{.client_id = id("a"), .keepalive_s = 1});
  EXPECT_EQ(silent.connack().number(kServerKeepAlive, 1), 1u);
  silent.expect_disconnect(reason::kKeepAliveTimeout);  // [MQTT5-3.2.2-22]: at 1.5 s
}

TEST_P(V5KeepAlive, that_is_missed_is_named_and_publishes_the_will) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  TestClient silent =
      client(ConnectOptions{.client_id = id("a"), .keepalive_s = 1, .will = Will{topic("will"), "silent", 1}});
  silent.expect_disconnect(reason::kKeepAliveTimeout);
  watcher.expect_message(topic("will"), "silent");  // [MQTT5-3.1.2-22]: as if the network had failed
}

}  // namespace
}  // namespace penstock::test
