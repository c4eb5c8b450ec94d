// PUBLISH and its acknowledgements at every QoS, chapters 3.3 to 3.7 and 4.3.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE_OF_ALL_VERSIONS(Publish);

TEST_P(Publish, delivers_the_lower_of_published_and_granted_qos) {
  for (uint8_t published = 0; published <= 2; ++published) {
    for (uint8_t granted = 0; granted <= 2; ++granted) {
      const std::string name = topic(std::to_string(published) + std::to_string(granted));
      TestClient subscriber = client("s");
      EXPECT_EQ(subscriber.subscribe(name, granted), granted);
      TestClient publisher = client("p");
      publisher.publish(name, "payload", published);  // [MQTT-3.3.4-1] [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-4.3.3-1]
      const Packet packet = subscriber.expect_message(name, "payload");
      EXPECT_EQ(packet.qos(), std::min(published, granted));  // [MQTT-3.8.4-6]
      EXPECT_FALSE(packet.dup());                             // [MQTT-3.3.1-2] [MQTT-4.3.2-1]
      EXPECT_FALSE(packet.retain());                          // [MQTT-3.3.1-9]
    }
  }
}

TEST_P(Publish, sends_no_acknowledgement_for_qos_0) {
  TestClient client = this->client("a");
  client.send(publish_packet(topic("x"), "0") + publish_packet(topic("x"), "1", {.qos = 1, .packet_id = 5}));
  client.expect(Type::kPuback, 5);
  client.expect_quiet();
}

TEST_P(Publish, acknowledges_with_the_same_packet_id) {
  TestClient client = this->client("a");
  for (const int packet_id : {1, 2, 255, 256, 32768, 65535}) {
    const auto id = static_cast<uint16_t>(packet_id);
    client.send(publish_packet(topic("x"), "1", {.qos = 1, .packet_id = id}));
    client.expect(Type::kPuback, id);  // [MQTT-2.3.1-6] [MQTT-4.3.2-2]
    client.send(publish_packet(topic("x"), "2", {.qos = 2, .packet_id = id}));
    client.expect(Type::kPubrec, id);
    client.send(acknowledge_packet(Type::kPubrel, id));
    client.expect(Type::kPubcomp, id);  // [MQTT-4.3.3-2]
  }
}

TEST_P(Publish, acknowledges_qos_1_in_the_order_of_arrival) {
  TestClient client = this->client("a");
  const uint16_t count = std::min<uint16_t>(100, client.receive_maximum());
  std::string bytes;
  for (uint16_t i = 1; i <= count; ++i) bytes += publish_packet(topic("x"), "m", {.qos = 1, .packet_id = i});
  client.send(bytes);
  for (uint16_t i = 1; i <= count; ++i) client.expect(Type::kPuback, i);
}

TEST_P(Publish, takes_a_reused_packet_id_as_a_new_message_after_puback) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  for (int i = 0; i < 3; ++i) {
    // [MQTT-4.3.2-2]: whatever its DUP flag says.
    publisher.send(publish_packet(topic("x"), std::to_string(i), {.qos = 1, .dup = i == 2, .packet_id = 9}));
    publisher.expect(Type::kPuback, 9);
  }
  for (int i = 0; i < 3; ++i) subscriber.expect_message(topic("x"), std::to_string(i));
}

TEST_P(Publish, does_not_pass_the_dup_flag_of_the_publisher_on) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  publisher.send(publish_packet(topic("x"), "1", {.qos = 1, .dup = true, .packet_id = 1}));
  publisher.expect(Type::kPuback, 1);
  publisher.send(publish_packet(topic("x"), "2", {.qos = 2, .dup = true, .packet_id = 2}));
  publisher.expect(Type::kPubrec, 2);
  publisher.send(acknowledge_packet(Type::kPubrel, 2));
  publisher.expect(Type::kPubcomp, 2);
  EXPECT_FALSE(subscriber.expect_message(topic("x"), "1").dup());  // [MQTT-3.3.1-1] [MQTT-3.3.1-3]
  EXPECT_FALSE(subscriber.expect_message(topic("x"), "2").dup());
}

