// Point to point, as the brokers of the clouds have it: a message to PARENT/p2p/CLIENTID, with anything behind it, goes
// to that one client, which subscribes to nothing. No part of the standard; topics of any other form are plain ones.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

class PointToPointSuite : public BrokerSuite {
 protected:
  std::string to(std::string_view name, std::string_view more = "") const {
    return "t/p2p/" + id(name) + std::string(more);
  }
  void expect_fence(TestClient& client) {
    client.subscribe(topic("fence"), 1);
    this->client("f").publish(topic("fence"), "f", 1);
    client.expect_message(topic("fence"), "f");
  }
};

BROKER_SUITE_ON(PointToPointSuite, PointToPoint, kLevel311, kLevel5);
BROKER_SUITE_ON(PointToPointSuite, V5PointToPoint, kLevel5);

TEST_P(PointToPoint, reaches_the_client_that_is_named) {
  TestClient publisher = client("p");
  // So many that each shard is home to some of them.
  for (int i = 0; i < 20; ++i) {
    const std::string name = std::to_string(i);
    TestClient receiver = client(name);
    for (uint8_t qos = 0; qos <= 2; ++qos) {
      publisher.publish(to(name), "m", qos);
      const Packet message = receiver.expect_message(to(name), "m");
      EXPECT_EQ(message.qos(), qos);
      EXPECT_FALSE(message.retain());
    }
  }
}

TEST_P(PointToPoint, may_be_below_any_parent_topic) {
  TestClient receiver = client("r");
  TestClient publisher = client("p");
  for (const std::string& parent : {std::string("t"), id("parent"), std::string("\xc3\xa4 b")}) {
    const std::string name = parent + "/p2p/" + id("r");
    publisher.publish(name, "m", 1);
    receiver.expect_message(name, "m");
  }
}

TEST_P(PointToPoint, keeps_further_levels_in_the_topic) {
  TestClient receiver = client("r");
  TestClient publisher = client("p");
  for (const char* more : {"/a", "/a/b/c", "/", "/p2p/other"}) {
    publisher.publish(to("r", more), "m", 1);
    receiver.expect_message(to("r", more), "m");
  }
}

TEST_P(PointToPoint, reaches_nobody_else) {
  TestClient receiver = client("r");
  TestClient other = client("o");
  TestClient watcher = client("w");
  watcher.subscribe({{"t/p2p/#", 1}, {to("r"), 1}, {"+/+/" + id("r"), 1}});
  client("p").publish(to("r"), "m", 1);
  receiver.expect_message(to("r"), "m");
  expect_fence(other);
  expect_fence(watcher);
}

TEST_P(PointToPoint, comes_once_to_a_client_that_subscribes_to_it_as_well) {
  TestClient receiver = client("r");
  receiver.subscribe({{to("r"), 1}, {"t/p2p/#", 1}});
  client("p").publish(to("r"), "m", 1);
  receiver.expect_message(to("r"), "m");
  expect_fence(receiver);
}

TEST_P(PointToPoint, may_go_to_oneself) {
  TestClient client = this->client("a");
  client.publish(to("a"), "me", 1);
  client.expect_message(to("a"), "me");
}

TEST_P(PointToPoint, waits_for_a_client_whose_session_lasts) {
  TestClient publisher = client("p");
  for (uint8_t qos = 1; qos <= 2; ++qos) {
    persistent("r").disconnect();
    for (int i = 0; i < 5; ++i) publisher.publish(to("r", "/a"), std::to_string(i), qos);
    TestClient receiver = persistent("r");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(receiver.expect_message(to("r", "/a"), std::to_string(i)).qos(), qos);
    receiver.disconnect();
  }
  forget("r");
}

TEST_P(PointToPoint, comes_again_until_it_is_acknowledged) {
  TestClient receiver = persistent("r");
  client("p").publish(to("r"), "m", 1);
  const Packet first = receiver.expect(Type::kPublish);
  receiver.drop();
  receiver = persistent("r");
  const Packet again = receiver.expect_message(to("r"), "m");
  EXPECT_TRUE(again.dup());
  EXPECT_EQ(again.packet_id, first.packet_id);
  receiver.disconnect();
  forget("r");
}

TEST_P(PointToPoint, survives_a_killed_broker) {
  own_broker();
  persistent("r").disconnect();
  TestClient publisher = client("p");
  for (int i = 0; i < 5; ++i) publisher.publish(to("r"), std::to_string(i), 1);
  ASSERT_TRUE(own_broker().restart());
  TestClient receiver = persistent("r");
  for (int i = 0; i < 5; ++i) receiver.expect_message(to("r"), std::to_string(i));
}

TEST_P(PointToPoint, is_kept_for_nobody_where_there_is_no_session) {
  TestClient publisher = client("p");
  for (uint8_t qos = 0; qos <= 2; ++qos) publisher.publish(to("r"), "must not", qos);
  TestClient receiver = client("r");
  expect_fence(receiver);
  receiver.disconnect();
  receiver = persistent("r");
  expect_fence(receiver);
  receiver.disconnect();
  forget("r");
}

TEST_P(PointToPoint, ends_with_the_session_it_waits_for) {
  persistent("r").disconnect();
  client("p").publish(to("r"), "must not", 1);
  forget("r");
  TestClient receiver = persistent("r");
  expect_fence(receiver);
  receiver.disconnect();
  forget("r");
}

TEST_P(PointToPoint, keeps_the_order_of_its_publisher) {
  TestClient receiver = client("r");
  client("p").publish_numbered(to("r"), 1, 500);
  for (int i = 1; i <= 500; ++i) receiver.expect_message(to("r"), std::to_string(i));
}

TEST_P(PointToPoint, is_what_has_p2p_as_its_second_level_and_a_client_id_as_its_third) {
  // Everything else is a topic like any other.
  TestClient named = client("r");
  TestClient subscriber = client("s");
  const std::vector<std::string> plain = {
      "p2p/" + id("r"),       "t/x/p2p/" + id("r"), "t/P2P/" + id("r"), "t/p2p2/" + id("r"),
      "t/x2p/p2p/" + id("r"), "/t/p2p/" + id("r"),  id("r") + "/p2p",
  };
  for (const std::string& name : plain) subscriber.subscribe(name, 1);
  TestClient publisher = client("p");
  for (const std::string& name : plain) {
    publisher.publish(name, "m", 1);
    subscriber.expect_message(name, "m");
  }
  expect_fence(named);
}

TEST_P(V5PointToPoint, keeps_the_properties_of_the_message) {
  using enum PropertyId;
  const Properties properties = {{kContentType, "text"}, {kCorrelation, "17"}, {kUserProperty, "a", "b"}};
  TestClient receiver = client("r");
  client("p").publish(to("r"), "m", {.qos = 1, .properties = properties});
  const Packet message = receiver.expect_message(to("r"), "m");
  for (const Property& property : properties) EXPECT_EQ(all_of(message.properties, property.id), Properties{property});
  EXPECT_FALSE(message.has(kSubscriptionId));
}

TEST_P(V5PointToPoint, reaches_clients_before_5_0) {
  TestClient receiver = client(ConnectOptions{.client_id = id("r"), .protocol_level = kLevel311});
  client("p").publish(to("r"), "m", {.qos = 1, .properties = {{PropertyId::kUserProperty, "a", "b"}}});
  receiver.expect_message(to("r"), "m");
}

}  // namespace
}  // namespace penstock::test
