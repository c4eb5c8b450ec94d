// Session state, redelivery, take-over, chapters 3.1.2.4, 3.1.4, 4.1 and 4.4.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE_OF_ALL_VERSIONS(Session);
BROKER_SUITE_OF_ALL_VERSIONS(Redelivery);
BROKER_SUITE_OF_ALL_VERSIONS(TakeOver);

ConnectOptions resume(const std::string& client_id) {
  return {.client_id = client_id, .clean_session = false};
}

TEST_P(Session, is_present_only_after_a_session_was_kept) {
  const auto connects = [&](bool clean) {
    TestClient client = silent();
    const bool present = client.connect({.client_id = id("a"), .clean_session = clean}).session_present;
    client.disconnect();
    return present;
  };
  EXPECT_FALSE(connects(false));  // [MQTT-3.2.2-3]
  EXPECT_TRUE(connects(false));   // [MQTT-3.2.2-2] [MQTT-3.1.2-4]
  EXPECT_TRUE(connects(false));
  EXPECT_FALSE(connects(true));   // [MQTT-3.2.2-1] [MQTT-3.1.2-6]
  EXPECT_FALSE(connects(false));  // the clean one left nothing behind
  EXPECT_FALSE(connects(true));
}

TEST_P(Session, keeps_subscriptions_and_messages_while_offline) {
  persistent("s").subscribe({{topic("a/#"), 2}, {topic("b"), 1}});
  TestClient publisher = client("p");
  // [MQTT-3.1.2-5]
  publisher.publish(topic("a/1"), "one", 1);
  publisher.publish(topic("b"), "two", 2);
  publisher.publish(topic("a/2"), "three", 2);
  publisher.publish(topic("c"), "must not", 2);
  TestClient subscriber = persistent("s");
  std::map<std::string, int> found;  // across topics and QoS there is no order [MQTT-4.6.0-6]
  for (int i = 0; i < 3; ++i) {
    const Packet packet = subscriber.take_message();
    found[packet.payload] = packet.qos();
  }
  EXPECT_EQ(found, (std::map<std::string, int>{{"one", 1}, {"two", 1}, {"three", 2}}));
  publisher.publish(topic("b"), "live", 1);
  subscriber.expect_message(topic("b"), "live");  // [MQTT-4.1.0-1]
  forget("s");
}

TEST_P(Session, does_not_deliver_again_what_was_acknowledged) {
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "1", 1);
  publisher.publish(topic("x"), "2", 2);
  subscriber.expect_message(topic("x"), "1");
  subscriber.expect_message(topic("x"), "2");
  subscriber.expect_quiet();
  subscriber.disconnect();
  publisher.publish(topic("x"), "3", 1);
  subscriber = persistent("s");
  subscriber.expect_message(topic("x"), "3");
  forget("s");
}

TEST_P(Session, is_discarded_by_a_clean_connect) {
  persistent("s").subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "must not", 1);
  TestClient clean = client("s");  // [MQTT-3.1.2-6]
  publisher.publish(topic("x"), "must not", 1);
  clean.subscribe(topic("fence"), 1);
  publisher.publish(topic("fence"), "f", 1);
  clean.expect_message(topic("fence"), "f");
}

TEST_P(Session, of_a_clean_connect_ends_with_the_connection) {
  TestClient clean = client("s");
  clean.subscribe(topic("x"), 1);
  clean.disconnect();
  client("p").publish(topic("x"), "must not", 1);
  TestClient later = silent();
  EXPECT_FALSE(later.connect(resume(id("s"))).session_present);  // [MQTT-3.2.2-3]
  later.subscribe(topic("fence"), 1);
  client("p").publish(topic("fence"), "f", 1);
  later.expect_message(topic("fence"), "f");
  later.disconnect();
  forget("s");
}

TEST_P(Session, holds_thousands_of_messages_for_an_offline_client) {
  constexpr int kMessages = 5000;
  persistent("s").subscribe(topic("x"), 1);
  client("p").publish_numbered(topic("x"), 0, kMessages - 1);
  TestClient subscriber = persistent("s");
  for (int i = 0; i < kMessages && !subscriber.broken(); ++i) subscriber.expect_message(topic("x"), std::to_string(i));
  forget("s");
}

TEST_P(Session, keeps_unsubscribed_filters_out_after_resuming) {
  TestClient subscriber = persistent("s");
  subscriber.subscribe({{topic("a"), 1}, {topic("b"), 1}});
  subscriber.unsubscribe(topic("a"));
  subscriber.disconnect();
  TestClient publisher = client("p");
  publisher.publish(topic("a"), "must not", 1);
  publisher.publish(topic("b"), "yes", 1);
  persistent("s").expect_message(topic("b"), "yes");
  forget("s");
}

