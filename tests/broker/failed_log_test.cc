// After a write error the log takes nothing more and acknowledges nothing more. What clients go on asking of it is
// refused or left unanswered, and kept nowhere.
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

using test::PropertyId;
using test::Type;

class FailedLogTest : public testing::Test {
 protected:
  static std::string qos_2_message(uint16_t packet_id) {
    return test::publish_packet("x", "m", {.qos = 2, .packet_id = packet_id});
  }
  // While something is on its way to the disk.
  void fail_log(core::SocketId publisher, const std::string& last_words) {
    broker_.disk.plan_fault(sim::DiskAction::kWrite, 0, EIO);
    EXPECT_EQ(broker_.say(publisher, last_words), "");
    ASSERT_EQ(broker_.shard->log().room_for(0), log::AppendRoom::kFailed);
  }

  ServedShard broker_;
};

TEST_F(FailedLogTest, what_can_never_be_acknowledged_is_not_kept) {
  for (const bool clean_session : {true, false}) {
    ServedShard broker;
    const core::SocketId client = broker.connect({.client_id = "c", .clean_session = clean_session});
    EXPECT_EQ(broker.say(client, qos_2_message(1)), test::acknowledge_packet(Type::kPubrec, 1));
    broker.disk.plan_fault(sim::DiskAction::kWrite, 0, EIO);
    EXPECT_EQ(broker.say(client, qos_2_message(2)), "");
    ASSERT_EQ(broker.shard->log().room_for(0), log::AppendRoom::kFailed);
    for (int i = 0; i < 100; ++i) {
      broker.network.arrive(client, qos_2_message(1) + qos_2_message(2) + test::acknowledge_packet(Type::kPubrel, 7) +
                                        test::unsubscribe_packet(9, {"x"}));
      broker.turn();
    }
    EXPECT_TRUE(broker.shard->acknowledgements().empty());
    broker.network.take(client);
    EXPECT_EQ(broker.say(client, test::pingreq_packet()), test::from_hex("d0 00"));
  }
}

TEST_F(FailedLogTest, what_needs_no_record_is_still_answered) {
  const core::SocketId client = broker_.connect({.client_id = "c"});
  fail_log(client, qos_2_message(1));
  EXPECT_EQ(broker_.say(client, test::acknowledge_packet(Type::kPubrel, 7)),
            test::acknowledge_packet(Type::kPubcomp, 7));
  EXPECT_EQ(broker_.say(client, test::subscribe_packet(8, {{"y", 1}})), test::from_hex("90 03 00 08 01"));
  EXPECT_EQ(broker_.say(client, test::unsubscribe_packet(9, {"y"})), test::from_hex("b0 02 00 09"));
}

TEST_F(FailedLogTest, whose_connect_waits_for_its_record_is_closed) {
  const core::SocketId client = broker_.open();
  broker_.disk.plan_fault(sim::DiskAction::kWrite, 0, EIO);
  broker_.network.arrive(client, test::connect_packet({.client_id = "c", .clean_session = false}));
  broker_.settle();
  ASSERT_EQ(broker_.shard->log().room_for(0), log::AppendRoom::kFailed);
  EXPECT_FALSE(broker_.network.is_open(client));
  EXPECT_EQ(broker_.network.take(client), "");
}

// The record that makes it is lost with the log, and nobody was told of it: the next life will not know it.
TEST_F(FailedLogTest, session_whose_record_was_lost_is_not_there) {
  const test::ConnectOptions options{.client_id = "c", .clean_session = false};
  const core::SocketId first = broker_.open();
  broker_.disk.plan_fault(sim::DiskAction::kWrite, 0, EIO);
  broker_.network.arrive(first, test::connect_packet(options));
  broker_.settle();
  const core::SocketId second = broker_.open();
  EXPECT_EQ(broker_.say(second, test::connect_packet(options)), test::from_hex("20 02 00 03"));
}

TEST_F(FailedLogTest, session_that_is_kept_goes_on) {
  const test::ConnectOptions options{.client_id = "c", .clean_session = false};
  const core::SocketId first = broker_.connect(options);
  fail_log(first, qos_2_message(1));
  const core::SocketId second = broker_.open();
  EXPECT_EQ(broker_.say(second, test::connect_packet(options)), test::from_hex("20 02 01 00"));
}

// The next life may still know the id, and would drop a new message that has it.
TEST_F(FailedLogTest, packet_id_whose_release_was_lost_stays_in_use) {
  const test::ConnectOptions options{.client_id = "c", .clean_session = false};
  const core::SocketId first = broker_.connect(options);
  ASSERT_EQ(broker_.say(first, qos_2_message(1)), test::acknowledge_packet(Type::kPubrec, 1));
  fail_log(first, test::acknowledge_packet(Type::kPubrel, 1));
  EXPECT_EQ(broker_.say(first, test::acknowledge_packet(Type::kPubrel, 1)), "");
  const core::SocketId second = broker_.connect(options);
  EXPECT_EQ(broker_.say(second, test::acknowledge_packet(Type::kPubrel, 1)), "");
  EXPECT_EQ(broker_.say(second, test::pingreq_packet()), test::from_hex("d0 00"));
}

// Whoever has it would complete it, and the next life could send it once more to a connection for which it is not.
TEST_F(FailedLogTest, message_that_is_too_large_now_is_not_released) {
  const core::SocketId first = broker_.connect({.client_id = "c", .clean_session = false});
  broker_.say(first, test::subscribe_packet(1, {{"x", 2}}));
  const core::SocketId publisher = broker_.connect({.client_id = "p"});
  const std::string large = test::publish_packet("x", std::string(500, 'm'), {.qos = 2, .packet_id = 1});
  ASSERT_EQ(broker_.say(publisher, large), test::acknowledge_packet(Type::kPubrec, 1));
  ASSERT_EQ(broker_.network.take(first), large);
  fail_log(publisher, qos_2_message(2));
  const core::SocketId second = broker_.open();
  test::ConnectOptions options{.client_id = "c", .clean_session = false, .protocol_level = test::kLevel5};
  options.properties.emplace_back(PropertyId::kMaximumPacketSize, 100);
  const std::string answer = broker_.say(second, test::connect_packet(options));
  const std::string release = test::acknowledge_packet(Type::kPubrel, 1);
  EXPECT_TRUE(answer.starts_with('\x20')) << "no CONNACK";
  EXPECT_FALSE(answer.contains(release));
}

}  // namespace
}  // namespace penstock::broker
