// Will messages and keepalive, chapters 3.1.2.5 to 3.1.2.10 and 3.14.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE_OF_ALL_VERSIONS(WillMessage);
BROKER_SUITE_OF_ALL_VERSIONS(Keepalive);

TEST_P(WillMessage, is_published_when_the_connection_breaks) {
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    TestClient watcher = client("w");
    watcher.subscribe(topic("will"), 2);
    TestClient dying = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "gone", qos, false}});
    dying.drop();
    const Packet packet = watcher.expect_message(topic("will"), "gone");  // [MQTT-3.1.2-8]
    EXPECT_EQ(packet.qos(), qos);                                         // [MQTT-3.1.2-9]
    EXPECT_FALSE(packet.retain());
  }
}

TEST_P(WillMessage, is_published_when_the_connection_is_reset) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  TestClient dying = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "gone", 1, false}});
  dying.reset();
  watcher.expect_message(topic("will"), "gone");  // [MQTT-3.1.2-8]
}

TEST_P(WillMessage, is_published_after_a_protocol_error) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  TestClient wrong = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "wrong", 1, false}});
  wrong.send(from_hex("f0 00"));
  wrong.expect_closed();
  watcher.expect_message(topic("will"), "wrong");  // [MQTT-3.1.2-8]
}

TEST_P(WillMessage, is_published_when_the_client_is_taken_over) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  TestClient first = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "taken", 1, false}});
  TestClient second = client("d");
  first.expect_closed();
  watcher.expect_message(topic("will"), "taken");  // [MQTT-3.1.2-8]: closed without DISCONNECT
}

TEST_P(WillMessage, is_not_published_after_disconnect) {
  TestClient watcher = client("w");
  watcher.subscribe({{topic("will"), 1}, {topic("fence"), 1}});
  TestClient leaving = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "must not", 1, false}});
  leaving.disconnect();  // [MQTT-3.1.2-10] [MQTT-3.14.4-3]: waits until the server has closed
  TestClient dying = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("fence"), "f", 1, false}});
  dying.drop();
  watcher.expect_message(topic("fence"), "f");
}

TEST_P(WillMessage, is_published_once) {
  TestClient watcher = client("w");
  watcher.subscribe({{topic("will"), 1}, {topic("fence"), 1}});
  TestClient dying = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "gone", 1, false}});
  dying.drop();
  watcher.expect_message(topic("will"), "gone");  // [MQTT-3.1.2-10]
  TestClient again = client("d");                 // no will this time [MQTT-3.1.2-12]
  again.drop();
  TestClient third = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("fence"), "f", 1, false}});
  third.drop();
  watcher.expect_message(topic("fence"), "f");
}

TEST_P(WillMessage, is_retained_only_when_it_says_so) {
  for (const bool retain : {true, false}) {
    TestClient watcher = client("w");
    watcher.subscribe(topic("will"), 1);
    TestClient dying = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "gone", 1, retain}});
    dying.drop();
    watcher.expect_message(topic("will"), "gone");
    TestClient late = client("l");
    late.subscribe(topic("will"), 1);
    watcher.publish(topic("will"), "fence", 1);
    if (retain) {
      EXPECT_TRUE(late.expect_message(topic("will"), "gone").retain());  // [MQTT-3.1.2-17]
    }
    EXPECT_FALSE(late.expect_message(topic("will"), "fence").retain());  // [MQTT-3.1.2-16]
    watcher.publish(topic("will"), "", 1, true);
  }
}

TEST_P(WillMessage, may_be_empty_and_binary) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  for (const std::string& payload : {std::string(), std::string("\0\xff\xfe", 3)}) {
    TestClient dying = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), payload, 1, false}});
    dying.drop();
    watcher.expect_message(topic("will"), payload);
  }
}

TEST_P(WillMessage, is_that_of_the_latest_connect) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  TestClient leaving = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "first", 1, false}});
  leaving.disconnect();
  TestClient dying = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "second", 1, false}});
  dying.drop();
  watcher.expect_message(topic("will"), "second");
}

TEST_P(WillMessage, reaches_offline_persistent_sessions) {
  TestClient sleeper = persistent("s");
  sleeper.subscribe(topic("will"), 1);
  sleeper.disconnect();
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  TestClient dying = client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "gone", 1, false}});
  dying.drop();
  watcher.expect_message(topic("will"), "gone");
  persistent("s").expect_message(topic("will"), "gone");
  forget("s");
}

TEST_P(Keepalive, closes_a_client_that_stays_silent) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  TestClient silent =
      client(ConnectOptions{.client_id = id("d"), .keepalive_s = 1, .will = Will{topic("will"), "silent", 1, false}});
  silent.expect_closed();                           // [MQTT-3.1.2-24]: at 1.5 s
  watcher.expect_message(topic("will"), "silent");  // [MQTT-3.1.2-8]
}

TEST_P(Keepalive, counts_from_the_last_packet_of_the_client) {
  TestClient client = this->client(ConnectOptions{.client_id = id("a"), .keepalive_s = 1});
  TestClient silent = this->client(ConnectOptions{.client_id = id("b"), .keepalive_s = 2});
  // Each close of a silent client tells that 1.5 times its keepalive went by; the talker outlives it.
  while (!silent.has_ended() && !client.broken()) client.expect_quiet();
  client.expect_quiet();
}

TEST_P(Keepalive, delivery_to_a_client_does_not_count_as_its_sign_of_life) {
  TestClient silent = client(ConnectOptions{.client_id = id("s"), .keepalive_s = 1});
  silent.subscribe(topic("x"), 0);
  TestClient publisher = client("p");
  // The stream ends although messages go on: drained to the end. [MQTT-3.1.2-24]
  bool ended = false;
  for (int i = 0; !ended && !silent.broken(); ++i) {
    publisher.publish(topic("x"), std::to_string(i), 1);
    ended = silent.next_or_end().type == Type::kNone;
  }
  EXPECT_FALSE(silent.broken());
}

TEST_P(Keepalive, of_zero_never_closes) {
  TestClient quiet = client(ConnectOptions{.client_id = id("q"), .keepalive_s = 0});
  TestClient silent = client(ConnectOptions{.client_id = id("s"), .keepalive_s = 1});
  silent.expect_closed();
  quiet.expect_quiet();
}

}  // namespace
}  // namespace penstock::test
