// Sessions of MQTT 5.0, chapters 3.1.2.4, 3.1.2.11.2, 3.14.2.2.2 and 4.1: Clean Start and the Session Expiry Interval.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

class V5SessionSuite : public BrokerSuite {
 protected:
  // Clean Start 0, and exactly these properties.
  ConnectOptions resuming(const Properties& properties = {}) const {
    return {.client_id = id("s"), .clean_start = false, .properties = properties};
  }
  bool is_present() {
    TestClient client = silent();
    const bool present = client.connect(resuming()).session_present;
    client.disconnect();  // without an interval: ends it
    return present;
  }
  // A fence for a client whose session may hold messages that it must not get.
  void expect_fence(TestClient& client) {
    client.subscribe(topic("fence"), 1);
    this->client("f").publish(topic("fence"), "f", 1);
    client.expect_message(topic("fence"), "f");
  }
};

BROKER_SUITE_ON(V5SessionSuite, V5Session, kLevel5);
BROKER_SUITE_ON(V5SessionSuite, V5TakeOver, kLevel5);

TEST_P(V5Session, ends_with_the_connection_where_no_interval_was_given) {
  for (const Properties& properties : {Properties{}, Properties{{kSessionExpiry, 0}}}) {
    client(resuming(properties)).disconnect();
    EXPECT_FALSE(is_present());  // [MQTT5-4.1.0-2] [MQTT5-3.1.2-6]
    client(resuming(properties)).drop();
    EXPECT_FALSE(is_present());
  }
}

TEST_P(V5Session, outlives_the_connection_by_its_interval) {
  for (const uint32_t interval_s : {1000u, 0xffffffffu}) {
    TestClient first = client(resuming({{kSessionExpiry, interval_s}}));
    first.subscribe(topic("x"), 1);
    first.disconnect();
    client("p").publish(topic("x"), "m", 1);
    TestClient second = silent();
    EXPECT_TRUE(second.connect(resuming()).session_present);  // [MQTT5-3.1.2-5] [MQTT5-3.1.2-23] [MQTT5-3.2.2-3]
    second.expect_message(topic("x"), "m");
    second.disconnect();
  }
}

TEST_P(V5Session, ends_when_its_interval_has_passed) {
  TestClient first = client(resuming({{kSessionExpiry, 1}}));
  first.subscribe(topic("x"), 1);
  first.drop();
  client("p").publish(topic("x"), "must not", 1);
  let_pass(std::chrono::seconds(3));
  TestClient second = silent();
  EXPECT_FALSE(second.connect(resuming()).session_present);  // [MQTT5-4.1.0-2] [MQTT5-3.2.2-3]
  expect_fence(second);
}

TEST_P(V5Session, of_0xffffffff_does_not_end) {
  client(resuming({{kSessionExpiry, 0xffffffff}})).drop();
  let_pass(std::chrono::seconds(3));
  EXPECT_TRUE(is_present());  // [MQTT5-3.1.2-23]
}

TEST_P(V5Session, does_not_end_while_its_connection_is_open) {
  TestClient connected = client(resuming({{kSessionExpiry, 1}}));
  connected.subscribe(topic("x"), 1);
  let_pass(std::chrono::seconds(3));
  client("p").publish(topic("x"), "m", 1);
  connected.expect_message(topic("x"), "m");  // [MQTT5-4.1.0-1]
}

TEST_P(V5Session, counts_its_interval_from_the_end_of_the_latest_connection) {
  client(resuming({{kSessionExpiry, 1000}})).disconnect();
  // The latest CONNECT has none: whatever was asked for before.
  EXPECT_TRUE(is_present());
  EXPECT_FALSE(is_present());  // [MQTT5-4.1.0-2]
}

TEST_P(V5Session, that_begins_with_clean_start_may_last) {
  client(ConnectOptions{.client_id = id("s"), .clean_start = true, .properties = {{kSessionExpiry, 1000}}})
      .disconnect();
  EXPECT_TRUE(is_present());  // [MQTT5-3.1.2-23]
}

TEST_P(V5Session, is_discarded_by_clean_start) {
  TestClient first = client(resuming({{kSessionExpiry, 1000}}));
  first.subscribe(topic("x"), 1);
  first.disconnect();
  client("p").publish(topic("x"), "must not", 1);
  TestClient second = silent();
  const ConnectOptions anew{.client_id = id("s"), .clean_start = true, .properties = {{kSessionExpiry, 1000}}};
  EXPECT_FALSE(second.connect(anew).session_present);  // [MQTT5-3.1.2-4] [MQTT5-3.1.4-4] [MQTT5-3.2.2-2]
  client("p").publish(topic("x"), "must not", 1);
  expect_fence(second);
  second.disconnect(reason::kSuccess, {{kSessionExpiry, 0}});
}

TEST_P(V5Session, can_be_ended_by_disconnect) {
  client(resuming({{kSessionExpiry, 1000}})).disconnect(reason::kSuccess, {{kSessionExpiry, 0}});
  EXPECT_FALSE(is_present());  // 3.14.2.2.2
}

TEST_P(V5Session, can_be_made_longer_by_disconnect) {
  client(resuming({{kSessionExpiry, 1}})).disconnect(reason::kSuccess, {{kSessionExpiry, 1000}});
  let_pass(std::chrono::seconds(3));
  EXPECT_TRUE(is_present());  // 3.14.2.2.2
}

