// SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, chapters 3.8 to 3.11.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE_OF_ALL_VERSIONS(Subscribe);
BROKER_SUITE_OF_ALL_VERSIONS(Unsubscribe);

TEST_P(Subscribe, answers_with_the_same_packet_id) {
  TestClient client = this->client("a");
  for (const int packet_id : {1, 255, 256, 65535}) {
    client.send(subscribe_packet(static_cast<uint16_t>(packet_id), {{topic("x"), 0}}));
    client.expect(Type::kSuback, static_cast<uint16_t>(packet_id));  // [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-2.3.1-7]
  }
}

TEST_P(Subscribe, answers_every_filter_in_order_with_one_suback) {
  TestClient client = this->client("a");
  // [MQTT-3.8.4-4] [MQTT-3.8.4-5] [MQTT-3.9.3-1] [MQTT-3.9.3-2]
  EXPECT_EQ(to_hex(client.subscribe({{topic("a"), 0}, {topic("b"), 2}, {topic("c"), 1}, {topic("d"), 2}})),
            "00 02 01 02");
  client.expect_quiet();
}

TEST_P(Subscribe, subscribes_to_all_filters_of_a_packet) {
  TestClient client = this->client("a");
  client.subscribe({{topic("a"), 0}, {topic("b"), 0}, {topic("c"), 0}});
  TestClient publisher = this->client("p");
  for (const char* name : {"c", "a", "b"}) publisher.publish(topic(name), name);
  for (const char* name : {"c", "a", "b"}) client.expect_message(topic(name), name);
}

TEST_P(Subscribe, replaces_the_subscription_to_an_identical_filter) {
  TestClient client = this->client("a");
  TestClient publisher = this->client("p");
  client.subscribe(topic("x"), 2);
  client.subscribe(topic("x"), 0);  // [MQTT-3.8.4-3]
  publisher.publish(topic("x"), "1", 2);
  EXPECT_EQ(client.expect_message(topic("x"), "1").qos(), 0);
  client.subscribe(topic("x"), 1);
  publisher.publish(topic("x"), "2", 2);
  EXPECT_EQ(client.expect_message(topic("x"), "2").qos(), 1);
  publisher.publish(topic("x"), "3", 0);
  client.expect_message(topic("x"), "3");  // a single copy of each
}

TEST_P(Subscribe, sends_retained_messages_again_on_an_identical_subscription) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "kept", 1, true);
  TestClient client = this->client("a");
  for (int i = 0; i < 3; ++i) {
    client.subscribe(topic("x"), 1);
    EXPECT_TRUE(client.expect_message(topic("x"), "kept").retain());  // [MQTT-3.8.4-3]
  }
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(Subscribe, interrupts_no_flow_when_a_subscription_is_replaced) {
  TestClient client = this->client("a");
  client.subscribe(topic("x"), 1);
  TestClient publisher = this->client("p");
  const int messages = std::min(500, int{publisher.receive_maximum()});
  std::string bytes;
  for (int i = 1; i <= messages; ++i) {
    bytes += publish_packet(topic("x"), std::to_string(i), {.qos = 1, .packet_id = static_cast<uint16_t>(i)});
  }
  publisher.send(bytes.substr(0, bytes.size() / 2));
  client.subscribe(topic("x"), 1);  // [MQTT-3.8.4-3]
  publisher.send(bytes.substr(bytes.size() / 2));
  for (int i = 1; i <= messages; ++i) client.expect_message(topic("x"), std::to_string(i));
}

TEST_P(Subscribe, does_not_filter_what_another_client_subscribed_to) {
  TestClient a = client("a");
  TestClient b = client("b");
  a.subscribe(topic("a"), 0);
  b.subscribe(topic("b"), 0);
  TestClient publisher = client("p");
  publisher.publish(topic("a"), "for a");
  publisher.publish(topic("b"), "for b");
  publisher.publish(topic("a"), "fence");
  b.expect_message(topic("b"), "for b");  // [MQTT-4.5.0-1]
  a.expect_message(topic("a"), "for a");
  a.expect_message(topic("a"), "fence");
}

