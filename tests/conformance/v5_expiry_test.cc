// The Message Expiry Interval of MQTT 5.0, chapter 3.3.2.3.3.
#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

using SteadyClock = std::chrono::steady_clock;

class V5ExpirySuite : public BrokerSuite {
 protected:
  static Properties expiry(uint32_t interval_s) { return {{kMessageExpiry, interval_s}}; }

  // The message has waited for `waited_s` at least, and not longer than since `published`.
  void expect_remaining(const Packet& message, uint32_t interval_s, uint32_t waited_s,
                        SteadyClock::time_point published) {
    const auto longest = std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now() - published).count() + 1;
    ASSERT_TRUE(message.has(kMessageExpiry)) << message;
    EXPECT_LE(message.number(kMessageExpiry), interval_s - waited_s);  // [MQTT5-3.3.2-6]
    EXPECT_GE(message.number(kMessageExpiry) + longest, interval_s);
  }
};

BROKER_SUITE_ON(V5ExpirySuite, V5MessageExpiry, kLevel5);

TEST_P(V5MessageExpiry, is_passed_on_with_what_is_left_of_it) {
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    const auto published = SteadyClock::now();
    publisher.publish(topic("x"), "m", {.qos = qos, .properties = expiry(1000)});
    expect_remaining(subscriber.expect_message(topic("x"), "m"), 1000, 0, published);
  }
  publisher.publish(topic("x"), "m", 1);
  EXPECT_FALSE(subscriber.expect_message(topic("x"), "m").has(kMessageExpiry));
}

TEST_P(V5MessageExpiry, counts_down_while_the_message_waits_for_its_client) {
  persistent("s").subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  const auto published = SteadyClock::now();
  publisher.publish(topic("x"), "1", {.qos = 1, .properties = expiry(1000)});
  publisher.publish(topic("x"), "2", {.qos = 2, .properties = expiry(0xffffffff)});
  let_pass(std::chrono::seconds(3));
  TestClient subscriber = persistent("s");
  expect_remaining(subscriber.expect_message(topic("x"), "1"), 1000, 2, published);
  expect_remaining(subscriber.expect_message(topic("x"), "2"), 0xffffffff, 2, published);
  subscriber.disconnect();
  forget("s");
}

TEST_P(V5MessageExpiry, that_has_passed_keeps_the_message_from_a_client_that_was_away) {
  persistent("s").subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (uint8_t qos = 1; qos <= 2; ++qos) {
    publisher.publish(topic("x"), "must not", {.qos = qos, .properties = expiry(1)});
    publisher.publish(topic("x"), "lasting", {.qos = qos, .properties = expiry(1000)});
    publisher.publish(topic("x"), "for ever", qos);
  }
  let_pass(std::chrono::seconds(3));
  TestClient subscriber = persistent("s");
  for (int i = 0; i < 2; ++i) {
    subscriber.expect_message(topic("x"), "lasting");  // [MQTT5-3.3.2-5]
    subscriber.expect_message(topic("x"), "for ever");
  }
  publisher.publish(topic("x"), "live", 1);
  subscriber.expect_message(topic("x"), "live");
  subscriber.disconnect();
  forget("s");
}

TEST_P(V5MessageExpiry, that_has_passed_keeps_the_message_from_a_client_that_takes_no_more) {
  TestClient subscriber = client(ConnectOptions{.client_id = id("s"), .properties = {{kReceiveMaximum, 1}}});
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "first", 1);
  const Packet first = subscriber.expect(Type::kPublish);
  publisher.publish(topic("x"), "must not", {.qos = 1, .properties = expiry(1)});
  publisher.publish(topic("x"), "second", 1);
  let_pass(std::chrono::seconds(3));
  subscriber.acknowledge(first);
  subscriber.expect_message(topic("x"), "second");  // [MQTT5-3.3.2-5]
}

