// Will messages of MQTT 5.0, chapters 3.1.2.5, 3.1.3.2 and 3.14.4: their properties, their delay, and which ends of a
// connection publish them. What 3.1.1 has too is in will_test.cc.
#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

using SteadyClock = std::chrono::steady_clock;

constexpr uint32_t kLong_s = 100'000;

class V5WillSuite : public BrokerSuite {
 protected:
  // A client with a will of this delay and a session that outlives the connection by this.
  ConnectOptions mortal(uint32_t delay_s, uint32_t expiry_s, bool clean_start = true) const {
    return {.client_id = id("d"),
            .will = Will{topic("will"), "gone", 1, false, {{kWillDelay, delay_s}}},
            .clean_start = clean_start,
            .properties = {{kSessionExpiry, expiry_s}}};
  }
  ConnectOptions plain(bool clean_start) const { return {.client_id = id("d"), .clean_start = clean_start}; }
  TestClient watcher() {
    TestClient watcher = client("w");
    watcher.subscribe({{topic("will"), 2}, {topic("fence"), 2}});
    return watcher;
  }
  // Nothing but the fence is on its way to the watcher.
  void expect_no_will(TestClient& watcher) {
    client("f").publish(topic("fence"), "f", 1);
    watcher.expect_message(topic("fence"), "f");
  }
};

BROKER_SUITE_ON(V5WillSuite, V5Will, kLevel5);

TEST_P(V5Will, has_the_properties_it_was_given) {
  const Properties properties = {
      {kPayloadFormat, 1},       {kContentType, "text/plain"}, {kResponseTopic, topic("answers")}, {kCorrelation, "17"},
      {kUserProperty, "b", "2"}, {kUserProperty, "a", "1"},    {kUserProperty, "b", "2"},
  };
  TestClient watcher = this->watcher();
  client(ConnectOptions{.client_id = id("d"), .will = Will{topic("will"), "gone", 2, false, properties}}).drop();
  // [MQTT5-3.1.3-10] [MQTT5-3.1.2-7]: in their order; the delay is no property of the message.
  const Packet will = watcher.expect_message(topic("will"), "gone");
  for (const Property& property : properties) {
    EXPECT_EQ(all_of(will.properties, property.id), all_of(properties, property.id));
  }
  EXPECT_EQ(will.properties.size(), properties.size());
}

TEST_P(V5Will, waits_for_its_delay) {
  TestClient watcher = this->watcher();
  TestClient dying = client(mortal(2, kLong_s));
  const auto dropped = SteadyClock::now();
  dying.drop();
  EXPECT_TRUE(watcher.expect_message(topic("will"), "gone").properties.empty());
  EXPECT_GE(SteadyClock::now() - dropped, std::chrono::seconds(2));  // [MQTT5-3.1.2-8]
  EXPECT_TRUE(client(plain(false)).connack().session_present);
}

TEST_P(V5Will, does_not_wait_without_a_delay) {
  TestClient watcher = this->watcher();
  client(mortal(0, kLong_s)).drop();
  watcher.expect_message(topic("will"), "gone");  // [MQTT5-3.1.2-8]
  ConnectOptions options = mortal(0, kLong_s);
  options.will->properties.clear();
  client(options).drop();
  watcher.expect_message(topic("will"), "gone");
  forget("d");
}

TEST_P(V5Will, is_published_when_the_session_ends_before_its_delay) {
  TestClient watcher = this->watcher();
  client(mortal(kLong_s, 1)).drop();
  watcher.expect_message(topic("will"), "gone");  // [MQTT5-3.1.2-8]
  client(mortal(kLong_s, 0)).drop();
  watcher.expect_message(topic("will"), "gone");  // the session ends with the connection
}

TEST_P(V5Will, is_published_when_a_clean_start_ends_the_session) {
  TestClient watcher = this->watcher();
  client(mortal(kLong_s, kLong_s)).drop();
  client(plain(true)).disconnect();
  // [MQTT5-3.1.2-8]: a connection to the same session would have kept it back [MQTT5-3.1.3-9], this one ends it. The
  // standard says that of a take-over in so many words (3.1.4).
  watcher.expect_message(topic("will"), "gone");
}

TEST_P(V5Will, is_not_published_when_the_client_comes_back_in_time) {
  TestClient watcher = this->watcher();
  client(mortal(3, kLong_s)).drop();
  TestClient back = client(plain(false));
  EXPECT_TRUE(back.connack().session_present);
  let_pass(std::chrono::seconds(4));
  expect_no_will(watcher);                       // [MQTT5-3.1.3-9] [MQTT5-3.1.2-8]
  back.disconnect(reason::kDisconnectWithWill);  // which ends the session; the new connection has no will
  expect_no_will(watcher);                       // [MQTT5-3.1.2-10]
}

