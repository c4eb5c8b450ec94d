// Shared subscriptions, MQTT 5.0 chapter 4.8.2, which this broker has for clients of 3.1.1 too: $share/GROUP/FILTER.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

class SharedSuite : public BrokerSuite {
 protected:
  std::string shared(std::string_view filter, std::string_view group = "g") const {
    return "$share/" + std::string(group) + "/" + topic(filter);
  }

  TestClient member(std::string_view name, uint8_t qos = 1, bool lasting = false) {
    TestClient member = lasting ? persistent(name) : client(name);
    EXPECT_EQ(member.subscribe(shared("x"), qos), qos);
    return member;
  }

  // Takes what comes to all of them until `count` messages are there, and a little more: payload -> how often.
  static std::map<std::string, int> take_all(std::vector<TestClient*> members, size_t count) {
    std::map<std::string, int> found;
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    size_t taken = 0;
    while (taken < count && std::chrono::steady_clock::now() < give_up) {
      for (TestClient* member : members) {
        for (const Packet& message : member->take_messages()) {
          ++found[message.payload];
          ++taken;
        }
      }
    }
    for (TestClient* member : members) {
      for (const Packet& message : member->take_messages()) ++found[message.payload];
    }
    return found;
  }

  static std::map<std::string, int> each_once(int count) {
    std::map<std::string, int> expected;
    for (int i = 0; i < count; ++i) expected[std::to_string(i)] = 1;
    return expected;
  }
};

BROKER_SUITE_ON(SharedSuite, SharedSubscription, kLevel311, kLevel5);
BROKER_SUITE_ON(SharedSuite, V5SharedSubscription, kLevel5);

TEST_P(SharedSubscription, gives_each_message_to_one_member) {
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    TestClient a = member("a", qos);
    TestClient b = member("b", qos);
    TestClient c = member("c", qos);
    TestClient publisher = client("p");
    for (int i = 0; i < 60; ++i) publisher.publish(topic("x"), std::to_string(i), qos);
    EXPECT_EQ(take_all({&a, &b, &c}, 60), each_once(60));
  }
}

TEST_P(SharedSubscription, of_one_member_gives_it_every_message_in_order) {
  TestClient only = member("a");
  client("p").publish_numbered(topic("x"), 1, 100);
  for (int i = 1; i <= 100; ++i) only.expect_message(topic("x"), std::to_string(i));
}

