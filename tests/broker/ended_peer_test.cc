// A peer has said all that it had to say and closed its side while one of its packets still waits for room or for a
// record: what came before the end is handled before the end.
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

class EndedPeerTest : public testing::Test {
 protected:
  static std::string messages(std::initializer_list<std::string> payloads) {
    std::string bytes;
    for (const std::string& payload : payloads) bytes += test::publish_packet("x", payload);
    return bytes;
  }
  test::ConnectOptions options(bool clean_session) const {
    return {.client_id = "c", .clean_session = clean_session, .will = test::Will{"x", "will"}};
  }
  // The packet waits, and nobody is at the other end any more.
  void say_and_leave(core::SocketId socket, const std::string& bytes) {
    broker_.network.arrive(socket, bytes);
    broker_.network.finish(socket);
    broker_.turn();
    broker_.turn();
  }

  ServedShard broker_;
  core::SocketId watcher_ = [this] {
    const core::SocketId socket = broker_.connect({.client_id = "watcher"});
    broker_.say(socket, test::subscribe_packet(1, {{"x", 0}}));
    return socket;
  }();
};

TEST_F(EndedPeerTest, what_waited_for_room_counts_and_so_does_disconnect) {
  const core::SocketId client = broker_.connect(options(true));
  broker_.fill_tail();
  say_and_leave(
      client, test::publish_packet("x", "1", {.qos = 1, .packet_id = 1}) + messages({"2"}) + test::disconnect_packet());
  EXPECT_EQ(broker_.network.take(watcher_), "");
  broker_.settle();
  EXPECT_EQ(broker_.network.take(watcher_), messages({"1", "2"}));
  EXPECT_FALSE(broker_.network.is_open(client));
  EXPECT_EQ(broker_.closes(CloseReason::kDisconnect), 1u);
}

TEST_F(EndedPeerTest, its_will_follows_what_waited_when_it_did_not_say_disconnect) {
  const core::SocketId client = broker_.connect(options(true));
  broker_.fill_tail();
  say_and_leave(client, messages({"1", "2"}));
  broker_.settle();
  EXPECT_EQ(broker_.network.take(watcher_), messages({"1", "2", "will"}));
  EXPECT_FALSE(broker_.network.is_open(client));
  EXPECT_EQ(broker_.closes(CloseReason::kPeerClosed), 1u);
}

TEST_F(EndedPeerTest, what_waited_for_the_record_of_its_connect_counts) {
  const core::SocketId client = broker_.open();
  say_and_leave(client, test::connect_packet(options(false)) + messages({"1"}) + test::disconnect_packet());
  broker_.settle();
  EXPECT_EQ(broker_.network.take(watcher_), messages({"1"}));
  EXPECT_FALSE(broker_.network.is_open(client));
}

// Nothing else wakes the shard: no answer to a peer that is gone is ever sent.
TEST_F(EndedPeerTest, it_and_its_next_connection_are_not_left_waiting_for_another_event) {
  const core::SocketId client = broker_.open();
  say_and_leave(client, test::connect_packet(options(false)) + messages({"1"}) + test::disconnect_packet());
  const core::SocketId next = broker_.open();
  broker_.network.arrive(next, test::connect_packet({.client_id = "c", .clean_session = false}));
  broker_.turn();
  broker_.world.run_for(50 * core::kNsPerMs);
  ASSERT_EQ(broker_.shard->log().durable_end(), broker_.shard->log().appended_end());
  while (broker_.turn()) {
  }
  EXPECT_EQ(broker_.closes(CloseReason::kDisconnect), 1u);
  EXPECT_TRUE(broker_.shard->sessions().find("c")->online());
}

TEST_F(EndedPeerTest, a_connect_that_waited_for_room_counts) {
  const core::SocketId client = broker_.open();
  broker_.fill_tail();
  say_and_leave(client, test::connect_packet(options(true)) + messages({"1"}) + test::disconnect_packet());
  broker_.settle();
  EXPECT_EQ(broker_.network.take(watcher_), messages({"1"}));
  EXPECT_FALSE(broker_.network.is_open(client));
}

// A client that closes and comes again at once has not given up what it had said.
TEST_F(EndedPeerTest, its_next_connection_takes_over_behind_what_waited) {
  const core::SocketId client = broker_.connect(options(false));
  broker_.fill_tail();
  say_and_leave(client, messages({"1", "2"}) + test::disconnect_packet());
  const core::SocketId next = broker_.open();
  broker_.network.arrive(next, test::connect_packet({.client_id = "c", .clean_session = false}));
  broker_.turn();
  EXPECT_TRUE(broker_.network.is_open(client));
  broker_.settle();
  EXPECT_EQ(broker_.network.take(next), test::from_hex("20 02 01 00"));
  EXPECT_EQ(broker_.network.take(watcher_), messages({"1", "2"}));
  EXPECT_FALSE(broker_.network.is_open(client));
  EXPECT_TRUE(broker_.network.is_open(next));
}

TEST_F(EndedPeerTest, it_does_not_hold_its_client_id_where_conflicts_are_refused) {
  ServedShard broker({.client_id_conflict = ClientIdConflict::kReject});
  const core::SocketId first = broker.connect({.client_id = "c"});
  EXPECT_EQ(broker.say(broker.open(), test::connect_packet({.client_id = "c"})), test::from_hex("20 02 00 02"));
  broker.network.delay(first, 1000);
  broker.network.finish(first);
  EXPECT_EQ(broker.say(broker.open(), test::connect_packet({.client_id = "c"})), test::from_hex("20 02 00 00"));
  EXPECT_FALSE(broker.network.is_open(first));
}

TEST_F(EndedPeerTest, nothing_is_taken_from_its_queues_for_nobody) {
  const core::SocketId client = broker_.connect(options(false));
  broker_.say(client, test::subscribe_packet(1, {{"y", 0}}));
  broker_.fill_tail();
  say_and_leave(client, messages({"1"}));
  const uint64_t before = broker_.shard->counters().deliveries_sent;
  Session* session = broker_.shard->sessions().find("c");
  ASSERT_TRUE(session->online());
  EXPECT_FALSE(session->connection->takes_deliveries());
  broker_.shard->deliveries().on_work(*session);
  broker_.turn();
  EXPECT_EQ(broker_.shard->counters().deliveries_sent, before);
}

TEST_F(EndedPeerTest, a_stop_does_not_wait_for_it) {
  const core::SocketId client = broker_.open();
  broker_.fill_tail();
  say_and_leave(client, test::connect_packet(options(true)) + messages({"1"}));
  broker_.shard->begin_stop();
  for (int i = 0; i < 100 && !broker_.shard->stopped(); ++i) broker_.settle();
  EXPECT_TRUE(broker_.shard->stopped());
}

}  // namespace
}  // namespace penstock::broker
