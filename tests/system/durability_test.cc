// What survives the end of the process, violent or clean, beside the messages themselves: sessions, subscriptions,
// retained messages, wills, QoS 2 state, cursors; also over a change of the number of shards. What only clients of 5.0
// have is in v5_durability_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <string>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

// The members of $share/g/.../x, whose sessions last.
class GroupSuite : public BrokerSuite {
 protected:
  TestClient member(std::string_view name) {
    TestClient member = persistent(name);
    EXPECT_EQ(member.subscribe("$share/g/" + topic("x"), 1), 1);
    return member;
  }

  // Takes what comes to both until each of these numbers has come, and what is there beside them: how often each came.
  static std::map<std::string, int> take_until(TestClient& a, TestClient& b, int first, int last) {
    std::map<std::string, int> found;
    const auto is_complete = [&] {
      for (int i = first; i <= last; ++i) {
        if (!found.contains(std::to_string(i))) return false;
      }
      return true;
    };
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (!is_complete() && std::chrono::steady_clock::now() < give_up) {
      for (TestClient* member : {&a, &b}) {
        for (const Packet& message : member->take_messages()) ++found[message.payload];
      }
    }
    for (TestClient* member : {&a, &b}) {
      for (const Packet& message : member->take_messages()) ++found[message.payload];
    }
    return found;
  }

  // Ten that are taken, and ten more when both members have gone away.
  void leave_ten_for_the_group() {
    TestClient a = member("a");
    TestClient b = member("b");
    TestClient publisher = client("p");
    publisher.publish_numbered(topic("x"), 0, 9);
    EXPECT_EQ(take_until(a, b, 0, 9).size(), 10u);
    a.disconnect();
    b.disconnect();
    publisher.publish_numbered(topic("x"), 10, 19);
  }
};

BROKER_SUITE_ON(GroupSuite, AfterKill, kLevel311, kLevel5);
BROKER_SUITE_ON(GroupSuite, AfterCleanStop, kLevel311, kLevel5);

TEST_P(AfterKill, retained_messages_are_there_and_removed_ones_are_not) {
  BrokerProcess& broker = own_broker();
  TestClient publisher = client("p");
  constexpr int kTopics = 200;
  for (int i = 0; i < kTopics; ++i) publisher.publish(topic("r/" + std::to_string(i)), "old", 1, true);
  for (int i = 0; i < kTopics; i += 2) publisher.publish(topic("r/" + std::to_string(i)), "new", 2, true);
  for (int i = 0; i < kTopics; i += 5) publisher.publish(topic("r/" + std::to_string(i)), "", 1, true);
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(broker.restart());
    TestClient subscriber = client("s");
    subscriber.subscribe(topic("r/#"), 1);
    subscriber.subscribe(topic("fence"), 1);
    client("p").publish(topic("fence"), "f", 1);
    std::map<std::string, std::string> found;
    for (Packet packet = subscriber.take_message(); !subscriber.broken() && packet.payload != "f";
         packet = subscriber.take_message()) {
      EXPECT_TRUE(packet.retain());
      EXPECT_TRUE(found.emplace(packet.topic, packet.payload).second) << packet;
    }
    for (int i = 0; i < kTopics; ++i) {
      const std::string name = topic("r/" + std::to_string(i));
      if (i % 5 == 0) {
        EXPECT_EQ(found.count(name), 0u) << name;
      } else {
        EXPECT_EQ(found[name], i % 2 == 0 ? "new" : "old") << name;
      }
    }
  }
}

TEST_P(AfterKill, subscriptions_are_there_and_ended_ones_are_not) {
  BrokerProcess& broker = own_broker();
  TestClient subscriber = persistent("s");
  subscriber.subscribe({{topic("a/+"), 2}, {topic("b"), 1}, {topic("c"), 1}, {topic("d"), 2}});
  subscriber.unsubscribe(topic("c"));
  subscriber.subscribe(topic("d"), 0);
  ASSERT_TRUE(broker.restart());
  TestClient publisher = client("p");
  for (const char* name : {"a/x", "b", "c"}) publisher.publish(topic(name), name, 2);
  subscriber = silent();
  EXPECT_TRUE(subscriber.connect({.client_id = id("s"), .clean_session = false}).session_present);
  std::map<std::string, int> found;
  for (int i = 0; i < 2; ++i) {
    const Packet packet = subscriber.take_message();
    found[packet.payload] = packet.qos();
  }
  EXPECT_EQ(found, (std::map<std::string, int>{{"a/x", 2}, {"b", 1}}));
  publisher.publish(topic("d"), "d", 2);
  EXPECT_EQ(subscriber.expect_message(topic("d"), "d").qos(), 0);
}