TEST_P(V5Will, is_that_of_the_latest_connection) {
  TestClient watcher = this->watcher();
  client(mortal(kLong_s, kLong_s)).drop();
  ConnectOptions again = mortal(0, kLong_s, false);
  again.will->payload = "gone again";
  client(again).drop();
  watcher.expect_message(topic("will"), "gone again");
  expect_no_will(watcher);
  forget("d");
}

TEST_P(V5Will, of_a_client_that_is_taken_over_depends_on_what_becomes_of_its_session) {
  struct Case {
    uint32_t delay_s;
    bool clean_start;
    bool published;
  };
  // 3.1.3.2.2: the session goes on, and the delay has not passed.
  for (const Case& each : {Case{kLong_s, false, false}, Case{kLong_s, true, true}, Case{0, false, true}}) {
    TestClient watcher = this->watcher();
    TestClient first = client(mortal(each.delay_s, kLong_s));
    TestClient second = client(plain(each.clean_start));
    first.expect_disconnect(reason::kSessionTakenOver);
    if (each.published) watcher.expect_message(topic("will"), "gone");
    expect_no_will(watcher);
    second.disconnect();
    expect_no_will(watcher);
  }
}

TEST_P(V5Will, is_discarded_by_a_normal_disconnect) {
  TestClient watcher = this->watcher();
  client(mortal(0, kLong_s)).disconnect();
  client(mortal(0, kLong_s)).disconnect(reason::kSuccess, {});
  expect_no_will(watcher);  // [MQTT5-3.14.4-3] [MQTT5-3.1.2-10]
  forget("d");              // nor when the session ends
  expect_no_will(watcher);
}

TEST_P(V5Will, is_published_by_every_other_disconnect) {
  TestClient watcher = this->watcher();
  for (const int code : {0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99}) {
    client(mortal(0, 0)).disconnect(static_cast<uint8_t>(code));
    watcher.expect_message(topic("will"), "gone");  // [MQTT5-3.1.2-8]
  }
}

TEST_P(V5Will, keeps_its_delay_over_a_disconnect_that_asks_for_it) {
  TestClient watcher = this->watcher();
  TestClient leaving = client(mortal(2, kLong_s));
  const auto left = SteadyClock::now();
  leaving.disconnect(reason::kDisconnectWithWill);
  watcher.expect_message(topic("will"), "gone");
  EXPECT_GE(SteadyClock::now() - left, std::chrono::seconds(2));  // [MQTT5-3.1.2-8]
  forget("d");
}

TEST_P(V5Will, is_published_when_disconnect_ends_the_session_at_once) {
  TestClient watcher = this->watcher();
  client(mortal(kLong_s, kLong_s)).disconnect(reason::kDisconnectWithWill, {{kSessionExpiry, 0}});
  watcher.expect_message(topic("will"), "gone");  // [MQTT5-3.1.2-8]
}

TEST_P(V5Will, may_wait_and_be_retained) {
  TestClient watcher = this->watcher();
  ConnectOptions options = mortal(1, kLong_s);
  options.will->retain = true;
  client(options).drop();
  TestClient early = client("e");
  early.subscribe(topic("will"), 1);
  early.expect_message(topic("will"), "gone");  // now or when it comes
  watcher.expect_message(topic("will"), "gone");
  TestClient late = client("l");
  late.subscribe(topic("will"), 1);
  EXPECT_TRUE(late.expect_message(topic("will"), "gone").retain());  // [MQTT5-3.1.2-15]
  late.publish(topic("will"), "", 1, true);
  forget("d");
}

TEST_P(V5Will, that_waits_is_published_although_the_broker_was_killed) {
  own_broker();
  persistent("s").subscribe(topic("will"), 1);
  client(mortal(3, kLong_s)).drop();
  ASSERT_TRUE(own_broker().restart());
  persistent("s").expect_message(topic("will"), "gone");  // [MQTT5-3.1.2-7]
}

TEST_P(V5Will, with_a_delay_is_not_published_when_the_broker_stops_before_the_client_comes_back) {
  own_broker();
  TestClient watcher = persistent("w");
  watcher.subscribe({{topic("will"), 2}, {topic("fence"), 2}});
  TestClient connected = client(mortal(kLong_s, kLong_s));
  EXPECT_EQ(own_broker().stop(), 0);
  ASSERT_TRUE(own_broker().restart());
  watcher = persistent("w");
  TestClient back = client(plain(false));
  EXPECT_TRUE(back.connack().session_present);
  expect_no_will(watcher);  // [MQTT5-3.1.3-9]
}

}  // namespace
}  // namespace penstock::test
