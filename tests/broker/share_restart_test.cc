// What a start makes of groups and their members.
#include <gtest/gtest.h>

#include "broker/state_records.h"
#include "tests/broker/shard_on_disk.h"

namespace penstock::broker {
namespace {

constexpr std::string_view kFilter = "$share/g/x";
constexpr int kMembers = 8;

std::string client(int number) {
  return "c" + std::to_string(number);
}

// They are at home on the shard of the group: none of the messages between them is a mail that would wait.
TEST(ShareRestartTest, members_make_a_group_anew_whose_records_a_crash_has_taken) {
  sim::SimWorld world(1);
  sim::SimStorage disk(world);
  {
    ShardOnDisk life(world, disk);
    ASSERT_TRUE(life.start().has_value());
    for (int i = 0; i < kMembers; ++i) {
      Session& session = life.shard->sessions().create(*life.shard, client(i));
      session.persistent = true;
      life.shard->journal().session_opened(session, true);
      life.shard->journal().subscribed(session, {}, std::vector{GrantedFilter{kFilter, {}}});
    }
    life.finish_log();
    disk.kill();
  }
  disk.restart();
  ShardOnDisk life(world, disk);
  ASSERT_TRUE(life.start().has_value());
  for (int i = 0; i < kMembers; ++i) {
    const Session* session = life.shard->sessions().find(client(i));
    ASSERT_NE(session, nullptr);
    ASSERT_NE(session->shares, nullptr);
    EXPECT_TRUE(session->shares->member.joined.at(0).is_announced) << client(i);
  }
  Session* group = life.shard->sessions().find(group_session_id(kFilter));
  ASSERT_NE(group, nullptr);
  EXPECT_TRUE(group->group()->has_members());
  disk.kill();
}

}  // namespace
}  // namespace penstock::broker