TEST_P(Session, sends_no_retained_messages_again_when_it_resumes) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", 1, true);
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 1);
  subscriber.expect_message(topic("x"), "kept");
  subscriber.expect_quiet();
  subscriber.disconnect();
  subscriber = persistent("s");
  publisher.publish(topic("x"), "live", 1);
  subscriber.expect_message(topic("x"), "live");
  publisher.publish(topic("x"), "", 1, true);
  subscriber.disconnect();
  forget("s");
}

TEST_P(Redelivery, repeats_an_unacknowledged_qos_1_message_with_dup_and_the_same_id) {
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 1);
  client("p").publish(topic("x"), "m", 1);
  const Packet first = subscriber.expect(Type::kPublish);
  EXPECT_FALSE(first.dup());
  for (int i = 0; i < 3; ++i) {
    subscriber.drop();
    subscriber = persistent("s");
    const Packet again = subscriber.expect(Type::kPublish);
    EXPECT_EQ(again.payload, "m");
    EXPECT_TRUE(again.dup());                     // [MQTT-3.3.1-1]
    EXPECT_EQ(again.packet_id, first.packet_id);  // [MQTT-4.4.0-1] [MQTT-2.3.1-4]
  }
  subscriber.send(acknowledge_packet(Type::kPuback, first.packet_id));
  subscriber.expect_quiet();
  subscriber.disconnect();
  subscriber = persistent("s");
  client("p").publish(topic("x"), "fence", 1);
  subscriber.expect_message(topic("x"), "fence");
  forget("s");
}

TEST_P(Redelivery, repeats_qos_2_publish_until_pubrec) {
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 2);
  client("p").publish(topic("x"), "m", 2);
  const Packet first = subscriber.expect(Type::kPublish);
  subscriber.drop();
  subscriber = persistent("s");
  const Packet again = subscriber.expect(Type::kPublish);
  EXPECT_TRUE(again.dup());
  EXPECT_EQ(again.packet_id, first.packet_id);  // [MQTT-4.4.0-1]
  EXPECT_EQ(again.payload, "m");
  subscriber.acknowledge(again);
  subscriber.expect_quiet();
  subscriber.drop();
  forget("s");
}

TEST_P(Redelivery, repeats_pubrel_and_not_publish_after_pubrec) {
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 2);
  client("p").publish(topic("x"), "m", 2);
  const Packet publish = subscriber.expect(Type::kPublish);
  subscriber.send(acknowledge_packet(Type::kPubrec, publish.packet_id));
  subscriber.expect(Type::kPubrel, publish.packet_id);
  for (int i = 0; i < 3; ++i) {
    subscriber.drop();
    subscriber = persistent("s");
    subscriber.expect(Type::kPubrel, publish.packet_id);  // [MQTT-4.4.0-1] [MQTT-4.3.3-1]
  }
  subscriber.send(acknowledge_packet(Type::kPubcomp, publish.packet_id));
  subscriber.expect_quiet();
  subscriber.drop();
  subscriber = persistent("s");
  client("p").publish(topic("x"), "fence", 2);
  subscriber.expect_message(topic("x"), "fence");
  forget("s");
}

TEST_P(Redelivery, keeps_received_qos_2_ids_over_a_reconnect) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = persistent("p");
  publisher.send(publish_packet(topic("x"), "once", {.qos = 2, .packet_id = 5}));
  publisher.expect(Type::kPubrec, 5);
  for (int i = 0; i < 3; ++i) {
    publisher.drop();
    publisher = persistent("p");
    publisher.send(publish_packet(topic("x"), "once", {.qos = 2, .dup = true, .packet_id = 5}));
    publisher.expect(Type::kPubrec, 5);  // [MQTT-4.3.3-2] [MQTT-4.1.0-1]
  }
  publisher.drop();
  publisher = persistent("p");
  publisher.send(acknowledge_packet(Type::kPubrel, 5));
  publisher.expect(Type::kPubcomp, 5);
  publisher.publish(topic("x"), "fence", 2);
  subscriber.expect_message(topic("x"), "once");
  subscriber.expect_message(topic("x"), "fence");
  publisher.disconnect();
  forget("p");
}

TEST_P(Redelivery, forgets_received_qos_2_ids_with_a_clean_connect) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  publisher.send(publish_packet(topic("x"), "unfinished", {.qos = 2, .packet_id = 5}));
  publisher.expect(Type::kPubrec, 5);
  publisher.drop();
  publisher = client("p");  // [MQTT-3.1.2-6]
  publisher.send(publish_packet(topic("x"), "new", {.qos = 2, .packet_id = 5}));
  publisher.expect(Type::kPubrec, 5);
  publisher.send(acknowledge_packet(Type::kPubrel, 5));
  publisher.expect(Type::kPubcomp, 5);
  // The unfinished one may have been delivered or not; the new one must be.
  Packet packet = subscriber.take_message();
  if (packet.payload == "unfinished") packet = subscriber.take_message();
  EXPECT_EQ(packet.payload, "new");
}