TEST_P(V5MessageExpiry, counts_down_while_the_message_is_retained) {
  TestClient publisher = client("p");
  const auto published = SteadyClock::now();
  publisher.publish(topic("x"), "kept", {.qos = 1, .retain = true, .properties = expiry(1000)});
  let_pass(std::chrono::seconds(3));
  TestClient subscriber = client("s");
  for (uint8_t granted = 0; granted <= 2; ++granted) {
    subscriber.subscribe(topic("x"), granted);
    const Packet message = subscriber.expect_message(topic("x"), "kept");
    EXPECT_TRUE(message.retain());
    expect_remaining(message, 1000, 2, published);
  }
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(V5MessageExpiry, that_has_passed_ends_a_retained_message) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "must not", {.qos = 1, .retain = true, .properties = expiry(1)});
  publisher.publish(topic("y"), "kept", {.qos = 1, .retain = true, .properties = expiry(1000)});
  let_pass(std::chrono::seconds(3));
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("+"), 1);
  subscriber.expect_message(topic("y"), "kept");  // 3.3.1.3: an expired one is no retained message any more
  publisher.publish(topic("x"), "live", 1);
  EXPECT_FALSE(subscriber.expect_message(topic("x"), "live").retain());
  publisher.publish(topic("y"), "", 1, true);
}

TEST_P(V5MessageExpiry, of_the_next_retained_message_is_its_own) {
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "old", {.qos = 1, .retain = true, .properties = expiry(1)});
  publisher.publish(topic("x"), "new", 1, true);
  let_pass(std::chrono::seconds(3));
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  EXPECT_FALSE(subscriber.expect_message(topic("x"), "new").has(kMessageExpiry));
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(V5MessageExpiry, ends_no_delivery_that_has_begun) {
  TestClient subscriber = persistent("s");
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  Packet first;
  // Where the disk takes a second for the record that it begins with, it has expired before: then another.
  while (first.payload != "m" && !subscriber.broken()) {
    publisher.publish(topic("x"), "m", {.qos = 2, .properties = expiry(1)});
    publisher.publish(topic("x"), "behind it", 2);
    first = subscriber.expect(Type::kPublish);
    if (first.payload != "m") subscriber.acknowledge(first);
  }
  subscriber.drop();
  let_pass(std::chrono::seconds(3));
  subscriber = persistent("s");
  const Packet again = subscriber.expect_message(topic("x"), "m");  // [MQTT5-4.3.3-7] [MQTT5-4.4.0-1]
  EXPECT_EQ(again.packet_id, first.packet_id);
  subscriber.disconnect();
  forget("s");
}

TEST_P(V5MessageExpiry, ends_no_handshake_with_the_publisher) {
  TestClient publisher = client("p");
  publisher.send(publish_packet(topic("x"), "m", {.qos = 2, .packet_id = 7, .properties = expiry(1)}));
  publisher.expect(Type::kPubrec, 7);
  let_pass(std::chrono::seconds(3));
  publisher.send(acknowledge_packet(Type::kPubrel, 7));
  EXPECT_EQ(publisher.expect(Type::kPubcomp, 7).reason_code, reason::kSuccess);  // [MQTT5-4.3.3-13]
}

TEST_P(V5MessageExpiry, of_a_will_counts_from_its_publication) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  TestClient dying =
      client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "gone", 1, true, expiry(2)}});
  // It has waited for longer than its interval before it became a message.
  let_pass(std::chrono::seconds(3));
  dying.drop();
  const auto published = SteadyClock::now();
  expect_remaining(watcher.expect_message(topic("will"), "gone"), 2, 0, published);
  let_pass(std::chrono::seconds(3));
  TestClient late = client("l");
  late.subscribe({{topic("will"), 1}, {topic("fence"), 1}});
  watcher.publish(topic("fence"), "f", 1);
  late.expect_message(topic("fence"), "f");  // the retained will has expired
}

TEST_P(V5MessageExpiry, goes_on_while_the_broker_is_down) {
  own_broker();
  persistent("s").subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  const auto published = SteadyClock::now();
  publisher.publish(topic("x"), "must not", {.qos = 1, .properties = expiry(1)});
  publisher.publish(topic("x"), "lasting", {.qos = 1, .properties = expiry(1000)});
  let_pass(std::chrono::seconds(3));
  ASSERT_TRUE(own_broker().restart());
  TestClient subscriber = persistent("s");
  expect_remaining(subscriber.expect_message(topic("x"), "lasting"), 1000, 2, published);  // [MQTT5-3.3.2-6]
}

}  // namespace
}  // namespace penstock::test
