// Members of a group at QoS 2: that a packet id is in use is recorded before PUBLISH goes out, and the next life makes
// it free again.
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"
#include "tests/broker/shard_on_disk.h"

namespace penstock::broker {
namespace {

using protocol::PacketId;
using test::Type;

class ShareHandshakeTest : public testing::Test {
 protected:
  static std::string payloads(const std::string& bytes) {
    std::string all;
    test::Packet packet;
    for (size_t at = 0; test::take_packet(bytes, at, packet, test::kLevel311) == test::Take::kPacket;)
      if (packet.type == Type::kPublish) all += packet.payload;
    return all;
  }
  core::SocketId join(const std::string& client_id) {
    const core::SocketId socket = broker_.connect({.client_id = client_id, .clean_session = false});
    broker_.network.arrive(socket, test::subscribe_packet(1, {{"$share/g/t", 2}}));
    broker_.settle();
    return socket;
  }
  void publish() { broker_.network.arrive(publisher_, test::publish_packet("t", "m", {.qos = 2, .packet_id = 1})); }

  ServedShard broker_;
  const core::SocketId publisher_ = broker_.connect({.client_id = "p"});
};

TEST_F(ShareHandshakeTest, what_was_not_sent_yet_goes_to_another_when_its_member_goes_away) {
  const core::SocketId first = join("a");
  const Session& session = *broker_.shard->sessions().find("a");
  publish();
  for (int turns = 0; turns < 1000 && session.starting_count == 0; ++turns) {
    broker_.world.run_for(100'000);
    broker_.turn();
  }
  ASSERT_EQ(session.starting_count, 1);
  broker_.network.finish(first);
  broker_.settle();
  EXPECT_EQ(session.starting_count, 0);
  EXPECT_EQ(payloads(broker_.network.take(first)), "");
  EXPECT_EQ(payloads(broker_.network.take(join("b"))), "m");
}

TEST_F(ShareHandshakeTest, what_was_sent_stays_with_its_member) {
  const core::SocketId first = join("a");
  publish();
  broker_.settle();
  EXPECT_EQ(payloads(broker_.network.take(first)), "m");
  broker_.network.finish(first);
  broker_.settle();
  EXPECT_EQ(payloads(broker_.network.take(join("b"))), "");
}

class ShareHandshakeRestartTest : public testing::Test {
 protected:
  static Delivery given() {
    return {.packet_id = PacketId(7),
            .qos = protocol::QoS::kExactlyOnce,
            .state = DeliveryState::kPublished,
            .shared = true,
            .log = log::LogId(1),
            .offset = log::LogOffset(0)};
  }
  // What it becomes when `record` has told of it.
  template <class Record>
  void live_on(Record record) {
    {
      ShardOnDisk first(world_, disk_);
      ASSERT_TRUE(first.start());
      Session& session = first.shard->sessions().create(*first.shard, "c");
      session.persistent = true;
      first.shard->journal().session_opened(session, true);
      record(*first.shard, session);
      first.finish_log();
      disk_.kill();
    }
    disk_.restart();
    ShardOnDisk second(world_, disk_);
    ASSERT_TRUE(second.start());
    Session* session = second.shard->sessions().find("c");
    ASSERT_NE(session, nullptr);
    const Delivery* delivery = session->window(100).find(PacketId(7));
    ASSERT_NE(delivery, nullptr);
    EXPECT_TRUE(delivery->shared);
    EXPECT_EQ(delivery->state, DeliveryState::kReleased);
    EXPECT_TRUE(session->started_ahead.empty()) << "its own copy, by another filter, would be passed over";
    disk_.kill();
  }

  sim::SimWorld world_{1};
  sim::SimStorage disk_{world_};
};

TEST_F(ShareHandshakeRestartTest, one_that_has_begun_is_only_released) {
  live_on([](BrokerShard& shard, Session& session) { shard.journal().delivery_started(session, given()); });
}

TEST_F(ShareHandshakeRestartTest, one_in_the_window_is_only_released) {
  live_on([](BrokerShard& shard, Session& session) {
    session.window(100).push(given());
    shard.journal().progress(session);
  });
}

}  // namespace
}  // namespace penstock::broker
