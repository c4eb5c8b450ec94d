// What only clients of 5.0 have, over the end of the process and over a change of the number of shards: properties,
// options and identifiers of subscriptions, intervals and delays that go on, wills that wait. What every version has is
// in durability_test.cc.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

using enum PropertyId;

constexpr uint32_t kLong_s = 100'000;

Properties everything() {
  return {{kPayloadFormat, 1},       {kContentType, "text/plain"}, {kResponseTopic, "answers"}, {kCorrelation, "17"},
          {kUserProperty, "b", "2"}, {kUserProperty, "a", "1"},    {kUserProperty, "b", "2"}};
}

void expect_everything(const Packet& message, uint32_t subscription_id) {
  for (const Property& property : everything()) {
    EXPECT_EQ(all_of(message.properties, property.id), all_of(everything(), property.id)) << message;
  }
  EXPECT_EQ(message.number(kSubscriptionId), subscription_id) << message;
}

class V5DurabilitySuite : public BrokerSuite {
 protected:
  ConnectOptions lasting(std::string_view name, uint32_t expiry_s = kLong_s) const {
    return {.client_id = id(name), .clean_start = false, .properties = {{kSessionExpiry, expiry_s}}};
  }
  ConnectOptions mortal(std::string_view name, uint32_t delay_s) const {
    ConnectOptions options = lasting(name);
    options.will = Will{topic("will"), std::string(name), 1, false, {{kWillDelay, delay_s}}};
    return options;
  }
  bool is_present(std::string_view name) {
    return silent().connect({.client_id = id(name), .clean_start = false}).session_present;
  }
  // The next that comes to it is what is published now.
  void expect_nothing_waits(TestClient& subscriber) {
    subscriber.subscribe(topic("fence"), 1);
    client("f").publish(topic("fence"), "f", 1);
    subscriber.expect_message(topic("fence"), "f");
  }
};

BROKER_SUITE_ON(V5DurabilitySuite, V5AfterKill, kLevel5);
BROKER_SUITE_ON(V5DurabilitySuite, V5ShardsChange, kLevel5);

// What began before the kill ends behind it, when the whole time has passed; begun anew it would still last.
TEST_P(V5AfterKill, intervals_and_delays_go_on) {
  constexpr uint32_t kInterval_s = 4;
  constexpr std::chrono::seconds kPart(3);
  own_broker();
  client(lasting("w")).subscribe({{topic("will"), 1}, {topic("fence"), 1}});
  TestClient publisher = client("p");
  publisher.publish(topic("r/short"), "must not",
                    {.qos = 1, .retain = true, .properties = {{kMessageExpiry, kInterval_s}}});
  publisher.publish(topic("r/long"), "kept", {.qos = 1, .retain = true, .properties = {{kMessageExpiry, kLong_s}}});
  client(lasting("short", kInterval_s)).drop();
  client(lasting("long")).drop();
  client(mortal("dying", kInterval_s)).drop();
  let_pass(kPart);
  ASSERT_TRUE(own_broker().restart());
  let_pass(kPart);
  client("f").publish(topic("fence"), "f", 1);
  EXPECT_FALSE(is_present("short"));
  EXPECT_TRUE(is_present("long"));
  TestClient watcher = client(lasting("w"));
  watcher.expect_message(topic("will"), "dying");
  watcher.expect_message(topic("fence"), "f");
  TestClient late = client("l");
  late.subscribe(topic("r/+"), 1);
  EXPECT_LE(late.expect_message(topic("r/long"), "kept").number(kMessageExpiry), kLong_s - kInterval_s);
  expect_nothing_waits(late);
}

TEST_P(V5AfterKill, a_will_that_waits_is_not_published_when_its_client_comes_back) {
  own_broker();
  client(lasting("w")).subscribe(topic("will"), 1);
  client(mortal("dropped", kLong_s)).drop();
  TestClient connected = client(mortal("connected", kLong_s));
  ASSERT_TRUE(own_broker().restart());
  for (const char* name : {"dropped", "connected"}) {
    TestClient back = silent();
    EXPECT_TRUE(back.connect(lasting(name)).session_present) << name;
    back.disconnect(0, {{kSessionExpiry, 0}});  // ends the session, which would bring a will that still waits
  }
  ASSERT_TRUE(own_broker().restart());
  TestClient watcher = client(lasting("w"));
  expect_nothing_waits(watcher);
}

TEST_P(V5AfterKill, a_will_has_its_properties) {
  own_broker();
  client(lasting("w")).subscribe({{topic("will"), 1}}, {{kSubscriptionId, 9}});
  ConnectOptions options = lasting("d");
  options.will = Will{topic("will"), "gone", 1, false, everything()};
  TestClient dying = client(options);
  ASSERT_TRUE(own_broker().restart());
  expect_everything(client(lasting("w")).expect_message(topic("will"), "gone"), 9);
}