TEST_P(SharedSubscription, of_several_groups_gives_each_message_to_each_group) {
  TestClient a = client("a");
  TestClient b = client("b");
  TestClient c = client("c");
  a.subscribe(shared("x", "g1"), 1);
  b.subscribe(shared("x", "g1"), 1);
  c.subscribe(shared("x", "g2"), 1);
  TestClient publisher = client("p");
  for (int i = 0; i < 20; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  EXPECT_EQ(take_all({&a, &b}, 20), each_once(20));
  EXPECT_EQ(take_all({&c}, 20), each_once(20));
}

TEST_P(SharedSubscription, of_one_name_and_two_filters_are_two_groups) {
  TestClient a = client("a");
  TestClient b = client("b");
  a.subscribe(shared("x"), 1);
  b.subscribe(shared("+"), 1);
  client("p").publish(topic("x"), "m", 1);
  a.expect_message(topic("x"), "m");
  b.expect_message(topic("x"), "m");
}

TEST_P(SharedSubscription, matches_like_any_filter) {
  TestClient a = client("a");
  a.subscribe({{shared("+/b/#"), 1}, {shared("y"), 1}, {topic("fence"), 1}});
  TestClient publisher = client("p");
  publisher.publish(topic("a/c"), "must not", 1);
  publisher.publish(topic("a/b/c/d"), "1", 1);
  a.expect_message(topic("a/b/c/d"), "1");
  publisher.publish(topic("y"), "2", 1);
  a.expect_message(topic("y"), "2");
  publisher.publish(topic("Y"), "must not", 1);
  publisher.publish(topic("fence"), "f", 1);
  a.expect_message(topic("fence"), "f");
}

TEST_P(SharedSubscription, delivers_beside_a_subscription_of_its_own) {
  // 4.8.2: a session that has both gets a copy for its own, and may get one for the group.
  TestClient a = client("a");
  a.subscribe({{topic("x"), 1}, {shared("x"), 1}});
  TestClient other = client("o");
  other.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  for (int i = 0; i < 10; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  std::map<std::string, int> twice = each_once(10);
  for (auto& [payload, count] : twice) count = 2;
  EXPECT_EQ(take_all({&a}, 20), twice);
  EXPECT_EQ(take_all({&other}, 10), each_once(10));
}

TEST_P(SharedSubscription, gets_no_retained_messages) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "must not", 1, true);
  TestClient a = client("a");
  for (int i = 0; i < 2; ++i) a.subscribe(shared("x"), 1);  // 4.8.2
  a.subscribe(topic("fence"), 1);
  publisher.publish(topic("fence"), "f", 1);
  a.expect_message(topic("fence"), "f");
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(SharedSubscription, delivers_at_the_qos_of_each_member) {
  TestClient a = member("a", 0);
  TestClient b = member("b", 2);
  TestClient publisher = client("p");
  for (int i = 0; i < 30; ++i) publisher.publish(topic("x"), std::to_string(i), 2);
  size_t taken = 0;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (taken < 30 && std::chrono::steady_clock::now() < give_up) {
    for (const Packet& message : a.take_messages()) {
      EXPECT_EQ(message.qos(), 0);  // [MQTT5-4.8.2-3]
      ++taken;
    }
    for (const Packet& message : b.take_messages()) {
      EXPECT_EQ(message.qos(), 2);  // [MQTT5-4.8.2-3]
      ++taken;
    }
  }
  EXPECT_EQ(taken, 30u);
}

TEST_P(SharedSubscription, goes_on_without_a_member_that_unsubscribes) {
  TestClient a = member("a");
  TestClient b = member("b");
  a.unsubscribe(shared("x"));
  TestClient publisher = client("p");
  for (int i = 0; i < 20; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  EXPECT_EQ(take_all({&b}, 20), each_once(20));
  a.expect_quiet();
}

TEST_P(SharedSubscription, is_left_by_its_whole_name_alone) {
  TestClient a = member("a");
  a.unsubscribe(topic("x"));
  a.unsubscribe(shared("x", "another"));
  client("p").publish(topic("x"), "m", 1);
  a.expect_message(topic("x"), "m");
}

TEST_P(SharedSubscription, that_nobody_holds_any_more_keeps_nothing) {
  TestClient a = member("a");
  a.unsubscribe(shared("x"));
  client("p").publish(topic("x"), "must not", 1);
  a.subscribe({{shared("x"), 1}, {topic("fence"), 1}});
  client("p").publish(topic("fence"), "f", 1);
  a.expect_message(topic("fence"), "f");
}

TEST_P(SharedSubscription, goes_on_without_a_member_whose_connection_broke) {
  TestClient a = member("a");
  TestClient b = member("b");
  a.reset();
  TestClient publisher = client("p");
  for (int i = 0; i < 20; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  EXPECT_EQ(take_all({&b}, 20), each_once(20));
}

TEST_P(SharedSubscription, hands_on_what_a_member_did_not_acknowledge_at_qos_1) {
  TestClient a = member("a");
  TestClient publisher = client("p");
  for (int i = 0; i < 10; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  for (int i = 0; i < 10; ++i) a.expect(Type::kPublish);
  TestClient b = member("b");
  a.drop();                                      // which ends its session
  EXPECT_EQ(take_all({&b}, 10), each_once(10));  // 4.8.2
}

TEST_P(SharedSubscription, hands_on_what_a_member_had_not_taken_yet) {
  TestClient a = member("a");
  // More than any window: most of it is not on its way to the member when that goes.
  client("p").publish_numbered(topic("x"), 0, 999);
  a.expect(Type::kPublish);
  TestClient b = member("b");
  a.drop();
  EXPECT_EQ(take_all({&b}, 1000), each_once(1000));
}

TEST_P(SharedSubscription, hands_on_nothing_at_qos_2) {
  TestClient a = member("a", 2);
  client("p").publish(topic("x"), "must not", 2);
  a.expect(Type::kPublish);
  TestClient b = member("b", 2);
  b.subscribe(topic("fence"), 2);
  a.disconnect();  // which ends its session
  client("p").publish(topic("x"), "later", 2);
  EXPECT_EQ(b.take_message().payload, "later");  // [MQTT5-4.8.2-5]
  client("p").publish(topic("fence"), "f", 2);
  b.expect_message(topic("fence"), "f");
}

TEST_P(SharedSubscription, completes_a_delivery_at_qos_2_to_the_member_that_has_it) {
  TestClient a = member("a", 2, true);
  client("p").publish(topic("x"), "m", 2);
  const Packet first = a.expect(Type::kPublish);
  TestClient b = member("b", 2);
  a.drop();
  a = persistent("a");
  const Packet again = a.expect_message(topic("x"), "m");  // [MQTT5-4.8.2-4]
  EXPECT_EQ(again.packet_id, first.packet_id);
  EXPECT_TRUE(again.dup());
  a.unsubscribe(shared("x"));
  client("p").publish(topic("x"), "later", 2);
  b.expect_message(topic("x"), "later");  // the first thing that comes to it
  forget("a");
}

TEST_P(SharedSubscription, keeps_messages_while_its_only_member_is_away) {
  member("a", 1, true).disconnect();
  TestClient publisher = client("p");
  for (int i = 0; i < 10; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  TestClient a = persistent("a");
  EXPECT_EQ(take_all({&a}, 10), each_once(10));  // [MQTT5-4.5.0-1]
  a.disconnect();
  forget("a");
}

TEST_P(SharedSubscription, gives_messages_to_who_is_here) {
  member("a", 1, true).disconnect();
  TestClient b = member("b");
  TestClient publisher = client("p");
  for (int i = 0; i < 10; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  EXPECT_EQ(take_all({&b}, 10), each_once(10));
  TestClient a = persistent("a");
  a.expect_quiet();
  a.disconnect();
  forget("a");
}

TEST_P(SharedSubscription, survives_a_killed_broker) {
  own_broker();
  member("a", 1, true).disconnect();
  TestClient publisher = client("p");
  for (int i = 0; i < 10; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  ASSERT_TRUE(own_broker().restart());
  TestClient a = persistent("a");
  EXPECT_EQ(take_all({&a}, 10), each_once(10));
}

TEST_P(SharedSubscription, may_have_members_of_every_version) {
  TestClient a = client(ConnectOptions{.client_id = id("a"), .protocol_level = kLevel311});
  TestClient b = client(ConnectOptions{.client_id = id("b"), .protocol_level = kLevel5});
  a.subscribe(shared("x"), 1);
  b.subscribe(shared("x"), 1);
  TestClient publisher = client("p");
  for (int i = 0; i < 40; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  EXPECT_EQ(take_all({&a, &b}, 40), each_once(40));
}

TEST_P(V5SharedSubscription, with_no_local_is_a_protocol_error) {
  TestClient a = client("a");
  a.send(subscribe_packet(7, {{shared("x"), 1 | kNoLocal}}));
  a.expect_disconnect(reason::kProtocolError);  // [MQTT5-3.8.3-4]
}

TEST_P(V5SharedSubscription, needs_a_name_and_a_filter) {
  for (const char* filter : {"$share/", "$share/g", "$share/g/", "$share//t", "$share/+/t", "$share/#", "$share/g+/t",
                             "$share/#/t", "$share/g/t#"}) {
    TestClient a = client("a");
    a.send(subscribe_packet(7, {{filter, 1}}));
    // [MQTT5-4.8.2-1] [MQTT5-4.8.2-2]: refused alone, or with the connection.
    const Packet answer = a.next();
    const uint8_t code = answer.type == Type::kSuback ? static_cast<uint8_t>(answer.codes[0]) : answer.reason_code;
    EXPECT_GE(code, reason::kFirstFailure) << filter;
  }
}

TEST_P(V5SharedSubscription, has_the_options_and_the_identifier_of_each_member) {
  TestClient a = client("a");
  a.subscribe({{shared("x"), 1 | kRetainAsPublished}}, {{kSubscriptionId, 7}});
  client("p").publish(topic("x"), "m", {.qos = 1, .retain = true, .properties = {{kUserProperty, "a", "b"}}});
  const Packet message = a.expect_message(topic("x"), "m");
  EXPECT_TRUE(message.retain());                   // [MQTT5-3.3.1-13]
  EXPECT_EQ(message.number(kSubscriptionId), 7u);  // [MQTT5-3.3.4-3]
  EXPECT_EQ(message.text(kUserProperty), "a");     // [MQTT5-3.3.2-17]
  client("p").publish(topic("x"), "", 1, true);
}

TEST_P(V5SharedSubscription, gets_no_retained_messages_whatever_the_handling) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "must not", 1, true);
  TestClient a = client("a");
  for (const uint8_t handling : {uint8_t{0}, kRetainWhenNew, kRetainNever}) {
    a.subscribe(shared("x"), static_cast<uint8_t>(1 | handling));
  }
  a.subscribe(topic("fence"), 1);
  publisher.publish(topic("fence"), "f", 1);
  a.expect_message(topic("fence"), "f");  // 4.8.2
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(V5SharedSubscription, gives_what_a_member_refuses_to_nobody_else) {
  TestClient a = member("a", 2);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "must not", 1);
  a.send(acknowledge_packet(Type::kPuback, a.expect(Type::kPublish).packet_id, reason::kUnspecifiedError));
  publisher.publish(topic("x"), "must not", 2);
  a.send(acknowledge_packet(Type::kPubrec, a.expect(Type::kPublish).packet_id, reason::kUnspecifiedError));
  a.expect_quiet();
  TestClient b = member("b", 2);
  a.disconnect();
  publisher.publish(topic("x"), "later", 1);
  b.expect_message(topic("x"), "later");  // [MQTT5-4.8.2-6]
}

TEST_P(V5SharedSubscription, hands_on_when_the_interval_of_a_session_has_passed) {
  TestClient a = client(ConnectOptions{.client_id = id("a"), .properties = {{kSessionExpiry, 1}}});
  a.subscribe(shared("x"), 1);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "m", 1);
  a.expect(Type::kPublish);
  a.drop();
  TestClient b = member("b");
  b.expect_message(topic("x"), "m");  // 4.8.2: now, or when that session has ended
}

}  // namespace
}  // namespace penstock::test
