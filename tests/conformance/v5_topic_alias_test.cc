// Topic aliases of MQTT 5.0, chapter 3.3.2.3.4, in both directions.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

class V5TopicAliasSuite : public BrokerSuite {
 protected:
  // A subscriber to all topics of this test.
  TestClient watcher() {
    TestClient watcher = client("w");
    watcher.subscribe(topic("#"), 2);
    return watcher;
  }
  // A client that the server lets have aliases.
  TestClient publisher() {
    TestClient publisher = client("p");
    EXPECT_GE(publisher.connack().number(kTopicAliasMaximum), 1u);
    return publisher;
  }
  std::string aliased(std::string_view name, std::string_view payload, uint32_t alias) const {
    return publish_packet(name.empty() ? "" : topic(name), payload, {.properties = {{kTopicAlias, alias}}});
  }
};

BROKER_SUITE_ON(V5TopicAliasSuite, V5TopicAlias, kLevel5);

TEST_P(V5TopicAlias, stands_for_the_topic_it_came_with) {
  TestClient watcher = this->watcher();
  TestClient publisher = this->publisher();
  publisher.send(aliased("x", "1", 1) + aliased("", "2", 1) + aliased("", "3", 1));
  for (const char* payload : {"1", "2", "3"}) watcher.expect_message(topic("x"), payload);
}

TEST_P(V5TopicAlias, can_be_given_another_topic) {
  TestClient watcher = this->watcher();
  TestClient publisher = this->publisher();
  publisher.send(aliased("x", "1", 1) + aliased("", "2", 1) + aliased("y", "3", 1) + aliased("", "4", 1) +
                 aliased("x", "5", 1) + aliased("", "6", 1));
  watcher.expect_message(topic("x"), "1");
  watcher.expect_message(topic("x"), "2");
  watcher.expect_message(topic("y"), "3");
  watcher.expect_message(topic("y"), "4");
  watcher.expect_message(topic("x"), "5");
  watcher.expect_message(topic("x"), "6");
}

TEST_P(V5TopicAlias, is_accepted_up_to_the_maximum) {
  TestClient watcher = this->watcher();
  TestClient publisher = this->publisher();
  const uint32_t maximum = publisher.connack().number(kTopicAliasMaximum);
  std::vector<uint32_t> aliases;
  for (uint32_t alias = maximum; alias > 0; alias -= std::min(alias, maximum / 100 + 1)) aliases.push_back(alias);
  std::string bytes;
  for (const uint32_t alias : aliases) bytes += aliased(std::to_string(alias), "first", alias);  // [MQTT5-3.3.2-12]
  for (const uint32_t alias : aliases) bytes += aliased("", "second", alias);
  publisher.send(bytes);
  for (const char* payload : {"first", "second"}) {
    for (const uint32_t alias : aliases) watcher.expect_message(topic(std::to_string(alias)), payload);
  }
}

TEST_P(V5TopicAlias, works_at_every_qos_and_for_retained_messages) {
  TestClient watcher = this->watcher();
  TestClient publisher = this->publisher();
  publisher.publish(topic("x"), "first", {.qos = 1, .properties = {{kTopicAlias, 1}}});
  watcher.expect_message(topic("x"), "first");
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    publisher.publish("", std::to_string(qos), {.qos = qos, .retain = true, .properties = {{kTopicAlias, 1}}});
    EXPECT_EQ(watcher.expect_message(topic("x"), std::to_string(qos)).qos(), qos);
  }
  TestClient late = client("l");
  late.subscribe(topic("x"), 2);
  late.expect_message(topic("x"), "2");
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(V5TopicAlias, is_not_passed_on) {
  TestClient watcher = this->watcher();  // which allows none [MQTT5-3.1.2-27]
  TestClient publisher = this->publisher();
  publisher.send(aliased("x", "m", 1));
  EXPECT_FALSE(watcher.expect_message(topic("x"), "m").has(kTopicAlias));
}

TEST_P(V5TopicAlias, of_zero_ends_the_connection) {
  TestClient publisher = client("p");
  publisher.send(aliased("x", "must not", 0));
  // [MQTT5-3.3.2-8]: the standard leaves the reason open, here it is this one.
  publisher.expect_disconnect(reason::kTopicAliasInvalid);
}

