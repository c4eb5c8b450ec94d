// What was addressed to an older session of a client id lies in the logs, that of another shard too where the older one
// was at home there: the new session must not get it.
#include <gtest/gtest.h>

#include "tests/broker/shard_on_disk.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::broker {
namespace {

TEST(OlderSessionTest, leaves_nothing_to_a_new_one_of_its_name_in_the_log_of_another_shard) {
  sim::SimWorld world(1);
  sim::WorldOnFailure on_failure(world);
  sim::SimStorage disk(world, {});
  for (const ShardIndex index : {0, 1})
    ASSERT_TRUE(disk.make_directories(ShardOnDisk::one_of_two(index).log.directory));
  std::string client_id = "c";
  log::LogOffset older, newer;
  {
    ShardOnDisk first(world, disk, ShardOnDisk::one_of_two(0));
    ASSERT_TRUE(first.shard->restore());
    ASSERT_TRUE(first.shard->open());
    while (first.shard->home_of(client_id) != 1) client_id += 'c';
    Session& session = first.shard->sessions().create(*first.shard, client_id);
    session.persistent = true;
    const core::Bytes payload = core::as_bytes("1");
    const RetainedPointer retained = make_retained({.topic = "t", .payload = payload}, 0, {});
    older = first.shard->log().appended_end();
    first.shard->publish_direct(session, *retained, protocol::QoS::kAtLeastOnce, 0);
    newer = first.shard->log().appended_end();
    first.shard->publish_direct(session, *retained, protocol::QoS::kAtLeastOnce, 0);

    ShardOnDisk second(world, disk, ShardOnDisk::one_of_two(1));
    ASSERT_TRUE(second.shard->restore());
    ASSERT_TRUE(second.shard->open());
    Session& later = second.shard->sessions().create(*second.shard, client_id);
    later.persistent = true;
    later.done.advance(log::LogId(1), log::Sequence(0), older);
    second.shard->journal().session_opened(later, true);
    first.finish_log();
    second.finish_log();
    disk.kill();
  }
  disk.restart();
  ShardOnDisk second(world, disk, ShardOnDisk::one_of_two(1));
  ASSERT_TRUE(second.shard->restore());
  Session* session = second.shard->sessions().find(client_id);
  ASSERT_NE(session, nullptr);
  ASSERT_NE(session->own, nullptr) << "the second message is for the new one";
  EXPECT_TRUE(session->done.has_passed(log::LogId(1), older));
  EXPECT_FALSE(session->done.has_passed(log::LogId(1), newer));
}

}  // namespace
}  // namespace penstock::broker