TEST_P(Publish, delivers_a_repeated_qos_2_publish_once) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (int i = 0; i < 4; ++i) {
    publisher.send(publish_packet(topic("x"), "once", {.qos = 2, .dup = i > 0, .packet_id = 3}));
    publisher.expect(Type::kPubrec, 3);  // [MQTT-4.3.3-2]
  }
  publisher.send(acknowledge_packet(Type::kPubrel, 3));
  publisher.expect(Type::kPubcomp, 3);
  publisher.publish(topic("x"), "fence", 2);
  subscriber.expect_message(topic("x"), "once");
  subscriber.expect_message(topic("x"), "fence");
}

TEST_P(Publish, takes_a_qos_2_packet_id_as_new_after_pubrel) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (int i = 0; i < 3; ++i) {
    publisher.send(publish_packet(topic("x"), std::to_string(i), {.qos = 2, .packet_id = 3}));
    publisher.expect(Type::kPubrec, 3);
    publisher.send(acknowledge_packet(Type::kPubrel, 3));
    publisher.expect(Type::kPubcomp, 3);
  }
  for (int i = 0; i < 3; ++i) subscriber.expect_message(topic("x"), std::to_string(i));
}

TEST_P(Publish, answers_pubrel_of_an_unknown_packet_id_with_pubcomp) {
  TestClient client = this->client("a");
  client.send(acknowledge_packet(Type::kPubrel, 77));
  client.expect(Type::kPubcomp, 77);  // 4.3.3: a sender that lost PUBCOMP must get to its end
  client.expect_quiet();
}

TEST_P(Publish, ignores_acknowledgements_nobody_waits_for) {
  TestClient client = this->client("a");
  client.send(acknowledge_packet(Type::kPuback, 77) + acknowledge_packet(Type::kPubcomp, 78));
  client.expect_quiet();
}

TEST_P(Publish, sends_pubrel_with_the_id_of_pubrec) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  client("p").publish(topic("x"), "m", 2);
  const Packet publish = subscriber.expect(Type::kPublish);
  EXPECT_NE(publish.packet_id, 0);  // [MQTT-2.3.1-1]
  subscriber.send(acknowledge_packet(Type::kPubrec, publish.packet_id));
  subscriber.expect(Type::kPubrel, publish.packet_id);  // [MQTT-2.3.1-6] [MQTT-4.3.3-1]; flags are checked by decoding
  // A repeated PUBREC gets the PUBREL again.
  subscriber.send(acknowledge_packet(Type::kPubrec, publish.packet_id));
  subscriber.expect(Type::kPubrel, publish.packet_id);
  subscriber.send(acknowledge_packet(Type::kPubcomp, publish.packet_id));
  subscriber.expect_quiet();
}

TEST_P(Publish, uses_packet_ids_that_are_not_in_use) {
  constexpr int kMessages = 10;
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  for (int i = 0; i < kMessages; ++i) publisher.publish(topic("x"), std::to_string(i), 1);
  std::vector<uint16_t> ids;
  for (int i = 0; i < kMessages; ++i) {
    const Packet packet = subscriber.expect(Type::kPublish);
    EXPECT_EQ(std::ranges::count(ids, packet.packet_id), 0) << packet.packet_id;  // [MQTT-2.3.1-4]
    ids.push_back(packet.packet_id);
  }
}

TEST_P(Publish, delivers_to_every_subscriber) {
  std::vector<TestClient> subscribers;
  for (int i = 0; i < 20; ++i) {
    subscribers.push_back(client("s" + std::to_string(i)));
    subscribers.back().subscribe(topic("x"), static_cast<uint8_t>(i % 3));
  }
  client("p").publish(topic("x"), "to all", 2);
  for (TestClient& subscriber : subscribers) subscriber.expect_message(topic("x"), "to all");  // [MQTT-4.5.0-1]
}