TEST_P(V5AfterKill, a_subscription_has_the_options_and_the_identifier_that_were_asked_for_last) {
  own_broker();
  TestClient subscriber = client(lasting("s"));
  subscriber.subscribe({{topic("loud"), 1 | kNoLocal | kRetainAsPublished}}, {{kSubscriptionId, 7}});
  subscriber.subscribe({{topic("loud"), 2}}, {{kSubscriptionId, 8}});
  subscriber.subscribe({{topic("quiet"), 1}}, {{kSubscriptionId, 7}});
  subscriber.subscribe({{topic("quiet"), 1 | kNoLocal | kRetainAsPublished}});
  ASSERT_TRUE(own_broker().restart());
  subscriber = client(lasting("s"));
  subscriber.publish(topic("quiet"), "must not", 1);
  subscriber.publish(topic("loud"), "own", 2, true);
  const Packet loud = subscriber.expect_message(topic("loud"), "own");
  EXPECT_EQ(loud.qos(), 2);
  EXPECT_FALSE(loud.retain());
  EXPECT_EQ(loud.number(kSubscriptionId), 8u);
  client("p").publish(topic("quiet"), "kept", 2, true);
  const Packet quiet = subscriber.expect_message(topic("quiet"), "kept");
  EXPECT_EQ(quiet.qos(), 1);
  EXPECT_TRUE(quiet.retain());
  EXPECT_FALSE(quiet.has(kSubscriptionId));
  // Both are known, so nothing retained comes for them.
  subscriber.subscribe({{topic("quiet"), 1 | kRetainWhenNew}, {topic("loud"), 1 | kRetainWhenNew}});
  expect_nothing_waits(subscriber);
}

TEST_P(V5AfterKill, retained_messages_have_their_properties) {
  own_broker();
  TestClient publisher = client("p");
  for (uint8_t qos = 1; qos <= 2; ++qos) {
    const std::string name = topic("r/" + std::to_string(qos));
    publisher.publish(name, "older", {.qos = qos, .retain = true, .properties = {{kContentType, "other"}}});
    publisher.publish(name, "kept", {.qos = qos, .retain = true, .properties = everything()});
  }
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(own_broker().restart());
    TestClient subscriber = client("s");
    subscriber.subscribe({{topic("r/+"), 2}}, {{kSubscriptionId, 9}});
    for (int i = 0; i < 2; ++i) {
      const Packet message = subscriber.take_message();
      EXPECT_EQ(message.payload, "kept");
      expect_everything(message, 9);
    }
  }
}

TEST_P(V5AfterKill, what_was_under_way_comes_again_as_it_was) {
  own_broker();
  TestClient subscriber = client(lasting("s"));
  subscriber.subscribe({{topic("x"), 2}}, {{kSubscriptionId, 9}});
  TestClient publisher = client("p");
  for (uint8_t qos = 1; qos <= 2; ++qos) publisher.publish(topic("x"), "m", {.qos = qos, .properties = everything()});
  publisher.publish("t/p2p/" + id("s"), "to you", {.qos = 1, .properties = everything()});
  for (int i = 0; i < 3; ++i) subscriber.expect(Type::kPublish);
  ASSERT_TRUE(own_broker().restart());
  subscriber = client(lasting("s"));
  for (int i = 0; i < 3; ++i) {
    const Packet again = subscriber.take_message();
    EXPECT_TRUE(again.dup()) << again;
    expect_everything(again, again.payload == "to you" ? 0 : 9);
  }
}

// Everything at once moves to other shards, and once by a kill.
TEST_P(V5ShardsChange, loses_nothing) {
  constexpr int kSessions = 8;
  BrokerProcess& broker = own_broker();
  const auto name = [](int i) { return "s" + std::to_string(i); };
  const auto own_topic = [&](int i) { return topic("own/" + std::to_string(i)); };
  for (int i = 0; i < kSessions; ++i) {
    TestClient subscriber = client(lasting(name(i)));
    subscriber.subscribe({{own_topic(i), 2 | kNoLocal | kRetainAsPublished}},
                         {{kSubscriptionId, static_cast<uint32_t>(i + 1)}});
    subscriber.subscribe({{"$share/g" + std::to_string(i) + "/" + topic("shared"), 1}}, {{kSubscriptionId, 100}});
    subscriber.publish(own_topic(i), "must not", 1);
    subscriber.disconnect();
    client(mortal("m" + std::to_string(i), kLong_s)).drop();
  }
  TestClient publisher = client("p");
  for (int i = 0; i < kSessions; ++i) {
    const PublishOptions kept{.qos = 2, .retain = true, .properties = everything()};
    publisher.publish(own_topic(i), "own", kept);
    publisher.publish("t/p2p/" + id(name(i)), "p2p", {.qos = 1, .properties = everything()});
  }
  publisher.publish(topic("shared"), "shared", {.qos = 1, .properties = everything()});
  publisher.drop();
  for (const int shards : {2, 8, 1}) {
    if (shards == 8) {
      broker.kill9();
    } else {
      EXPECT_EQ(broker.stop(), 0);
    }
    ASSERT_TRUE(broker.restart_with(shards));
  }
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  for (int i = 0; i < kSessions; ++i) {
    SCOPED_TRACE(name(i));
    TestClient subscriber = silent();
    EXPECT_TRUE(subscriber.connect(lasting(name(i))).session_present);
    for (int taken = 0; taken < 3 && !subscriber.broken(); ++taken) {
      const Packet message = subscriber.take_message();
      EXPECT_EQ(message.retain(), message.payload == "own");
      expect_everything(message, message.payload == "own"   ? static_cast<uint32_t>(i + 1)
                                 : message.payload == "p2p" ? 0
                                                            : 100);
    }
    subscriber.expect_quiet();
    subscriber.publish(own_topic(i), "must not", 1);
    expect_nothing_waits(subscriber);
    // Their wills have waited all the time, until their sessions end.
    forget("m" + std::to_string(i));
    watcher.expect_message(topic("will"), "m" + std::to_string(i));
  }
}

}  // namespace
}  // namespace penstock::test
