// The broker gets no processor for a while: suspended, stopped, or busy with one long turn. What its clients sent in
// that time is at the sockets when it goes on, and they were not silent.
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

constexpr int64_t kSecond = core::kNsPerSecond;
const std::string kPingresp = test::from_hex("d0 00");

class StallTest : public testing::Test {
 protected:
  // Keepalive 10 s: silent after 15 s.
  core::SocketId client_with_will(std::string client_id) {
    return broker_.connect({.client_id = client_id, .keepalive_s = 10, .will = test::Will{"will", client_id}});
  }

  ServedShard broker_;
  core::SocketId watcher_ = [this] {
    const core::SocketId socket = broker_.connect({.client_id = "watcher"});
    broker_.say(socket, test::subscribe_packet(1, {{"will", 0}}));
    return socket;
  }();
};

TEST_F(StallTest, a_client_that_was_heard_meanwhile_lives) {
  const core::SocketId client = client_with_will("c");
  broker_.stall(9 * kSecond);
  broker_.network.arrive(client, test::pingreq_packet());
  broker_.stall(9 * kSecond);
  broker_.settle();
  EXPECT_EQ(broker_.network.take(client), kPingresp);
  EXPECT_TRUE(broker_.network.is_open(client));
  EXPECT_EQ(broker_.network.take(watcher_), "");
  // And is not believed for ever.
  broker_.stall(16 * kSecond);
  broker_.settle();
  EXPECT_FALSE(broker_.network.is_open(client));
  EXPECT_NE(broker_.network.take(watcher_), "");
}

// There are fewer receive buffers than clients, so not all of them are read in the first turn.
TEST_F(StallTest, clients_that_are_read_later_than_the_others_live) {
  const core::SocketId client = client_with_will("c");
  broker_.stall(9 * kSecond);
  broker_.network.arrive(client, test::pingreq_packet());
  broker_.network.delay(client, 45);
  broker_.stall(9 * kSecond);
  broker_.settle();
  EXPECT_EQ(broker_.network.take(client), kPingresp);
  EXPECT_EQ(broker_.network.take(watcher_), "");
}

TEST_F(StallTest, a_client_that_said_nothing_is_closed) {
  const core::SocketId client = client_with_will("c");
  broker_.stall(18 * kSecond);
  broker_.settle();
  EXPECT_FALSE(broker_.network.is_open(client));
  EXPECT_NE(broker_.network.take(watcher_), "");
}

// [MQTT-3.1.2-24] asks for packets, not for bytes.
TEST_F(StallTest, bytes_that_never_become_a_packet_keep_nobody_alive) {
  const core::SocketId client = client_with_will("c");
  const std::string packet = test::publish_packet("a", std::string(10'000, 'x'));
  size_t sent = 0;
  for (; sent < 500 && broker_.network.is_open(client); ++sent) {
    broker_.network.arrive(client, packet.substr(sent, 1));
    broker_.settle();
  }
  EXPECT_LT(sent, 400u) << "20 s";
  EXPECT_EQ(broker_.closes(CloseReason::kKeepalive), 1u);
}

// Whoever does not take what it is sent is not read for so long; nor is that a reason to believe in it for ever.
class UnreadStallTest : public StallTest {
 protected:
  UnreadStallTest() {
    broker_.network.stop_reading(client_);
    std::string questions;
    for (int i = 0; i < 200'000; ++i) questions += test::pingreq_packet();
    broker_.say(client_, questions);
  }
  bool is_read() {
    const bool had_unread = broker_.network.unread(client_) != 0;
    broker_.settle();
    return had_unread && broker_.network.unread(client_) == 0;
  }

  core::SocketId client_ = client_with_will("c");
};

TEST_F(UnreadStallTest, a_client_that_says_nothing_is_closed) {
  broker_.stall(18 * kSecond);
  broker_.settle();
  EXPECT_FALSE(broker_.network.is_open(client_));
  EXPECT_EQ(broker_.closes(CloseReason::kKeepalive), 1u);
}

TEST_F(UnreadStallTest, a_client_that_says_what_is_not_read_lives) {
  broker_.stall(9 * kSecond);
  broker_.network.arrive(client_, test::pingreq_packet());
  ASSERT_FALSE(is_read());
  broker_.stall(9 * kSecond);
  broker_.settle();
  EXPECT_TRUE(broker_.network.is_open(client_));
}

TEST_F(StallTest, a_connect_that_came_meanwhile_is_answered) {
  const core::SocketId client = broker_.open();
  broker_.stall(1 * kSecond);
  broker_.network.arrive(client, test::connect_packet({.client_id = "late"}));
  broker_.stall(12 * kSecond);
  broker_.settle();
  EXPECT_EQ(broker_.network.take(client), test::from_hex("20 02 00 00"));
  const core::SocketId silent = broker_.open();
  broker_.stall(12 * kSecond);
  broker_.settle();
  EXPECT_FALSE(broker_.network.is_open(silent));
}

TEST_F(StallTest, a_connect_that_waits_for_the_disk_is_not_late) {
  const core::SocketId client = broker_.open();
  broker_.fill_tail();
  broker_.network.arrive(client, test::connect_packet({.client_id = "c"}));
  broker_.turn();
  for (int i = 0; i < 20; ++i) {
    broker_.world.clock().advance_to(broker_.world.clock().monotonic_ns() + kSecond);
    broker_.turn();
  }
  broker_.settle();
  EXPECT_EQ(broker_.network.take(client), test::from_hex("20 02 00 00"));
}

}  // namespace
}  // namespace penstock::broker