// The first SUBSCRIBE waits until every shard knows its filter. The second adds none, and overtook it.
TEST_P(AfterKill, a_subscription_has_the_qos_that_was_asked_for_last) {
  BrokerProcess& broker = own_broker();
  TestClient subscriber = persistent("s");
  subscriber.send(subscribe_packet(1, {{topic("x"), 0}}) + subscribe_packet(2, {{topic("x"), 2}}));
  EXPECT_EQ(subscriber.expect(Type::kSuback).packet_id, 1);
  EXPECT_EQ(subscriber.expect(Type::kSuback).packet_id, 2);
  ASSERT_TRUE(broker.restart());
  subscriber = persistent("s");
  client("p").publish(topic("x"), "m", 2);
  EXPECT_EQ(subscriber.expect_message(topic("x"), "m").qos(), 2);
}

TEST_P(AfterKill, clean_sessions_are_gone) {
  BrokerProcess& broker = own_broker();
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient discarded = persistent("d");
  discarded.subscribe(topic("x"), 1);
  discarded.disconnect();
  client("d").disconnect();  // [MQTT-3.1.2-6]
  ASSERT_TRUE(broker.restart());
  for (const char* name : {"s", "d"}) {
    TestClient later = silent();
    EXPECT_FALSE(later.connect({.client_id = id(name), .clean_session = false}).session_present) << name;
  }
}

TEST_P(AfterKill, messages_for_an_offline_session_are_there) {
  BrokerProcess& broker = own_broker();
  persistent("s").subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (int i = 0; i < 50; ++i) publisher.publish(topic("x"), std::to_string(i), static_cast<uint8_t>(1 + i % 2));
  ASSERT_TRUE(broker.restart());
  TestClient subscriber = persistent("s");
  std::array<int, 3> next{0, 0, 1};  // [MQTT-4.6.0-6]: order is per topic and QoS
  for (int i = 0; i < 50 && !subscriber.broken(); ++i) {
    const Packet packet = subscriber.take_message();
    EXPECT_EQ(packet.payload, std::to_string(next[packet.qos()])) << packet;
    next[packet.qos()] += 2;
  }
}

TEST_P(AfterKill, a_qos_2_publisher_goes_on_where_it_was) {
  BrokerProcess& broker = own_broker();
  persistent("s").subscribe(topic("x"), 2);
  TestClient publisher = persistent("p");
  publisher.send(publish_packet(topic("x"), "once", {.qos = 2, .packet_id = 5}));
  publisher.expect(Type::kPubrec, 5);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(broker.restart());
    publisher = persistent("p");
    publisher.send(publish_packet(topic("x"), "once", {.qos = 2, .dup = true, .packet_id = 5}));
    publisher.expect(Type::kPubrec, 5);  // [MQTT-4.3.3-2]
  }
  ASSERT_TRUE(broker.restart());
  publisher = persistent("p");
  publisher.send(acknowledge_packet(Type::kPubrel, 5));
  publisher.expect(Type::kPubcomp, 5);
  ASSERT_TRUE(broker.restart());
  publisher = persistent("p");
  publisher.send(publish_packet(topic("x"), "fence", {.qos = 2, .packet_id = 5}));  // the id is free again
  publisher.expect(Type::kPubrec, 5);
  TestClient subscriber = persistent("s");
  subscriber.expect_message(topic("x"), "once");
  subscriber.expect_message(topic("x"), "fence");
}

TEST_P(AfterKill, a_qos_2_delivery_goes_on_where_it_was) {
  BrokerProcess& broker = own_broker();
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 2);
  client("p").publish(topic("x"), "once", 2);
  const Packet first = subscriber.expect(Type::kPublish);
  ASSERT_TRUE(broker.restart());
  subscriber = persistent("s");
  const Packet again = subscriber.expect(Type::kPublish);
  EXPECT_EQ(again.payload, "once");
  EXPECT_TRUE(again.dup());                     // [MQTT-3.3.1-1]
  EXPECT_EQ(again.packet_id, first.packet_id);  // [MQTT-4.4.0-1]
  subscriber.send(acknowledge_packet(Type::kPubrec, first.packet_id));
  subscriber.expect(Type::kPubrel, first.packet_id);
  ASSERT_TRUE(broker.restart());
  subscriber = persistent("s");
  subscriber.expect(Type::kPubrel, first.packet_id);  // [MQTT-4.4.0-1]: PUBLISH again would be a second delivery
  subscriber.send(acknowledge_packet(Type::kPubcomp, first.packet_id));
  client("p").publish(topic("x"), "fence", 2);
  subscriber.expect_message(topic("x"), "fence");
}

