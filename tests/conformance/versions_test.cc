// Clients of 3.1, 3.1.1 and 5.0 together: messages, sessions, wills and retained messages cross from each to each, and
// nobody sees anything that his version does not have. A client that sees something else fails its test by itself.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

constexpr uint8_t kLevels[] = {kLevel31, kLevel311, kLevel5};

class VersionsSuite : public BrokerSuite {
 protected:
  ConnectOptions of(uint8_t level, std::string_view name, bool clean_session = true) const {
    return {.client_id = id(name), .clean_session = clean_session, .protocol_level = level};
  }
  bool is_present(uint8_t level, std::string_view name) {
    TestClient client = silent();
    const bool present = client.connect(of(level, name, false)).session_present;
    client.disconnect();
    return present;
  }
  static Properties rich() {
    return {{kPayloadFormat, 1},  {kContentType, "text"},    {kResponseTopic, "answers"},
            {kCorrelation, "17"}, {kUserProperty, "a", "b"}, {kUserProperty, "a", "b"}};
  }
  static void expect_rich(const Packet& message) {
    for (const Property& property : rich()) {
      EXPECT_EQ(all_of(message.properties, property.id), all_of(rich(), property.id));
    }
  }
};

BROKER_SUITE_ON(VersionsSuite, Versions, kLevel5);

TEST_P(Versions, exchange_messages_at_every_qos) {
  for (const uint8_t from : kLevels) {
    for (const uint8_t to : kLevels) {
      TestClient subscriber = client(of(to, "s"));
      subscriber.subscribe(topic("x"), 2);
      TestClient publisher = client(of(from, "p"));
      for (uint8_t qos = 0; qos <= 2; ++qos) {
        publisher.publish(topic("x"), "m", qos);
        const Packet message = subscriber.expect_message(topic("x"), "m");
        EXPECT_EQ(message.qos(), qos);
        EXPECT_TRUE(message.properties.empty());
      }
    }
  }
}

TEST_P(Versions, before_5_0_get_the_payload_of_5_0_and_nothing_else) {
  for (const uint8_t to : {kLevel31, kLevel311}) {
    TestClient subscriber = client(of(to, "s"));
    subscriber.subscribe(topic("x"), 2);
    TestClient publisher = client(of(kLevel5, "p"));
    for (uint8_t qos = 0; qos <= 2; ++qos) {
      Properties properties = rich();
      properties.emplace_back(kMessageExpiry, 1000);
      publisher.publish(topic("x"), "payload", {.qos = qos, .properties = properties});
      subscriber.expect_message(topic("x"), "payload");
    }
    publisher.publish(topic("x"), "", {.qos = 1, .properties = rich()});
    subscriber.expect_message(topic("x"), "");
  }
}

TEST_P(Versions, before_5_0_get_the_topic_of_an_alias) {
  TestClient subscriber = client(of(kLevel311, "s"));
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client(of(kLevel5, "p"));
  publisher.publish(topic("x"), "1", {.qos = 1, .properties = {{kTopicAlias, 1}}});
  publisher.publish("", "2", {.qos = 1, .properties = {{kTopicAlias, 1}}});
  subscriber.expect_message(topic("x"), "1");
  subscriber.expect_message(topic("x"), "2");
}

TEST_P(Versions, of_a_session_may_change_from_3_1_1_to_5_0) {
  TestClient old = client(of(kLevel311, "s", false));
  old.subscribe({{topic("x"), 1}, {topic("y"), 2}});
  client(of(kLevel311, "p")).publish(topic("x"), "unacknowledged", 1);
  const Packet first = old.expect(Type::kPublish);
  old.drop();
  client(of(kLevel5, "p")).publish(topic("y"), "waiting", {.qos = 2, .properties = rich()});
  TestClient modern = silent();
  EXPECT_TRUE(modern.connect(of(kLevel5, "s", false)).session_present);  // [MQTT5-3.1.2-5]
  const Packet again = modern.expect_message(topic("x"), "unacknowledged");
  EXPECT_TRUE(again.dup());
  EXPECT_EQ(again.packet_id, first.packet_id);  // [MQTT5-4.4.0-1]
  EXPECT_TRUE(again.properties.empty());
  expect_rich(modern.expect_message(topic("y"), "waiting"));
  client(of(kLevel31, "p")).publish(topic("x"), "live", 1);
  modern.expect_message(topic("x"), "live");
  modern.disconnect(reason::kSuccess, {{kSessionExpiry, 0}});
}