TEST_P(Subscribe, accepts_a_thousand_filters_in_one_packet) {
  FilterList filters;
  for (int i = 0; i < 1000; ++i) filters.emplace_back(topic("many/" + std::to_string(i)), i % 3);
  TestClient client = this->client("a");
  const std::string codes = client.subscribe(filters);
  ASSERT_EQ(codes.size(), filters.size());
  for (size_t i = 0; i < codes.size(); ++i) EXPECT_EQ(codes[i], static_cast<char>(i % 3)) << i;
  TestClient publisher = this->client("p");
  publisher.publish(topic("many/999"), "m");
  client.expect_message(topic("many/999"), "m");
}

TEST_P(Unsubscribe, answers_with_the_same_packet_id) {
  TestClient client = this->client("a");
  client.subscribe(topic("x"), 0);
  client.send(unsubscribe_packet(4711, {topic("x")}));
  client.expect(Type::kUnsuback, 4711);  // [MQTT-3.10.4-4]
  client.send(unsubscribe_packet(4712, {topic("never subscribed")}));
  client.expect(Type::kUnsuback, 4712);  // [MQTT-3.10.4-5]
}

TEST_P(Unsubscribe, ends_delivery) {
  TestClient client = this->client("a");
  client.subscribe({{topic("x"), 1}, {topic("fence"), 1}});
  client.unsubscribe(topic("x"));
  TestClient publisher = this->client("p");
  for (uint8_t qos = 0; qos <= 2; ++qos) publisher.publish(topic("x"), "must not", qos);
  publisher.publish(topic("fence"), "f", 1);
  client.expect_message(topic("fence"), "f");  // [MQTT-3.10.4-2]
}

TEST_P(Unsubscribe, takes_all_filters_of_a_packet) {
  TestClient client = this->client("a");
  client.subscribe({{topic("a"), 0}, {topic("b"), 0}, {topic("c"), 0}});
  client.send(unsubscribe_packet(9, {topic("a"), topic("nothing"), topic("c")}));
  client.expect(Type::kUnsuback, 9);  // [MQTT-3.10.4-6]
  client.expect_quiet();
  TestClient publisher = this->client("p");
  for (const char* name : {"a", "c", "b"}) publisher.publish(topic(name), name);
  client.expect_message(topic("b"), "b");
}

TEST_P(Unsubscribe, compares_filters_character_by_character) {
  TestClient client = this->client("a");
  client.subscribe(topic("a/+"), 0);
  for (const char* other : {"a/b", "a/#", "A/+", "a/+/", "+/+"}) client.unsubscribe(topic(other));
  TestClient publisher = this->client("p");
  publisher.publish(topic("a/b"), "still");
  client.expect_message(topic("a/b"), "still");  // [MQTT-3.10.4-1]
  client.unsubscribe(topic("a/+"));
  publisher.publish(topic("a/b"), "must not");
  client.subscribe(topic("fence"), 0);
  publisher.publish(topic("fence"), "f");
  client.expect_message(topic("fence"), "f");
}

TEST_P(Unsubscribe, completes_delivery_of_what_was_sent_before) {
  TestClient client = this->client("a");
  client.subscribe(topic("x"), 2);
  this->client("p").publish(topic("x"), "m", 2);
  const Packet publish = client.expect(Type::kPublish);
  client.unsubscribe(topic("x"));
  client.send(acknowledge_packet(Type::kPubrec, publish.packet_id));
  client.expect(Type::kPubrel, publish.packet_id);  // [MQTT-3.10.4-3]
  client.send(acknowledge_packet(Type::kPubcomp, publish.packet_id));
  client.expect_quiet();
}

TEST_P(Unsubscribe, leaves_other_subscribers_alone) {
  TestClient a = client("a");
  TestClient b = client("b");
  a.subscribe(topic("x"), 1);
  b.subscribe(topic("x"), 1);
  a.unsubscribe(topic("x"));
  client("p").publish(topic("x"), "m", 1);
  b.expect_message(topic("x"), "m");
}

TEST_P(Unsubscribe, lets_the_client_subscribe_again) {
  TestClient client = this->client("a");
  TestClient publisher = this->client("p");
  for (int i = 0; i < 5; ++i) {
    client.subscribe(topic("x"), 1);
    publisher.publish(topic("x"), std::to_string(i), 1);
    client.expect_message(topic("x"), std::to_string(i));
    client.unsubscribe(topic("x"));
    publisher.publish(topic("x"), "must not", 1);
  }
  client.expect_quiet();
}

}  // namespace
}  // namespace penstock::test