// Its client has the message, and would take any other with this id for a repetition.
TEST_P(AfterKill, an_open_packet_id_of_a_group_is_released_before_it_is_used) {
  BrokerProcess& broker = own_broker();
  TestClient member = persistent("m");
  member.subscribe("$share/g/" + topic("x"), 2);
  client("p").publish(topic("x"), "first", 2);
  std::vector<uint16_t> open;
  for (int life = 0; life < 3; ++life) {
    const Packet first = member.expect(Type::kPublish);
    EXPECT_EQ(first.payload, "first");
    EXPECT_EQ(std::ranges::count(open, first.packet_id), 0) << first;
    open.push_back(first.packet_id);
    ASSERT_TRUE(broker.restart());
    member = persistent("m");
    for (const uint16_t packet_id : open) member.expect(Type::kPubrel, packet_id);
  }
  for (const uint16_t packet_id : open) member.send(acknowledge_packet(Type::kPubcomp, packet_id));
  member.expect_message(topic("x"), "first");
  client("p").publish(topic("x"), "second", 2);
  member.expect_message(topic("x"), "second");
}

TEST_P(AfterKill, an_unacknowledged_qos_1_delivery_comes_again) {
  BrokerProcess& broker = own_broker();
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 1);
  client("p").publish(topic("x"), "m", 1);
  EXPECT_EQ(subscriber.expect(Type::kPublish).payload, "m");
  ASSERT_TRUE(broker.restart());
  subscriber = persistent("s");
  EXPECT_TRUE(subscriber.expect_message(topic("x"), "m").dup());  // [MQTT-3.3.1-1]
}

TEST_P(AfterKill, the_wills_of_those_who_were_connected_are_published) {
  BrokerProcess& broker = own_broker();
  TestClient watcher = persistent("w");
  watcher.subscribe(topic("will/+"), 1);
  TestClient dying = client(
      ConnectOptions{.client_id = id("d"), .clean_session = false, .will = Will{topic("will/d"), "gone", 1, true}});
  TestClient leaving = client(
      ConnectOptions{.client_id = id("l"), .clean_session = false, .will = Will{topic("will/l"), "must not", 1, true}});
  leaving.disconnect();  // [MQTT-3.14.4-3]
  // DISCONNECT has no answer that says that its record is durable. A PUBACK from the same shard, after it, does; so
  // many client ids are at home on every shard.
  for (int i = 0; i < 64; ++i) client("fence" + std::to_string(i)).publish(topic("fence"), "x", 1);
  ASSERT_TRUE(broker.restart());
  watcher = persistent("w");
  watcher.expect_message(topic("will/d"), "gone");  // [MQTT-3.1.2-8]
  ASSERT_TRUE(broker.restart());
  watcher = persistent("w");  // not a second time [MQTT-3.1.2-10]; what was acknowledged may come again with DUP
  client("p").publish(topic("will/fence"), "f", 1);
  Packet packet = watcher.take_message();
  if (packet.topic == topic("will/d") && packet.dup()) packet = watcher.take_message();
  EXPECT_EQ(packet.payload, "f");
}

TEST_P(AfterKill, a_group_still_has_what_came_while_all_members_were_away) {
  BrokerProcess& broker = own_broker();
  leave_ten_for_the_group();
  ASSERT_TRUE(broker.restart());
  TestClient a = persistent("a");
  TestClient b = persistent("b");
  const std::map<std::string, int> found = take_until(a, b, 10, 19);
  for (int i = 10; i <= 19; ++i) EXPECT_EQ(found.count(std::to_string(i)), 1u) << i;
}

TEST_P(AfterCleanStop, a_group_goes_on_where_it_was) {
  BrokerProcess& broker = own_broker();
  leave_ten_for_the_group();
  EXPECT_EQ(broker.stop(), 0);
  ASSERT_TRUE(broker.restart());
  TestClient a = persistent("a");
  TestClient b = persistent("b");
  std::map<std::string, int> expected;
  for (int i = 10; i <= 19; ++i) expected[std::to_string(i)] = 1;
  EXPECT_EQ(take_until(a, b, 10, 19), expected);
}

TEST_P(AfterCleanStop, nothing_acknowledged_comes_again) {
  BrokerProcess& broker = own_broker();
  TestClient publisher = client("p");
  TestClient subscriber = persistent("s");
  subscriber.subscribe({{topic("1"), 1}, {topic("2"), 2}});
  for (int i = 0; i < 20; ++i) {
    publisher.publish(topic("1"), std::to_string(i), 1);
    publisher.publish(topic("2"), std::to_string(i), 2);
  }
  for (int i = 0; i < 40; ++i) subscriber.take_message();
  subscriber.expect_quiet();  // the broker has read every acknowledgement
  EXPECT_EQ(broker.stop(), 0);
  ASSERT_TRUE(broker.restart());
  subscriber = persistent("s");
  client("p").publish(topic("1"), "fence", 1);
  EXPECT_FALSE(subscriber.expect_message(topic("1"), "fence").dup());
}

