// SUBSCRIBE and UNSUBSCRIBE of MQTT 5.0, chapters 3.8 to 3.11: subscription options and reason codes. Subscription
// identifiers are in v5_subscription_id_test.cc, what 3.1.1 has too in subscribe_test.cc.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

class V5SubscribeSuite : public BrokerSuite {
 protected:
  // What comes to the client before something that was published later.
  std::vector<Packet> messages_before_fence(TestClient& client) {
    client.subscribe(topic("fence"), 1);
    this->client("f").publish(topic("fence"), "the fence", 1);
    std::vector<Packet> messages;
    for (Packet packet = client.take_message(); !client.broken() && packet.payload != "the fence";
         packet = client.take_message()) {
      messages.push_back(packet);
    }
    return messages;
  }
};

BROKER_SUITE_ON(V5SubscribeSuite, V5NoLocal, kLevel5);
BROKER_SUITE_ON(V5SubscribeSuite, V5Retain, kLevel5);
BROKER_SUITE_ON(V5SubscribeSuite, V5Subscribe, kLevel5);
BROKER_SUITE_ON(V5SubscribeSuite, V5Unsubscribe, kLevel5);

TEST_P(V5NoLocal, keeps_back_what_the_client_itself_published) {
  TestClient client = this->client("a");
  client.subscribe(topic("x"), 2 | kNoLocal);
  for (uint8_t qos = 0; qos <= 2; ++qos) client.publish(topic("x"), "must not", qos);
  this->client("b").publish(topic("x"), "of another", 1);
  client.expect_message(topic("x"), "of another");  // [MQTT5-3.8.3-3]
}

TEST_P(V5NoLocal, is_a_matter_of_each_subscription) {
  TestClient client = this->client("a");
  client.subscribe({{topic("x"), 1 | kNoLocal}, {topic("+"), 1}, {topic("y"), 1}});
  client.publish(topic("x"), "m", 1);
  client.expect_message(topic("x"), "m");  // by the other filter
  client.publish(topic("y"), "m", 1);
  client.expect_message(topic("y"), "m");
}

TEST_P(V5NoLocal, is_about_client_ids_and_not_about_connections) {
  const ConnectOptions options{.client_id = id("a"), .clean_session = false};
  TestClient first = client(options);
  first.subscribe(topic("x"), 1 | kNoLocal);
  first.publish(topic("x"), "must not", 1);
  first.drop();
  TestClient second = client(options);
  client("b").publish(topic("x"), "of another", 1);
  second.expect_message(topic("x"), "of another");  // [MQTT5-3.8.3-3]
  second.disconnect();
  forget("a");
}

TEST_P(V5NoLocal, can_be_changed_by_subscribing_again) {
  TestClient client = this->client("a");
  client.subscribe(topic("x"), 1 | kNoLocal);
  client.publish(topic("x"), "must not", 1);
  client.subscribe(topic("x"), 1);  // [MQTT5-3.8.4-3]
  client.publish(topic("x"), "m", 1);
  client.expect_message(topic("x"), "m");
  client.subscribe(topic("x"), 1 | kNoLocal);
  client.publish(topic("x"), "must not", 1);
  EXPECT_TRUE(messages_before_fence(client).empty());
}

TEST_P(V5Retain, as_published_passes_the_flag_on) {
  TestClient publisher = client("p");
  for (const bool as_published : {true, false}) {
    TestClient subscriber = client("s");
    subscriber.subscribe(topic("x"), as_published ? 1 | kRetainAsPublished : 1);
    for (const bool retain : {true, false}) {
      publisher.publish(topic("x"), "m", 1, retain);
      // [MQTT5-3.3.1-12] [MQTT5-3.3.1-13]
      EXPECT_EQ(subscriber.expect_message(topic("x"), "m").retain(), retain && as_published);
    }
    publisher.publish(topic("x"), "", 1, true);
    EXPECT_EQ(subscriber.expect_message(topic("x"), "").retain(), as_published);
  }
}

TEST_P(V5Retain, as_published_is_kept_with_the_messages_of_a_session) {
  const ConnectOptions options{.client_id = id("s"), .clean_session = false};
  client(options).subscribe({{topic("x"), 1 | kRetainAsPublished}, {topic("y"), 1}});
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "x", 1, true);
  publisher.publish(topic("y"), "y", 1, true);
  TestClient subscriber = client(options);
  for (int i = 0; i < 2; ++i) {
    const Packet message = subscriber.take_message();
    EXPECT_EQ(message.retain(), message.payload == "x");  // [MQTT5-3.3.1-12] [MQTT5-3.3.1-13]
  }
  for (const char* name : {"x", "y"}) publisher.publish(topic(name), "", 1, true);
  subscriber.disconnect();
  forget("s");
}

