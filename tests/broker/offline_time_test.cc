// Since when a session is offline outlives the broker, also one that crashes again and again.
#include <gtest/gtest.h>

#include "tests/broker/shard_on_disk.h"

namespace penstock::broker {
namespace {

constexpr int64_t kSecond = core::kNsPerSecond;

class OfflineTimeTest : public testing::Test {
 protected:
  Session* session() { return life_->shard->sessions().find("c"); }
  // Returns how much its first turn has recorded.
  uint64_t start() {
    ShardPlace place = ShardOnDisk::only_shard();
    place.log.segment_bytes = 1u << 20;  // has room for a record of any size at once
    life_ = std::make_unique<ShardOnDisk>(world_, disk_, std::move(place));
    EXPECT_TRUE(life_->start().has_value());
    const log::LogOffset begin = life_->shard->log().appended_end();
    life_->shard->begin_turn(world_.clock().monotonic_ns());
    life_->shard->end_turn();
    return life_->shard->log().appended_end().value() - begin.value();
  }
  void crash() {
    life_->finish_log();
    disk_.kill();
    life_.reset();
    disk_.restart();
  }
  void make_session(uint32_t expiry_s) {
    Session& made = life_->shard->sessions().create(*life_->shard, "c");
    made.persistent = true;
    made.expiry_s = expiry_s;
    life_->shard->journal().session_opened(made, true);
  }

  sim::SimWorld world_{1};
  sim::SimStorage disk_{world_, {.latency_ns_min = 0, .latency_ns_max = 0}};
  std::unique_ptr<ShardOnDisk> life_;
};

TEST_F(OfflineTimeTest, counts_from_the_first_start_after_a_crash) {
  start();
  make_session(3600);
  crash();
  world_.run_for(10 * kSecond);
  EXPECT_GT(start(), 0u);
  const int64_t since_us = world_.clock().wall_us();
  EXPECT_EQ(session()->offline_since_us, since_us);
  for (int i = 0; i < 3; ++i) {
    crash();
    world_.run_for(10 * kSecond);
    start();
    EXPECT_EQ(session()->offline_since_us, since_us) << i;
    EXPECT_TRUE(session()->was_connected) << "what waits may have been sent before the first crash";
  }
  crash();
}

// A start after a crash does not write a record for each of a million sessions that nothing will come of.
TEST_F(OfflineTimeTest, of_a_session_that_never_expires_is_not_recorded) {
  start();
  make_session(kExpiryByBroker);
  crash();
  EXPECT_EQ(start(), 0u);
  crash();
}

}  // namespace
}  // namespace penstock::broker