TEST_P(V5Session, can_be_made_shorter_by_disconnect) {
  client(resuming({{kSessionExpiry, 1000}})).disconnect(reason::kSuccess, {{kSessionExpiry, 1}});
  let_pass(std::chrono::seconds(3));
  EXPECT_FALSE(is_present());  // 3.14.2.2.2 [MQTT5-4.1.0-2]
}

TEST_P(V5Session, keeps_its_interval_where_disconnect_names_none) {
  client(resuming({{kSessionExpiry, 1000}})).disconnect(reason::kSuccess, {});
  EXPECT_TRUE(is_present());  // 3.14.2.2.2
}

TEST_P(V5Session, that_was_to_end_cannot_be_made_to_last_by_disconnect) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  for (const Properties& properties : {Properties{}, Properties{{kSessionExpiry, 0}}}) {
    ConnectOptions options = resuming(properties);
    options.will = Will{topic("will"), "wrong", 1};
    TestClient wrong = client(options);
    wrong.send(disconnect_packet(reason::kSuccess, {{kSessionExpiry, 1000}}));
    wrong.expect_disconnect(reason::kProtocolError);  // 3.14.2.2.2
    watcher.expect_message(topic("will"), "wrong");   // it was no valid DISCONNECT
    EXPECT_FALSE(is_present());
  }
}

TEST_P(V5Session, that_lasts_less_than_asked_for_is_told_so) {
  own_broker({"--session-expiry", "1s"});
  TestClient first = client(resuming({{kSessionExpiry, 1000}}));
  const uint32_t granted_s = first.connack().number(kSessionExpiry, 1000);  // 3.2.2.3.2
  first.drop();
  let_pass(std::chrono::seconds(3));
  EXPECT_EQ(is_present(), granted_s > 3);
}

TEST_P(V5Session, keeps_what_was_received_at_qos_2) {
  TestClient subscriber = client("r");
  subscriber.subscribe(topic("x"), 2);
  TestClient first = client(resuming({{kSessionExpiry, 1000}}));
  first.send(publish_packet(topic("x"), "once", {.qos = 2, .packet_id = 7}));
  first.expect(Type::kPubrec, 7);
  first.drop();
  TestClient second = client(resuming({{kSessionExpiry, 0}}));
  second.send(publish_packet(topic("x"), "once", {.qos = 2, .dup = true, .packet_id = 7}));
  second.expect(Type::kPubrec, 7);  // [MQTT5-4.3.3-10] [MQTT5-4.4.0-1]
  second.send(acknowledge_packet(Type::kPubrel, 7));
  second.expect(Type::kPubcomp, 7);
  second.publish(topic("x"), "fence", 2);
  subscriber.expect_message(topic("x"), "once");
  subscriber.expect_message(topic("x"), "fence");
}

TEST_P(V5Session, survives_a_killed_broker_with_all_it_holds) {
  own_broker();
  TestClient first = client(resuming({{kSessionExpiry, 1000}}));
  first.subscribe({{topic("x"), 1 | kNoLocal | kRetainAsPublished}}, {{kSubscriptionId, 77}});
  first.publish(topic("x"), "must not", 1);
  first.drop();
  const Properties properties = {
      {kContentType, "text"}, {kCorrelation, std::string_view("\0\1", 2)}, {kUserProperty, "a", "b"}};
  client("p").publish(topic("x"), "m", {.qos = 1, .retain = true, .properties = properties});
  ASSERT_TRUE(own_broker().restart());
  TestClient second = silent();
  EXPECT_TRUE(second.connect(resuming()).session_present);  // [MQTT5-3.1.2-23]
  const Packet message = second.expect_message(topic("x"), "m");
  EXPECT_TRUE(message.retain());
  EXPECT_EQ(message.number(kSubscriptionId), 77u);
  for (const Property& property : properties) EXPECT_EQ(all_of(message.properties, property.id), Properties{property});
  second.publish(topic("x"), "must not", 1);  // it is No Local still
  client("p").publish(topic("x"), "fence", 1);
  second.expect_message(topic("x"), "fence");
}

TEST_P(V5TakeOver, tells_the_older_connection_why_it_ends) {
  for (const bool clean_start : {true, false}) {
    TestClient first = client(resuming({{kSessionExpiry, 1000}}));
    ConnectOptions options = resuming();
    options.clean_start = clean_start;
    TestClient second = client(options);
    first.expect_disconnect(reason::kSessionTakenOver);  // [MQTT5-3.1.4-3] [MQTT5-3.14.4-2] [MQTT5-4.13.2-1]
    EXPECT_EQ(second.connack().session_present, !clean_start);
    second.expect_quiet();
    second.disconnect();
  }
}

TEST_P(V5TakeOver, carries_messages_and_identifiers_over) {
  TestClient first = client(resuming({{kSessionExpiry, 1000}}));
  first.subscribe({{topic("x"), 1}}, {{kSubscriptionId, 5}});
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "m", {.qos = 1, .properties = {{kUserProperty, "a", "b"}}});
  const Packet unacknowledged = first.expect(Type::kPublish);
  TestClient second = client(resuming());
  const Packet again = second.expect_message(topic("x"), "m");
  EXPECT_TRUE(again.dup());
  EXPECT_EQ(again.packet_id, unacknowledged.packet_id);  // [MQTT5-4.4.0-1]
  EXPECT_EQ(again.properties, unacknowledged.properties);
  first.expect_disconnect(reason::kSessionTakenOver);
}

}  // namespace
}  // namespace penstock::test