TEST_P(Versions, of_a_session_may_change_from_5_0_to_3_1_1) {
  TestClient modern = client(of(kLevel5, "s", false));
  modern.subscribe({{topic("x"), 1 | kRetainAsPublished}, {topic("y"), 2}}, {{kSubscriptionId, 300}});
  client(of(kLevel5, "p")).publish(topic("x"), "unacknowledged", {.qos = 1, .properties = rich()});
  const Packet first = modern.expect(Type::kPublish);
  EXPECT_EQ(first.number(kSubscriptionId), 300u);
  modern.drop();
  client(of(kLevel5, "p")).publish(topic("y"), "waiting", {.qos = 2, .properties = rich()});
  TestClient old = silent();
  EXPECT_TRUE(old.connect(of(kLevel311, "s", false)).session_present);  // [MQTT-3.1.2-4]
  const Packet again = old.expect_message(topic("x"), "unacknowledged");
  EXPECT_TRUE(again.dup());
  EXPECT_EQ(again.packet_id, first.packet_id);  // [MQTT-4.4.0-1]
  old.expect_message(topic("y"), "waiting");
  client(of(kLevel5, "p")).publish(topic("x"), "live", {.qos = 1, .properties = rich()});
  old.expect_message(topic("x"), "live");
  old.disconnect();
  EXPECT_TRUE(is_present(kLevel5, "s"));  // a session of 3.1.1 has no end
  client(of(kLevel311, "s")).disconnect();
  EXPECT_FALSE(is_present(kLevel5, "s"));  // [MQTT-3.1.2-6]
  client(of(kLevel311, "s")).disconnect();
}

TEST_P(Versions, of_the_latest_connection_say_when_the_session_ends) {
  ConnectOptions ending = of(kLevel5, "s");
  ending.clean_start = false;
  client(of(kLevel311, "s", false)).disconnect();
  client(ending).disconnect();               // without a Session Expiry Interval
  EXPECT_FALSE(is_present(kLevel311, "s"));  // [MQTT5-4.1.0-2]
  ending.properties = {{kSessionExpiry, 1}};
  client(ending).disconnect();
  client(of(kLevel311, "s", false)).disconnect();
  let_pass(std::chrono::seconds(3));
  EXPECT_TRUE(is_present(kLevel311, "s"));
  client(of(kLevel5, "s")).disconnect();  // [MQTT5-3.1.2-4]
  EXPECT_FALSE(is_present(kLevel311, "s"));
  client(of(kLevel5, "s")).disconnect();
}

TEST_P(Versions, share_retained_messages) {
  client(of(kLevel5, "p")).publish(topic("x"), "kept", {.qos = 1, .retain = true, .properties = rich()});
  for (const uint8_t to : {kLevel31, kLevel311, kLevel5, kLevel311}) {
    TestClient subscriber = client(of(to, "s"));
    subscriber.subscribe(topic("x"), 1);
    const Packet message = subscriber.expect_message(topic("x"), "kept");
    EXPECT_TRUE(message.retain());
    if (to == kLevel5) expect_rich(message);
  }
  client(of(kLevel311, "p")).publish(topic("x"), "plain", 1, true);
  TestClient subscriber = client(of(kLevel5, "s"));
  subscriber.subscribe(topic("x"), 1);
  EXPECT_TRUE(subscriber.expect_message(topic("x"), "plain").properties.empty());
  client(of(kLevel311, "p")).publish(topic("x"), "", 1, true);
}

