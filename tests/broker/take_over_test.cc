// A client that comes back: what became of its last connection and session is recorded with the room in the tail of the
// log that was there, and what its new connection brings must not be left out for that. After a crash nothing would
// tell of its will, of its session, or that it was connected. [MQTT-3.1.4-2] [MQTT5-3.1.4-3]
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

const std::string kResumed = test::from_hex("20 02 01 00");
const std::string kNew = test::from_hex("20 02 00 00");

class TakeOverTest : public testing::Test {
 protected:
  static test::ConnectOptions options(bool clean_session = false) {
    return {.client_id = "c", .clean_session = clean_session, .will = test::Will{"will", "c"}};
  }
  // CONNECT when there is just room enough for what one packet may record.
  core::SocketId come_back(const test::ConnectOptions& options) {
    const core::SocketId socket = broker_.open();
    broker_.fill_tail(kStateRecordBytes);
    EXPECT_TRUE(broker_.shard->has_log_room());
    broker_.network.arrive(socket, test::connect_packet(options));
    broker_.turn();
    broker_.turn();
    EXPECT_FALSE(broker_.shard->has_log_room());
    return socket;
  }
  Session* session() { return broker_.shard->sessions().find("c"); }

  ServedShard broker_{{}, 4u << 20};
};

TEST_F(TakeOverTest, waits_for_room_that_the_end_of_the_first_connection_has_taken) {
  const core::SocketId first = broker_.connect(options());
  const core::SocketId second = come_back(options());
  EXPECT_FALSE(broker_.network.is_open(first));
  EXPECT_EQ(broker_.network.take(second), "");
  broker_.settle();
  EXPECT_EQ(broker_.network.take(second), kResumed);
}

TEST_F(TakeOverTest, will_that_waits_is_taken_back_when_that_can_be_recorded) {
  test::ConnectOptions delayed{.client_id = "c", .clean_session = false, .protocol_level = test::kLevel5};
  delayed.will = test::Will{.topic = "will", .payload = "c"};
  delayed.will->properties.emplace_back(test::PropertyId::kWillDelay, uint32_t{60});
  broker_.connect(delayed);
  const core::SocketId second = come_back({.client_id = "c", .clean_session = false});
  ASSERT_NE(session(), nullptr);
  EXPECT_NE(session()->will, nullptr) << "no record says that it is not to be published";
  broker_.settle();
  EXPECT_EQ(broker_.network.take(second), kResumed);
  EXPECT_EQ(session()->will, nullptr);
}

TEST_F(TakeOverTest, a_new_session_is_recorded_behind_the_end_of_the_old_one) {
  broker_.network.finish(broker_.connect(options()));
  broker_.settle();
  const core::SocketId second = broker_.open();
  broker_.fill_tail(kStateRecordBytes);
  test::ConnectOptions anew{.client_id = "c", .protocol_level = test::kLevel5, .clean_start = true};
  anew.properties.emplace_back(test::PropertyId::kSessionExpiry, uint32_t{3600});
  const uint64_t before = broker_.shard->log().appended_end().value();
  broker_.network.arrive(second, test::connect_packet(anew));
  broker_.settle();
  ASSERT_NE(session(), nullptr);
  EXPECT_TRUE(session()->online());
  EXPECT_GT(session()->made_end, before) << "and no record tells of it";
}

// Its last word: the next life would publish the will of a client that has taken its leave.
TEST_F(TakeOverTest, a_disconnect_waits_for_room_to_take_back_the_will) {
  const core::SocketId client = broker_.connect(options(true));
  broker_.fill_tail();
  broker_.network.arrive(client, test::disconnect_packet());
  broker_.turn();
  broker_.turn();
  EXPECT_TRUE(broker_.network.is_open(client));
  ASSERT_NE(session(), nullptr);
  EXPECT_NE(session()->will, nullptr);
  broker_.settle();
  EXPECT_FALSE(broker_.network.is_open(client));
  EXPECT_EQ(broker_.closes(CloseReason::kDisconnect), 1u);
}

TEST_F(TakeOverTest, a_disconnect_that_changes_nothing_waits_for_nothing) {
  const core::SocketId client = broker_.connect({.client_id = "c"});
  broker_.fill_tail();
  broker_.network.arrive(client, test::disconnect_packet());
  broker_.turn();
  broker_.turn();
  EXPECT_FALSE(broker_.network.is_open(client));
}

}  // namespace
}  // namespace penstock::broker
