// Retained messages, chapter 3.3.1.3.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE_OF_ALL_VERSIONS(Retained);

TEST_P(Retained, are_sent_to_new_subscriptions_with_the_retain_flag) {
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    const std::string name = topic(std::to_string(qos));
    TestClient publisher = client("p");
    publisher.publish(name, "kept", qos, true);  // [MQTT-3.3.1-5]
    publisher.expect_quiet();
    TestClient subscriber = client("s");
    subscriber.subscribe(name, 2);
    const Packet packet = subscriber.expect_message(name, "kept");  // [MQTT-3.3.1-6]
    EXPECT_TRUE(packet.retain());                                   // [MQTT-3.3.1-8]
    EXPECT_EQ(packet.qos(), qos);
    EXPECT_FALSE(packet.dup());
    publisher.publish(name, "", qos, true);
  }
}

TEST_P(Retained, are_delivered_at_the_granted_qos) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", 2, true);
  for (uint8_t granted = 0; granted <= 2; ++granted) {
    TestClient subscriber = client("s");
    subscriber.subscribe(topic("x"), granted);
    EXPECT_EQ(subscriber.expect_message(topic("x"), "kept").qos(), granted);  // [MQTT-3.8.4-6]
  }
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(Retained, have_no_retain_flag_for_established_subscriptions) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", 1, true);
  EXPECT_FALSE(subscriber.expect_message(topic("x"), "kept").retain());  // [MQTT-3.3.1-9]
  publisher.publish(topic("x"), "", 1, true);
  EXPECT_FALSE(subscriber.expect_message(topic("x"), "").retain());  // [MQTT-3.3.1-10]: sent on like any message
}

TEST_P(Retained, are_replaced_by_the_next) {
  TestClient publisher = client("p");
  for (const char* text : {"1", "2", "3"}) publisher.publish(topic("x"), text, 1, true);
  TestClient subscriber = client("s");
  subscriber.subscribe({{topic("x"), 1}, {topic("fence"), 1}});
  subscriber.expect_message(topic("x"), "3");  // [MQTT-3.3.1-5]
  publisher.publish(topic("fence"), "f", 1);
  subscriber.expect_message(topic("fence"), "f");
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(Retained, of_qos_0_replace_those_of_higher_qos) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "old", 2, true);
  publisher.publish(topic("x"), "new", 0, true);  // [MQTT-3.3.1-7]
  publisher.publish(topic("y"), "behind", 1);
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  EXPECT_EQ(subscriber.expect_message(topic("x"), "new").qos(), 0);
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(Retained, are_removed_by_an_empty_payload) {
  TestClient publisher = client("p");
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    publisher.publish(topic("x"), "kept", 1, true);
    publisher.publish(topic("x"), "", qos, true);  // [MQTT-3.3.1-10] [MQTT-3.3.1-11]
    publisher.publish(topic("y"), "behind", 1);
    TestClient subscriber = client("s");
    subscriber.subscribe(topic("x"), 1);
    publisher.publish(topic("x"), "live", 1);
    EXPECT_FALSE(subscriber.expect_message(topic("x"), "live").retain());
  }
}

TEST_P(Retained, are_not_touched_by_messages_without_the_flag) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", 1, true);
  publisher.publish(topic("x"), "live", 1, false);  // [MQTT-3.3.1-12]
  publisher.publish(topic("x"), "", 1, false);
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  subscriber.expect_message(topic("x"), "kept");
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(Retained, are_not_made_by_messages_without_the_flag) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "live", 1, false);  // [MQTT-3.3.1-12]
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  publisher.publish(topic("x"), "fence", 1);
  EXPECT_FALSE(subscriber.expect_message(topic("x"), "fence").retain());
}

TEST_P(Retained, outlive_the_session_that_published_them) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", 1, true);
  publisher.disconnect();
  forget("p");
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  subscriber.expect_message(topic("x"), "kept");  // [MQTT-3.1.2-7]
  subscriber.publish(topic("x"), "", 1, true);
}

TEST_P(Retained, match_wildcard_subscriptions) {
  TestClient publisher = client("p");
  const std::vector<std::string> names = {"a", "a/b", "a/c", "a/b/c", "d", "a/", "/"};
  for (const std::string& name : names) publisher.publish(topic(name), name, 1, true);
  const auto matches = [&](const std::string& filter) {
    TestClient subscriber = client("s");
    subscriber.subscribe(topic(filter), 1);
    subscriber.subscribe(topic("fence"), 1);
    std::multiset<std::string> found;
    // The retained messages of a subscription come before anything published after its SUBACK.
    publisher.publish(topic("fence"), "f", 1);
    for (Packet packet = subscriber.take_message(); !subscriber.broken() && packet.payload != "f";
         packet = subscriber.take_message()) {
      EXPECT_TRUE(packet.retain());
      found.insert(packet.payload);
    }
    return found;
  };
  using Names = std::multiset<std::string>;
  EXPECT_EQ(matches("a/+"), (Names{"a/b", "a/c", "a/"}));  // [MQTT-3.3.2-3]
  EXPECT_EQ(matches("a/#"), (Names{"a", "a/b", "a/c", "a/b/c", "a/"}));
  EXPECT_EQ(matches("+"), (Names{"a", "d"}));
  EXPECT_EQ(matches("+/+"), (Names{"a/b", "a/c", "a/", "/"}));
  EXPECT_EQ(matches("+/b/#"), (Names{"a/b", "a/b/c"}));
  EXPECT_EQ(matches("a"), (Names{"a"}));
  EXPECT_EQ(matches("nothing/#"), Names{});
  for (const std::string& name : names) publisher.publish(topic(name), "", 1, true);
}

TEST_P(Retained, of_thousands_of_topics_all_arrive) {
  constexpr int kTopics = 3000;
  TestClient publisher = client("p");
  for (int i = 0; i < kTopics; ++i)
    publisher.send(publish_packet(topic("r/" + std::to_string(i)), "v", {.retain = true}));
  publisher.publish(topic("behind"), "b", 1);
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("r/+"), 1);
  std::set<std::string> found;
  for (int i = 0; i < kTopics; ++i) found.insert(subscriber.take_message().topic);
  EXPECT_EQ(found.size(), size_t{kTopics});
  for (int i = 0; i < kTopics; ++i)
    publisher.send(publish_packet(topic("r/" + std::to_string(i)), "", {.retain = true}));
  publisher.publish(topic("behind"), "b", 1);
}

TEST_P(Retained, are_kept_apart_by_topic_bytes) {
  TestClient publisher = client("p");
  publisher.publish(topic("ab"), "1", 1, true);
  publisher.publish(topic("a/b"), "2", 1, true);
  publisher.publish(topic("AB"), "3", 1, true);
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("ab"), 1);
  subscriber.expect_message(topic("ab"), "1");
  subscriber.subscribe(topic("AB"), 1);
  subscriber.expect_message(topic("AB"), "3");
  for (const char* name : {"ab", "a/b", "AB"}) publisher.publish(topic(name), "", 1, true);
}

}  // namespace
}  // namespace penstock::test