TEST_P(AfterCleanStop, only_unacknowledged_deliveries_come_again_and_with_their_ids) {
  BrokerProcess& broker = own_broker();
  TestClient publisher = client("p");
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 1);
  for (int i = 0; i < 6; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  std::vector<Packet> packets;
  for (int i = 0; i < 6; ++i) packets.push_back(subscriber.expect(Type::kPublish));
  for (const size_t i : {0u, 1u, 3u}) subscriber.acknowledge(packets[i]);
  subscriber.expect_quiet();
  EXPECT_EQ(broker.stop(), 0);
  ASSERT_TRUE(broker.restart());
  subscriber = persistent("s");
  for (const size_t i : {2u, 4u, 5u}) {
    const Packet again = subscriber.expect_message(topic("x"), std::to_string(i));
    EXPECT_TRUE(again.dup());
    EXPECT_EQ(again.packet_id, packets[i].packet_id);  // [MQTT-4.4.0-1]
  }
  client("p").publish(topic("x"), "fence", 1);
  subscriber.expect_message(topic("x"), "fence");
}

// One directory, started with 1, 2, 8 and again 1 shards; sessions move to their new homes each time.
TEST(ShardsChange, loses_nothing) {
  TempDir dir;
  BrokerProcess broker({.data_dir = dir / "data", .shards = 1});
  constexpr int kSessions = 16;
  const auto session = [](int i) {
    return ConnectOptions{.client_id = "session" + std::to_string(i), .clean_session = false};
  };
  for (int i = 0; i < kSessions; ++i) {
    TestClient subscriber(broker.port(), session(i));
    subscriber.subscribe("s/" + std::to_string(i) + "/#", 2);
    subscriber.disconnect();
  }
  TestClient(broker.port(), ConnectOptions{.client_id = "p"}).publish("retained", "kept", 1, true);
  std::vector<int> backlog(kSessions, 0);
  int published = 0;
  for (const int shards : {2, 8, 1}) {
    TestClient publisher(broker.port(), ConnectOptions{.client_id = "p" + std::to_string(shards)});
    for (int n = 0; n < 5; ++n, ++published) {
      for (int i = 0; i < kSessions; ++i) {
        publisher.publish("s/" + std::to_string(i) + "/x", std::to_string(published), static_cast<uint8_t>(1 + i % 2));
      }
    }
    publisher.drop();
    EXPECT_EQ(broker.stop(), 0);
    ASSERT_TRUE(broker.restart_with(shards));
    // Half of the sessions read what they have; the others let it grow over the next change.
    for (int i = shards % 4 / 2; i < kSessions; i += 2) {
      SCOPED_TRACE("session " + std::to_string(i) + " with " + std::to_string(shards) + " shards");
      TestClient subscriber(broker.port(), 0);
      EXPECT_TRUE(subscriber.connect(session(i)).session_present);
      for (int& next = backlog[i]; next < published && !subscriber.broken(); ++next) {
        subscriber.expect_message("s/" + std::to_string(i) + "/x", std::to_string(next));
      }
      subscriber.expect_quiet();
      subscriber.disconnect();
    }
    TestClient watcher(broker.port(), ConnectOptions{.client_id = "w"});
    watcher.subscribe("retained", 1);
    watcher.expect_message("retained", "kept");
  }
  for (int i = 0; i < kSessions; ++i) {
    SCOPED_TRACE("session " + std::to_string(i));
    TestClient subscriber(broker.port(), session(i));
    for (int& next = backlog[i]; next < published && !subscriber.broken(); ++next) {
      subscriber.expect_message("s/" + std::to_string(i) + "/x", std::to_string(next));
    }
  }
  EXPECT_EQ(broker.stop(), 0);
  expect_log_verifies(dir / "data");
}

TEST(ShardsChange, after_a_kill_loses_nothing) {
  TempDir dir;
  BrokerProcess broker({.data_dir = dir / "data", .shards = 8});
  TestClient subscriber(broker.port(), ConnectOptions{.client_id = "s", .clean_session = false});
  subscriber.subscribe("x", 2);
  subscriber.disconnect();
  int published = 0;
  for (const int shards : {1, 2, 8, 2, 1}) {
    TestClient publisher(broker.port(), ConnectOptions{.client_id = "p", .clean_session = false});
    for (int n = 0; n < 20; ++n) publisher.publish("x", std::to_string(published++), 2);
    ASSERT_TRUE(broker.restart_with(shards));
  }
  subscriber = TestClient(broker.port(), ConnectOptions{.client_id = "s", .clean_session = false});
  for (int i = 0; i < published && !subscriber.broken(); ++i) subscriber.expect_message("x", std::to_string(i));
  EXPECT_EQ(broker.stop(), 0);
  expect_log_verifies(dir / "data");
}

}  // namespace
}  // namespace penstock::test