TEST_P(V5Retain, handling_0_sends_the_messages_with_every_subscribe) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", 1, true);
  TestClient subscriber = client("s");
  for (const int options : {1, 1 | kRetainAsPublished, 1}) {
    subscriber.subscribe(topic("x"), static_cast<uint8_t>(options));
    // [MQTT5-3.3.1-9] [MQTT5-3.8.4-4]; 3.8.3.1: with RETAIN 1 whatever Retain As Published says.
    EXPECT_TRUE(subscriber.expect_message(topic("x"), "kept").retain());
  }
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(V5Retain, handling_1_sends_the_messages_where_the_subscription_is_new) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", 1, true);
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1 | kRetainWhenNew);
  EXPECT_TRUE(subscriber.expect_message(topic("x"), "kept").retain());  // [MQTT5-3.3.1-10]
  subscriber.subscribe(topic("x"), 1 | kRetainWhenNew);
  subscriber.subscribe(topic("x"), 2 | kRetainWhenNew);
  EXPECT_TRUE(messages_before_fence(subscriber).empty());  // [MQTT5-3.3.1-10]
  subscriber.unsubscribe(topic("x"));
  subscriber.subscribe(topic("x"), 1 | kRetainWhenNew);
  subscriber.expect_message(topic("x"), "kept");
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(V5Retain, handling_1_knows_the_subscriptions_of_a_resumed_session) {
  const ConnectOptions options{.client_id = id("s"), .clean_session = false};
  client(options).subscribe(topic("x"), 1 | kRetainNever);
  TestClient publisher = client("p");
  TestClient subscriber = client(options);
  publisher.publish(topic("x"), "kept", 1, true);
  EXPECT_FALSE(subscriber.expect_message(topic("x"), "kept").retain());
  subscriber.subscribe(topic("x"), 1 | kRetainWhenNew);
  EXPECT_TRUE(messages_before_fence(subscriber).empty());  // [MQTT5-3.3.1-10]
  publisher.publish(topic("x"), "", 1, true);
  forget("s");
}

TEST_P(V5Retain, handling_2_sends_no_messages) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", 1, true);
  TestClient subscriber = client("s");
  for (int i = 0; i < 2; ++i) subscriber.subscribe(topic("x"), 1 | kRetainNever);
  EXPECT_TRUE(messages_before_fence(subscriber).empty());  // [MQTT5-3.3.1-11]
  publisher.publish(topic("x"), "live", 1);
  EXPECT_FALSE(subscriber.expect_message(topic("x"), "live").retain());
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(V5Retain, handling_is_a_matter_of_each_filter_of_a_packet) {
  TestClient publisher = client("p");
  for (const char* name : {"a", "b", "c"}) publisher.publish(topic(name), name, 1, true);
  TestClient subscriber = client("s");
  subscriber.subscribe({{topic("a"), 1 | kRetainNever}, {topic("b"), 1}, {topic("c"), 1 | kRetainWhenNew}});
  std::vector<Packet> messages = messages_before_fence(subscriber);
  ASSERT_EQ(messages.size(), 2u);
  std::ranges::sort(messages, {}, &Packet::payload);
  EXPECT_EQ(messages[0].payload, "b");
  EXPECT_EQ(messages[1].payload, "c");
  for (const char* name : {"a", "b", "c"}) publisher.publish(topic(name), "", 1, true);
}

TEST_P(V5Subscribe, accepts_user_properties) {
  TestClient client = this->client("a");
  EXPECT_EQ(to_hex(client.subscribe({{topic("x"), 1}}, {{kUserProperty, "a", "b"}, {kUserProperty, "a", "b"}})), "01");
}

TEST_P(V5Subscribe, loses_nothing_when_a_subscription_gets_other_options) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  for (int i = 0; i < 40; ++i) {
    publisher.send(publish_packet(topic("x"), std::to_string(i)));
    subscriber.subscribe(topic("x"), static_cast<uint8_t>(i % 3 | (i % 2 == 0 ? kRetainNever : kRetainWhenNew)));
  }
  for (int i = 0; i < 40; ++i) subscriber.expect_message(topic("x"), std::to_string(i));  // [MQTT5-3.8.4-4]
}

TEST_P(V5Subscribe, grants_no_filter_that_the_standard_forbids) {
  for (const char* filter : {"", "a#", "#/a", "a/#/b", "##", "a+", "+a", "a/b+/c", "+#"}) {
    TestClient client = this->client("a");
    client.send(subscribe_packet(7, {{filter, 1}}));
    // [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] [MQTT5-4.7.3-1]: refused alone, or with the connection.
    const Packet answer = client.next();
    if (answer.type == Type::kSuback) {
      EXPECT_GE(static_cast<uint8_t>(answer.codes[0]), reason::kFirstFailure) << filter;
      client.expect_quiet();
      continue;
    }
    EXPECT_EQ(answer.type, Type::kDisconnect) << filter;
    EXPECT_GE(answer.reason_code, reason::kFirstFailure) << filter;
    client.expect_closed();  // [MQTT5-4.13.1-1]
  }
}

TEST_P(V5Unsubscribe, says_of_each_filter_whether_it_was_there) {
  TestClient client = this->client("a");
  client.subscribe({{topic("a"), 0}, {topic("b/#"), 1}, {topic("c"), 2}});
  const std::vector<std::string> filters = {topic("b/#"), topic("never"), topic("a"), topic("a")};
  // [MQTT5-3.11.3-1] [MQTT5-3.11.3-2] [MQTT5-3.10.4-6]
  EXPECT_EQ(to_hex(client.unsubscribe(filters)), "00 11 00 11");
  EXPECT_EQ(client.unsubscribe(topic("c")), reason::kSuccess);
  EXPECT_EQ(client.unsubscribe(topic("c")), reason::kNoSubscriptionExisted);  // [MQTT5-3.10.4-5]
}

TEST_P(V5Unsubscribe, accepts_user_properties) {
  TestClient client = this->client("a");
  client.subscribe(topic("x"), 0);
  client.send(test::unsubscribe_packet(9, {topic("x")}, {{kUserProperty, "a", "b"}}, kLevel5));
  EXPECT_EQ(to_hex(client.expect(Type::kUnsuback, 9).codes), "00");
}

}  // namespace
}  // namespace penstock::test
