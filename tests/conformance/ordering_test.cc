// Message ordering, chapter 4.6.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE_OF_ALL_VERSIONS(Ordering);

constexpr int kMessages = 400;

// As many as the server takes at once: nobody waits for acknowledgements.
int burst_of(const TestClient& publisher) {
  return std::min(kMessages, int{publisher.receive_maximum()});
}

std::string numbered(const TestClient& publisher, const std::string& name, uint8_t qos) {
  std::string bytes;
  for (int i = 1; i <= burst_of(publisher); ++i) {
    bytes +=
        publish_packet(name, std::to_string(i), {.qos = qos, .packet_id = static_cast<uint16_t>(i)}, publisher.level());
  }
  return bytes;
}

TEST_P(Ordering, is_kept_per_topic_at_every_qos) {
  for (uint8_t published = 0; published <= 1; ++published) {
    for (uint8_t granted = 0; granted <= 1; ++granted) {
      TestClient subscriber = client("s");
      subscriber.subscribe(topic("x"), granted);
      TestClient publisher = client("p");
      publisher.send(numbered(publisher, topic("x"), published));
      for (int i = 1; i <= burst_of(publisher); ++i) {
        subscriber.expect_message(topic("x"), std::to_string(i));  // [MQTT-4.6.0-5] [MQTT-4.6.0-6]
      }
    }
  }
}

TEST_P(Ordering, is_kept_for_qos_2_with_a_full_window_both_ways) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  const uint16_t window = std::min<uint16_t>(20, publisher.receive_maximum());
  int seen = 0;
  for (uint16_t begin = 1; begin <= 200; begin += window) {
    std::string bytes;
    for (uint16_t i = begin; i < begin + window; ++i) {
      bytes += publish_packet(topic("x"), std::to_string(i), {.qos = 2, .packet_id = i});
    }
    publisher.send(bytes);
    for (uint16_t i = begin; i < begin + window; ++i) publisher.expect(Type::kPubrec, i);  // [MQTT-4.6.0-3]
    for (uint16_t i = begin; i < begin + window; ++i) publisher.send(acknowledge_packet(Type::kPubrel, i));
    for (uint16_t i = begin; i < begin + window; ++i) publisher.expect(Type::kPubcomp, i);
    for (uint16_t i = begin; i < begin + window; ++i) {
      subscriber.expect_message(topic("x"), std::to_string(++seen));  // [MQTT-4.6.0-6]
    }
  }
}

// The subscriber has taken `count` QoS 2 messages and answered none of them.
std::vector<uint16_t> unanswered_ids(TestClient& subscriber, TestClient& publisher, const std::string& name,
                                     int count) {
  for (int i = 0; i < count; ++i) publisher.publish(name, "m", 2);
  std::vector<uint16_t> ids;
  for (int i = 0; i < count; ++i) ids.push_back(subscriber.expect(Type::kPublish).packet_id);
  return ids;
}

std::string pubrecs(const std::vector<uint16_t>& ids) {
  std::string bytes;
  for (const uint16_t id : ids) bytes += acknowledge_packet(Type::kPubrec, id);
  return bytes;
}

TEST_P(Ordering, of_pubrel_follows_pubrec) {
  for (const bool clean : {true, false}) {
    TestClient subscriber = clean ? client("s") : persistent("k");
    subscriber.subscribe(topic("x"), 2);
    TestClient publisher = client("p");
    const std::vector<uint16_t> ids = unanswered_ids(subscriber, publisher, topic("x"), 50);
    // In several writes, so that the broker handles them in several turns, each of which waits for the disk.
    for (size_t i = 0; i < ids.size(); i += 10) {
      subscriber.send(pubrecs({ids.begin() + static_cast<int>(i), ids.begin() + static_cast<int>(i) + 10}));
    }
    for (const uint16_t id : ids) subscriber.expect(Type::kPubrel, id);  // [MQTT-4.6.0-4]
    for (const uint16_t id : ids) subscriber.send(acknowledge_packet(Type::kPubcomp, id));
    subscriber.expect_quiet();
    subscriber.disconnect();
  }
  forget("k");
}

// Such a client breaks 4.6.0-3 itself; the sender's duty stands all the same.
TEST_P(Ordering, of_pubrel_follows_pubrec_of_a_client_that_answers_in_another_order) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  std::vector<uint16_t> ids = unanswered_ids(subscriber, publisher, topic("x"), 20);
  std::reverse(ids.begin(), ids.end());
  subscriber.send(pubrecs(ids));
  for (const uint16_t id : ids) subscriber.expect(Type::kPubrel, id);  // [MQTT-4.6.0-4]
}

TEST_P(Ordering, is_kept_per_publisher_where_many_publish) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("+"), 1);
  std::vector<TestClient> publishers;
  constexpr int kPublishers = 8;
  for (int p = 0; p < kPublishers; ++p) publishers.push_back(client("p" + std::to_string(p)));
  for (int p = 0; p < kPublishers; ++p) publishers[p].send(numbered(publishers[p], topic(std::to_string(p)), 1));
  std::map<std::string, int> last;
  for (int i = 0; i < kPublishers * burst_of(publishers[0]) && !subscriber.broken(); ++i) {
    const Packet packet = subscriber.take_message();
    EXPECT_EQ(packet.payload, std::to_string(++last[packet.topic])) << packet.topic;  // [MQTT-4.6.0-5]
  }
  EXPECT_EQ(last.size(), size_t{kPublishers});
}

TEST_P(Ordering, is_kept_across_topics_and_qos_of_one_publisher_for_one_filter) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("#"), 1);
  TestClient publisher = client("p");
  std::string bytes;
  for (uint16_t i = 1; i <= burst_of(publisher); ++i) {
    bytes += publish_packet(topic(std::to_string(i % 7)), std::to_string(i),
                            {.qos = static_cast<uint8_t>(i % 2), .packet_id = i});
  }
  publisher.send(bytes);
  for (int i = 1; i <= burst_of(publisher); ++i) EXPECT_EQ(subscriber.take_message().payload, std::to_string(i));
}

TEST_P(Ordering, of_puback_follows_publish_when_several_clients_publish) {
  TestClient a = client("a");
  TestClient b = client("b");
  a.send(numbered(a, topic("a"), 1));
  b.send(numbered(b, topic("b"), 1));
  for (uint16_t i = 1; i <= burst_of(a); ++i) {
    a.expect(Type::kPuback, i);
    b.expect(Type::kPuback, i);
  }
}

TEST_P(Ordering, is_kept_from_backlog_into_live_traffic) {
  persistent("s").subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  publisher.publish_numbered(topic("x"), 1, 1000);
  TestClient subscriber = persistent("s");
  publisher.publish_numbered(topic("x"), 1001, 2000);
  for (int i = 1; i <= 2000 && !subscriber.broken(); ++i) subscriber.expect_message(topic("x"), std::to_string(i));
  subscriber.disconnect();
  forget("s");
}

}  // namespace
}  // namespace penstock::test