TEST_P(Publish, delivers_to_the_publisher_itself) {
  TestClient client = this->client("a");
  client.subscribe(topic("x"), 1);
  client.publish(topic("x"), "me", 1);
  client.expect_message(topic("x"), "me");
}

TEST_P(Publish, delivers_an_empty_payload) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (uint8_t qos = 0; qos <= 2; ++qos) publisher.publish(topic("x"), "", qos);
  for (uint8_t qos = 0; qos <= 2; ++qos) EXPECT_EQ(subscriber.expect_message(topic("x"), "").qos(), qos);
}

TEST_P(Publish, delivers_payloads_of_every_remaining_length_size) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  constexpr size_t kFixedHeader = 2;
  const size_t overhead = publish_packet(topic("x"), "", {.qos = 1, .packet_id = 1}).size() - kFixedHeader;
  // Around each border of the length encoding up to the default --max-payload, 64 KiB.
  for (const size_t remaining : {127u, 128u, 129u, 16383u, 16384u, 16385u, 65535u, 65536u}) {
    std::string payload(remaining - overhead, 'p');
    for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 31);
    publisher.publish(topic("x"), payload, 1);
    EXPECT_TRUE(subscriber.take_message().payload == payload) << remaining;
  }
  const std::string largest(64 << 10, 'L');
  publisher.publish(topic("x"), largest, 1);
  EXPECT_TRUE(subscriber.take_message().payload == largest);
}

TEST_P(Publish, decodes_packets_that_arrive_byte_by_byte) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  for (const char byte : publish_packet(topic("x"), "slowly", {.qos = 1, .packet_id = 3})) {
    publisher.send(std::string_view(&byte, 1));
  }
  publisher.expect(Type::kPuback, 3);
  subscriber.expect_message(topic("x"), "slowly");
}

TEST_P(Publish, decodes_many_packets_of_one_segment) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 0);
  TestClient publisher = client("p");
  std::string bytes;
  for (int i = 0; i < 2000; ++i) bytes += publish_packet(topic("x"), std::to_string(i));
  publisher.send(bytes);
  for (int i = 0; i < 2000; ++i) subscriber.expect_message(topic("x"), std::to_string(i));
}

TEST_P(Publish, delivers_once_where_filters_overlap) {
  TestClient subscriber = client("s");
  subscriber.subscribe({{topic("a/b"), 0}, {topic("a/+"), 2}, {topic("#"), 1}});
  TestClient publisher = client("p");
  publisher.publish(topic("a/b"), "m", 2);
  publisher.publish(topic("fence"), "f", 2);
  // [MQTT-3.3.5-1]: at the highest QoS of the matching subscriptions. More copies would be allowed; this broker
  // promises one.
  std::vector<Packet> copies;
  for (;;) {
    const Packet packet = subscriber.take_message();
    if (packet.type != Type::kPublish || packet.payload == "f") break;
    EXPECT_EQ(packet.payload, "m");
    copies.push_back(packet);
  }
  ASSERT_FALSE(copies.empty());
  EXPECT_EQ(std::ranges::max(copies, {}, &Packet::qos).qos(), 2);
  EXPECT_EQ(copies.size(), 1u);
}

TEST_P(Publish, keeps_payload_and_topic_bytes_as_they_are) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("#"), 1);
  TestClient publisher = client("p");
  std::string payload;
  for (int i = 0; i < 256; ++i) payload += static_cast<char>(i);
  const std::string name = topic("\xef\xbb\xbf\xc3\xa4 \xf0\x9f\x98\x80");  // [MQTT-1.5.3-3]: U+FEFF stays
  publisher.publish(name, payload, 1);
  subscriber.expect_message(name, payload);
}

}  // namespace
}  // namespace penstock::test
