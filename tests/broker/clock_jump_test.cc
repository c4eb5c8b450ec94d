// The wall clock of a machine goes back at times: what came last still counts, here and after a restart.
#include <gtest/gtest.h>

#include "tests/broker/shard_on_disk.h"

namespace penstock::broker {
namespace {

constexpr int64_t kHourUs = int64_t{3600} * 1'000'000;

class ClockJumpTest : public testing::Test {
 protected:
  sim::SimWorld world_{1};
  sim::SimStorage disk_{world_};

  void publish_retained(BrokerShard& shard, std::string_view payload) {
    shard.begin_turn(world_.clock().monotonic_ns());
    shard.publish({.type = log::kMessage,
                   .flags = log::kRecordRetain,
                   .publisher = "p",
                   .topic = "a",
                   .payload = core::as_bytes(payload)});
    shard.end_turn();
  }
  static std::string retained_at(BrokerShard& shard) {
    const RetainedPointer message = shard.retained().find(protocol::TopicName::accepted("a"));
    return message == nullptr ? "" : std::string(core::as_text(message->payload));
  }
};

TEST_F(ClockJumpTest, what_was_retained_last_stays_when_the_clock_goes_back) {
  ShardOnDisk first(world_, disk_);
  ASSERT_TRUE(first.start());
  publish_retained(*first.shard, "1");
  world_.clock().jump_wall(-kHourUs);
  publish_retained(*first.shard, "2");
  EXPECT_EQ(retained_at(*first.shard), "2");
  publish_retained(*first.shard, "");
  EXPECT_EQ(retained_at(*first.shard), "");
  publish_retained(*first.shard, "3");
  EXPECT_EQ(retained_at(*first.shard), "3");

  first.finish_log();
  disk_.kill();
  first.shard.reset();
  disk_.restart();
  ShardOnDisk second(world_, disk_);
  ASSERT_TRUE(second.start());
  EXPECT_EQ(retained_at(*second.shard), "3");
}

TEST_F(ClockJumpTest, record_times_do_not_go_back_over_a_checkpoint) {
  ShardOnDisk first(world_, disk_);
  ASSERT_TRUE(first.start());
  publish_retained(*first.shard, "1");
  const int64_t last_us = first.shard->log().last_wall_us();
  world_.clock().jump_wall(-kHourUs);
  first.finish_log();
  disk_.put(ShardOnDisk::checkpoint_path(0), first.checkpoint());
  disk_.kill();
  first.shard.reset();
  disk_.restart();
  ShardOnDisk second(world_, disk_);
  ASSERT_TRUE(second.start());
  EXPECT_GE(second.shard->log().last_wall_us(), last_us);
}

// With another number of shards a client goes on in another log, and times are all that tells which came first.
TEST_F(ClockJumpTest, what_comes_in_another_log_after_a_restart_is_newer) {
  ShardOnDisk first(world_, disk_);
  ASSERT_TRUE(first.start());
  publish_retained(*first.shard, "1");
  const int64_t last_us = first.shard->log().last_wall_us();
  first.finish_log();
  disk_.kill();
  first.shard.reset();
  disk_.restart();
  world_.clock().jump_wall(-kHourUs);
  ShardPlace place = ShardOnDisk::only_shard();
  place.directory = "/data/layout-2/shard-0";
  place.log.directory = "/data/log-2";
  place.log.id = log::LogId(2);
  place.last_logs = {log::LogId(1)};
  place.all_logs = {log::LogId(1), log::LogId(2)};
  ShardOnDisk second(world_, disk_, place);
  ASSERT_TRUE(second.start());
  EXPECT_GT(second.shard->log().last_wall_us(), last_us);
}

}  // namespace
}  // namespace penstock::broker
