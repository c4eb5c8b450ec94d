// A crash takes the end of one shard's log, and another shard's log has records that speak of it: they must not be
// believed of whatever lies there next.
#include <gtest/gtest.h>

#include "broker/session_hash.h"
#include "tests/broker/shard_on_disk.h"

namespace penstock::broker {
namespace {

class LostEndTest : public testing::Test {
 protected:
  LostEndTest() {
    for (const ShardIndex index : {0, 1})
      EXPECT_TRUE(disk_.make_directories(ShardOnDisk::one_of_two(index).log.directory));
  }
  static std::string client_at_home_on(ShardIndex shard) {
    std::string client_id = "c";
    while (home_shard(client_id, 2) != shard) client_id += 'c';
    return client_id;
  }
  std::unique_ptr<ShardOnDisk> open(ShardIndex index) {
    auto opened = std::make_unique<ShardOnDisk>(world_, disk_, ShardOnDisk::one_of_two(index));
    EXPECT_TRUE(opened->shard->restore());
    EXPECT_TRUE(opened->shard->open());
    return opened;
  }
  void end_life(std::unique_ptr<ShardOnDisk>& first, std::unique_ptr<ShardOnDisk>& second) {
    disk_.kill();
    first.reset();
    second.reset();
    disk_.restart();
  }
  // Of a delivery that the log of shard 1 knows, and whose message was where the log of shard 0 ends.
  void record_delivery(BrokerShard& shard, log::LogOffset message) {
    Session& session = shard.sessions().create(shard, client_);
    session.persistent = true;
    shard.journal().session_opened(session, true);
    shard.journal().delivery_started(session, {.packet_id = protocol::PacketId(7),
                                               .qos = protocol::QoS::kExactlyOnce,
                                               .log = log::LogId(1),
                                               .offset = message});
  }
  DeliveryState state_of_delivery(BrokerShard& shard) {
    Session* session = shard.sessions().find(client_);
    Delivery* delivery = session == nullptr ? nullptr : session->window(100).find(protocol::PacketId(7));
    return delivery == nullptr ? DeliveryState::kDone : delivery->state;
  }

  const std::string client_ = client_at_home_on(1);
  sim::SimWorld world_{1};
  sim::SimStorage disk_{world_};
};

TEST_F(LostEndTest, first_checkpoint_of_one_shard_does_not_hide_it_from_the_next) {
  auto first = open(0);
  auto second = open(1);
  record_delivery(*second->shard, first->shard->log().appended_end());
  second->finish_log();
  end_life(first, second);

  first = open(0);
  ASSERT_TRUE(first->shard->write_first_checkpoint());
  second = open(1);
  EXPECT_EQ(state_of_delivery(*second->shard), DeliveryState::kReleased);
  EXPECT_TRUE(second->shard->must_checkpoint());
  end_life(first, second);
}

TEST_F(LostEndTest, start_that_was_cut_short_does_not_hide_it_from_the_next_one) {
  auto first = open(0);
  auto second = open(1);
  record_delivery(*second->shard, first->shard->log().appended_end());
  second->finish_log();
  end_life(first, second);

  for (const bool with_checkpoint : {false, true, true}) {
    first = open(0);
    if (with_checkpoint) {
      ASSERT_TRUE(first->shard->write_first_checkpoint());
    }
    end_life(first, second);
  }
  first = open(0);
  second = open(1);
  EXPECT_EQ(state_of_delivery(*second->shard), DeliveryState::kReleased);
  end_life(first, second);
}

}  // namespace
}  // namespace penstock::broker