TEST_P(V5TopicAlias, above_the_maximum_ends_the_connection) {
  TestClient publisher = client("p");
  const uint32_t maximum = publisher.connack().number(kTopicAliasMaximum);
  if (maximum == 65535) GTEST_SKIP() << "there is no alias above the maximum";
  TestClient watcher = this->watcher();
  publisher.send(aliased("x", "must not", maximum + 1));
  publisher.expect_disconnect(reason::kTopicAliasInvalid);  // [MQTT5-3.3.2-9] [MQTT5-3.2.2-17] [MQTT5-3.2.2-18]
  client("f").publish(topic("fence"), "f");
  watcher.expect_message(topic("fence"), "f");
}

TEST_P(V5TopicAlias, that_nobody_has_set_is_a_protocol_error) {
  TestClient publisher = this->publisher();
  publisher.send(aliased("", "must not", 1));
  publisher.expect_disconnect(reason::kProtocolError);  // 3.3.2.3.4
}

TEST_P(V5TopicAlias, of_one_client_is_not_that_of_another) {
  TestClient publisher = this->publisher();
  publisher.publish(topic("x"), "m", {.qos = 1, .properties = {{kTopicAlias, 1}}});
  TestClient other = client("o");
  other.send(aliased("", "must not", 1));
  other.expect_disconnect(reason::kProtocolError);
}

TEST_P(V5TopicAlias, is_forgotten_with_the_connection) {
  const ConnectOptions options{.client_id = id("p"), .clean_session = false};
  TestClient first = client(options);
  first.publish(topic("x"), "m", {.qos = 1, .properties = {{kTopicAlias, 1}}});
  first.drop();
  TestClient second = client(options);
  EXPECT_TRUE(second.connack().session_present);
  second.send(aliased("", "must not", 1));
  second.expect_disconnect(reason::kProtocolError);  // [MQTT5-3.3.2-7]
  forget("p");
}

TEST_P(V5TopicAlias, of_the_server_comes_only_to_clients_that_allow_it) {
  for (const Properties& properties : {Properties{}, Properties{{kTopicAliasMaximum, 0}}}) {
    TestClient subscriber = client(ConnectOptions{.client_id = id("s"), .properties = properties});
    subscriber.subscribe(topic("#"), 1);
    TestClient publisher = client("p");
    for (int i = 0; i < 20; ++i) {
      publisher.publish(topic("x"), std::to_string(i), i % 2);
      // [MQTT5-3.1.2-27]; the client checks it too.
      EXPECT_FALSE(subscriber.expect_message(topic("x"), std::to_string(i)).has(kTopicAlias));
    }
  }
}

TEST_P(V5TopicAlias, of_the_server_keeps_to_the_maximum_and_names_the_right_topic) {
  for (const uint32_t maximum : {1u, 2u, 5u, 65535u}) {
    TestClient subscriber = client(ConnectOptions{.client_id = id("s"), .properties = {{kTopicAliasMaximum, maximum}}});
    subscriber.subscribe(topic("#"), 2);
    TestClient publisher = client("p");
    std::vector<std::string> topics;
    for (int i = 0; i < 200; ++i) topics.push_back(topic(std::to_string(i * i % 7)));
    std::string bytes;
    for (const std::string& name : topics) bytes += publish_packet(name, name);
    publisher.send(bytes);
    // [MQTT5-3.1.2-26] [MQTT5-3.3.2-11]; the client checks each alias and puts its topic in.
    for (const std::string& name : topics) subscriber.expect_message(name, name);
  }
}

TEST_P(V5TopicAlias, of_the_server_begins_anew_with_each_connection) {
  const ConnectOptions options{.client_id = id("s"), .clean_session = false, .properties = {{kTopicAliasMaximum, 3}}};
  client(options).subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  for (int i = 0; i < 3; ++i) {
    publisher.publish(topic("x"), "early", 1);
    publisher.publish(topic("x"), "late", 1);
    TestClient subscriber = client(options);
    subscriber.expect_message(topic("x"), "early");
    const Packet unacknowledged = subscriber.expect(Type::kPublish);
    EXPECT_EQ(unacknowledged.topic, topic("x"));
    subscriber.drop();
    subscriber = client(options);
    EXPECT_EQ(subscriber.expect_message(topic("x"), "late").packet_id, unacknowledged.packet_id);  // [MQTT5-3.3.2-7]
    subscriber.expect_quiet();
  }
  forget("s");
}

}  // namespace
}  // namespace penstock::test
