// What a start makes of groups and their members.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "broker/session_hash.h"
#include "broker/state_records.h"
#include "tests/broker/shard_on_disk.h"

namespace penstock::broker {
namespace {

using protocol::QoS;

constexpr std::string_view kFilter = "$share/g/x";
constexpr int kMembers = 8;
constexpr ShardIndex kShards = 3;
constexpr ShareToken kFirst = ShareToken{1} << 48;  // of shard 1
constexpr ShareToken kSecond = ShareToken{2} << 48;

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

// The group is at home on one of three shards. What the others tell it, and what they hear, is the test's.
class ShareRestartAmongShardsTest : public testing::Test {
 protected:
  // A life that has kept a message for the group, and the start of the next one.
  void SetUp() override {
    start();
    Session& group = life_->shard->sessions().create(*life_->shard, group_session_id(filter_));
    group.persistent = true;
    life_->shard->journal().session_opened(group, true);
    life_->shard->journal().subscribed(group, {},
                                       std::vector{GrantedFilter{"x", SubscriptionTerms(QoS::kExactlyOnce)}});
    life_->shard->publish({.type = log::kMessage, .flags = 1, .publisher = "p", .topic = "x"});
    life_->finish_log();
    disk_.kill();
    life_.reset();
    disk_.restart();
    start();
    ASSERT_TRUE(has_group());
  }
  void TearDown() override { disk_.kill(); }

  void tell(ShardIndex from, ShareMail mail) {
    PostCounter(life_->office, from, [](ShardIndex) {
    }).post(0, Mail{.kind = MailKind::kShare, .body = std::make_unique<ShareMail>(std::move(mail))});
  }
  void join(ShardIndex from, ShareToken token) {
    tell(from, {.kind = ShareMail::Kind::kJoin, .credit = 10, .token = token, .shared_filter = filter_});
  }
  void settle() {
    for (int i = 0; i < 10; ++i) {
      life_->turn();
      world_.run_for(core::kNsPerMs);
    }
  }
  bool has_group() { return life_->shard->sessions().find(group_session_id(filter_)) != nullptr; }
  // How many messages the group has given to members of this shard.
  size_t assigned(ShardIndex to) {
    size_t count = 0;
    life_->office.box(0, to).drain(1000, [&](const Mail& mail) {
      if (mail.kind == MailKind::kShare) count += std::get<std::unique_ptr<ShareMail>>(mail.body)->items.size();
    });
    return count;
  }

 private:
  static std::string filter_at_home(ShardIndex shard) {
    for (int group = 0;; ++group) {
      std::string filter = "$share/g" + std::to_string(group) + "/x";
      if (home_shard(group_session_id(filter), kShards) == shard) return filter;
    }
  }
  void start() {
    ShardPlace place = ShardOnDisk::only_shard();
    place.shards_count = kShards;
    life_ = std::make_unique<ShardOnDisk>(world_, disk_, std::move(place));
    ASSERT_TRUE(life_->start().has_value());
  }

  sim::SimWorld world_{1};
  sim::SimStorage disk_{world_};
  const std::string filter_ = filter_at_home(0);

 protected:
  std::unique_ptr<ShardOnDisk> life_;
};

TEST_F(ShareRestartAmongShardsTest, a_group_lasts_until_every_shard_has_told_of_its_members) {
  tell(1, {.kind = ShareMail::Kind::kRejoined});
  settle();
  EXPECT_TRUE(has_group());
  tell(2, {.kind = ShareMail::Kind::kRejoined});
  settle();
  EXPECT_FALSE(has_group());
}

// Its session has expired, and its shard says so before others have said that they have members, too.
TEST_F(ShareRestartAmongShardsTest, a_member_that_leaves_early_does_not_end_the_group_of_others) {
  join(1, kFirst);
  tell(1, {.kind = ShareMail::Kind::kRejoined});
  tell(1, {.kind = ShareMail::Kind::kLeave, .token = kFirst});
  settle();
  join(2, kSecond);
  tell(2, {.kind = ShareMail::Kind::kRejoined});
  settle();
  EXPECT_EQ(assigned(2), 1);
}

}  // namespace
}  // namespace penstock::broker