TEST_P(Versions, see_each_others_wills) {
  TestClient old = client(of(kLevel311, "o"));
  TestClient modern = client(of(kLevel5, "m"));
  for (TestClient* watcher : {&old, &modern}) watcher->subscribe(topic("will"), 2);
  ConnectOptions dying = of(kLevel5, "d");
  dying.will = Will{topic("will"), "of 5.0", 2, false, rich()};
  client(dying).drop();
  old.expect_message(topic("will"), "of 5.0");
  expect_rich(modern.expect_message(topic("will"), "of 5.0"));
  dying = of(kLevel311, "d");
  dying.will = Will{topic("will"), "of 3.1.1", 1};
  client(dying).drop();
  old.expect_message(topic("will"), "of 3.1.1");
  EXPECT_TRUE(modern.expect_message(topic("will"), "of 3.1.1").properties.empty());
}

TEST_P(Versions, take_over_from_each_other) {
  // Only a client of 5.0 is told why; before 5.0 a server has no DISCONNECT.
  TestClient old = client(of(kLevel311, "a"));
  TestClient modern = client(of(kLevel5, "a"));
  old.expect_closed();  // [MQTT-3.1.4-2]
  TestClient older = client(of(kLevel31, "a"));
  modern.expect_disconnect(reason::kSessionTakenOver);  // [MQTT5-3.1.4-3]
  older.expect_quiet();
}

TEST_P(Versions, before_5_0_are_told_nothing_when_the_server_stops) {
  own_broker();
  TestClient old = client(of(kLevel311, "a"));
  TestClient modern = client(of(kLevel5, "b"));
  own_broker().terminate();
  old.expect_closed();
  modern.expect_disconnect(reason::kServerShuttingDown);
  EXPECT_EQ(own_broker().wait_exit(), 0);
}

TEST_P(Versions, before_5_0_get_no_message_that_has_expired) {
  client(of(kLevel311, "s", false)).subscribe(topic("x"), 1);
  TestClient publisher = client(of(kLevel5, "p"));
  publisher.publish(topic("x"), "must not", {.qos = 1, .properties = {{kMessageExpiry, 1}}});
  publisher.publish(topic("x"), "lasting", {.qos = 1, .properties = {{kMessageExpiry, 1000}}});
  let_pass(std::chrono::seconds(3));
  TestClient subscriber = client(of(kLevel311, "s", false));
  subscriber.expect_message(topic("x"), "lasting");  // [MQTT5-3.3.2-5]
  subscriber.expect_quiet();
  client(of(kLevel311, "s")).disconnect();
}

TEST_P(Versions, before_5_0_keep_the_options_of_a_subscription_made_in_5_0) {
  // No Local belongs to the subscription, which belongs to the session, whoever resumes it. [MQTT5-3.8.3-3]
  client(of(kLevel5, "s", false)).subscribe(topic("x"), 1 | kNoLocal);
  TestClient old = client(of(kLevel311, "s", false));
  old.publish(topic("x"), "must not", 1);
  old.subscribe(topic("x"), 1);  // [MQTT-3.8.4-3]: replaced by one that has no such option
  old.publish(topic("x"), "m", 1);
  old.expect_message(topic("x"), "m");
  old.disconnect();
  client(of(kLevel311, "s")).disconnect();
}

TEST_P(Versions, that_do_not_exist_are_refused) {
  for (const int level : {0, 1, 2, 6, 77, 255}) {
    TestClient client = silent();
    client.send(connect_packet({.client_id = id("a"), .protocol_level = static_cast<uint8_t>(level)}) +
                pingreq_packet());
    // [MQTT5-3.1.2-2] [MQTT-3.1.2-2]: CONNACK of either version, that refuses, or no word.
    const std::string answer = client.bytes_until_closed();
    if (answer.empty()) continue;
    EXPECT_EQ(to_hex(answer.substr(0, 1)), "20") << level;
    EXPECT_NE(to_hex(answer.substr(3, 1)), "00") << level;
  }
}

}  // namespace
}  // namespace penstock::test
