// Subscription identifiers of MQTT 5.0, chapters 3.3.2.3.8, 3.3.4 and 3.8.2.1.2.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

using enum PropertyId;

using Ids = std::multiset<uint32_t>;

Ids ids_of(const Packet& message) {
  Ids ids;
  for (const Property& property : all_of(message.properties, kSubscriptionId)) ids.insert(property.number);
  return ids;
}

class V5SubscriptionIdSuite : public BrokerSuite {
 protected:
  // The identifiers of all copies of one message. [MQTT5-3.3.4-5]: there may be one copy for each subscription.
  Ids ids_of_copies(TestClient& subscriber, std::string_view payload) {
    Ids ids;
    for (const Packet& copy : subscriber.take_messages()) {
      if (copy.payload == payload) ids.merge(ids_of(copy));
    }
    return ids;
  }
};

BROKER_SUITE_ON(V5SubscriptionIdSuite, V5SubscriptionId, kLevel5);

TEST_P(V5SubscriptionId, comes_with_every_message_of_its_subscription) {
  TestClient subscriber = client("s");
  TestClient publisher = client("p");
  for (const uint32_t number : {1u, 127u, 128u, 16383u, 16384u, 2097151u, 2097152u, 268435455u}) {
    subscriber.subscribe({{topic("x"), 2}}, {{kSubscriptionId, number}});
    for (uint8_t qos = 0; qos <= 2; ++qos) {
      publisher.publish(topic("x"), "m", qos);
      EXPECT_EQ(ids_of(subscriber.expect_message(topic("x"), "m")), Ids{number});  // [MQTT5-3.3.4-3]
    }
  }
}

TEST_P(V5SubscriptionId, is_that_of_every_filter_of_its_packet) {
  TestClient subscriber = client("s");
  subscriber.subscribe({{topic("x"), 1}, {topic("y"), 1}}, {{kSubscriptionId, 5}});
  TestClient publisher = client("p");
  for (const char* name : {"x", "y"}) {
    publisher.publish(topic(name), "m", 1);
    EXPECT_EQ(ids_of(subscriber.expect_message(topic(name), "m")), Ids{5});
  }
}

TEST_P(V5SubscriptionId, is_absent_where_the_subscription_has_none) {
  TestClient subscriber = client("s");
  subscriber.subscribe({{topic("x"), 1}}, {{kSubscriptionId, 5}});
  subscriber.subscribe(topic("y"), 1);
  TestClient publisher = client("p");
  publisher.publish(topic("y"), "m", 1);
  EXPECT_EQ(ids_of(subscriber.expect_message(topic("y"), "m")), Ids{});
}

TEST_P(V5SubscriptionId, of_all_matching_subscriptions_come) {
  TestClient subscriber = client("s");
  subscriber.subscribe({{topic("a/b"), 1}}, {{kSubscriptionId, 1}});
  subscriber.subscribe({{topic("a/+"), 2}}, {{kSubscriptionId, 2}});
  subscriber.subscribe({{topic("a/#"), 0}}, {{kSubscriptionId, 3}});
  subscriber.subscribe({{topic("+/b"), 1}});
  subscriber.subscribe({{topic("c/#"), 1}}, {{kSubscriptionId, 4}});
  TestClient publisher = client("p");
  publisher.publish(topic("a/b"), "m", 2);
  const Packet first = subscriber.take_message();
  EXPECT_EQ(first.payload, "m");
  Ids ids = ids_of(first);
  ids.merge(ids_of_copies(subscriber, "m"));
  EXPECT_EQ(ids, (Ids{1, 2, 3}));  // [MQTT5-3.3.4-3] [MQTT5-3.3.4-4] [MQTT5-3.3.4-5]
}

TEST_P(V5SubscriptionId, of_other_clients_stays_with_them) {
  TestClient a = client("a");
  TestClient b = client("b");
  TestClient c = client("c");
  a.subscribe({{topic("x"), 1}}, {{kSubscriptionId, 1}});
  b.subscribe({{topic("x"), 1}}, {{kSubscriptionId, 2}});
  c.subscribe(topic("x"), 1);
  client("p").publish(topic("x"), "m", 1);
  EXPECT_EQ(ids_of(a.expect_message(topic("x"), "m")), Ids{1});
  EXPECT_EQ(ids_of(b.expect_message(topic("x"), "m")), Ids{2});
  EXPECT_EQ(ids_of(c.expect_message(topic("x"), "m")), Ids{});
}

TEST_P(V5SubscriptionId, changes_when_the_client_subscribes_again) {
  TestClient subscriber = client("s");
  TestClient publisher = client("p");
  const auto ids_with = [&](const Properties& properties) {
    subscriber.subscribe({{topic("x"), 1}}, properties);
    publisher.publish(topic("x"), "m", 1);
    return ids_of(subscriber.expect_message(topic("x"), "m"));
  };
  // [MQTT5-3.8.4-3]: a new subscription in the place of the old one.
  EXPECT_EQ(ids_with({{kSubscriptionId, 1}}), Ids{1});
  EXPECT_EQ(ids_with({{kSubscriptionId, 2}}), Ids{2});
  EXPECT_EQ(ids_with({}), Ids{});
  EXPECT_EQ(ids_with({{kSubscriptionId, 3}}), Ids{3});
}

TEST_P(V5SubscriptionId, comes_with_retained_messages_too) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", 1, true);
  TestClient subscriber = client("s");
  subscriber.subscribe({{topic("x"), 1}}, {{kSubscriptionId, 9}});
  EXPECT_EQ(ids_of(subscriber.expect_message(topic("x"), "kept")), Ids{9});
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(V5SubscriptionId, is_part_of_the_session) {
  const ConnectOptions options{.client_id = id("s"), .clean_session = false};
  client(options).subscribe({{topic("x"), 1}}, {{kSubscriptionId, 9}});
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "offline", 1);
  TestClient subscriber = client(options);
  EXPECT_EQ(ids_of(subscriber.expect_message(topic("x"), "offline")), Ids{9});
  publisher.publish(topic("x"), "live", 1);
  EXPECT_EQ(ids_of(subscriber.expect_message(topic("x"), "live")), Ids{9});
  subscriber.disconnect();
  forget("s");
}

TEST_P(V5SubscriptionId, comes_again_with_what_is_sent_again) {
  const ConnectOptions options{.client_id = id("s"), .clean_session = false};
  TestClient subscriber = client(options);
  subscriber.subscribe({{topic("x"), 2}}, {{kSubscriptionId, 9}});
  client("p").publish(topic("x"), "m", 2);
  EXPECT_EQ(ids_of(subscriber.expect(Type::kPublish)), Ids{9});
  subscriber.drop();
  subscriber = client(options);
  EXPECT_EQ(ids_of(subscriber.expect_message(topic("x"), "m")), Ids{9});
  subscriber.disconnect();
  forget("s");
}

}  // namespace
}  // namespace penstock::test