TEST_P(Redelivery, comes_in_the_original_order_before_newer_messages) {
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  for (int i = 0; i < 10; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  std::vector<uint16_t> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(subscriber.expect(Type::kPublish).packet_id);
  subscriber.drop();
  for (int i = 10; i < 15; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  subscriber = persistent("s");
  for (int i = 0; i < 15; ++i) {
    const Packet packet = subscriber.expect(Type::kPublish);
    EXPECT_EQ(packet.payload, std::to_string(i));  // [MQTT-4.6.0-1] [MQTT-4.6.0-6]
    if (i < 10) {
      EXPECT_EQ(packet.packet_id, ids[static_cast<size_t>(i)]);
      EXPECT_TRUE(packet.dup());
    }
    subscriber.acknowledge(packet);
  }
  subscriber.expect_quiet();
  subscriber.drop();
  forget("s");
}

TEST_P(Redelivery, leaves_a_gap_where_acknowledged_out_of_order) {
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  for (int i = 0; i < 6; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  std::vector<uint16_t> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(subscriber.expect(Type::kPublish).packet_id);
  for (const size_t i : {4u, 1u, 3u}) subscriber.send(acknowledge_packet(Type::kPuback, ids[i]));
  subscriber.expect_quiet();
  subscriber.drop();
  subscriber = persistent("s");
  for (const size_t i : {0u, 2u, 5u}) {
    const Packet packet = subscriber.expect(Type::kPublish);
    EXPECT_EQ(packet.payload, std::to_string(i));
    EXPECT_EQ(packet.packet_id, ids[i]);
    subscriber.acknowledge(packet);
  }
  subscriber.expect_quiet();
  subscriber.drop();
  forget("s");
}

TEST_P(TakeOver, closes_the_older_connection) {
  TestClient first = client("a");
  for (int i = 0; i < 10; ++i) {
    TestClient second = client("a");
    first.expect_closed();  // [MQTT-3.1.4-2]
    second.expect_quiet();
    first = std::move(second);
  }
}

TEST_P(TakeOver, carries_a_persistent_session_over) {
  TestClient first = persistent("a");
  first.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "1", 1);
  const Packet unacknowledged = first.expect(Type::kPublish);
  TestClient second = silent();
  EXPECT_TRUE(second.connect(resume(id("a"))).session_present);
  first.expect_closed();
  const Packet again = second.expect_message(topic("x"), "1");
  EXPECT_TRUE(again.dup());
  EXPECT_EQ(again.packet_id, unacknowledged.packet_id);
  publisher.publish(topic("x"), "2", 1);
  second.expect_message(topic("x"), "2");
  second.disconnect();
  forget("a");
}

TEST_P(TakeOver, by_a_clean_connect_discards_the_session) {
  TestClient first = persistent("a");
  first.subscribe(topic("x"), 1);
  TestClient second = client("a");
  first.expect_closed();
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "must not", 1);
  second.subscribe(topic("fence"), 1);
  publisher.publish(topic("fence"), "f", 1);
  second.expect_message(topic("fence"), "f");
}

TEST_P(TakeOver, by_a_connection_that_was_closed_before_does_not_happen) {
  // A client that loses its connection before CONNACK and comes again at once must not be thrown out by its own past.
  for (int i = 0; i < 100; ++i) {
    TestClient past = silent();
    past.send(connect_packet(resume(id("a"))));
    past.drop();
    TestClient present = persistent("a");
    present.expect_quiet();  // [MQTT-3.1.4-2]: the existing client is the older one
    ASSERT_FALSE(present.broken()) << "at attempt " << i;
  }
  forget("a");
}

TEST_P(TakeOver, storm_leaves_exactly_one_connection) {
  std::vector<TestClient> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(silent());
    clients.back().send(connect_packet(resume(id("a"))));
  }
  // Each one gets its CONNACK, or its end because a later one came first. [MQTT-3.1.4-2]
  std::vector<TestClient*> accepted;
  for (TestClient& client : clients) {
    if (client.next_or_end().type == Type::kConnack) accepted.push_back(&client);
  }
  // All take-overs have happened now.
  int open = 0;
  for (TestClient* client : accepted) {
    open += client->try_send(pingreq_packet()) && client->next_or_end().type == Type::kPingresp;
  }
  EXPECT_EQ(open, 1);
  clients.clear();
  forget("a");
}

}  // namespace
}  // namespace penstock::test
