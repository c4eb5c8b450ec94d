#include "log/commit_log.h"

#include <gtest/gtest.h>

#include "tests/log/log_harness.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::log {
namespace {

class CommitLogTest : public testing::Test {
 protected:
  sim::SimWorld world_{1};
  sim::SimStorage disk_{world_};
};

TEST_F(CommitLogTest, new_log_begins_with_an_epoch_record_that_is_durable) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start()) << harness.violation;
  EXPECT_EQ(harness.log->epoch(), 1u);
  EXPECT_EQ(harness.log->next_sequence(), Sequence(2));
  EXPECT_EQ(harness.log->synced_end(), harness.log->appended_end());
  EXPECT_EQ(harness.log->begin(), LogOffset(0));
}

TEST_F(CommitLogTest, record_is_readable_in_the_tail_before_it_is_durable) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  const auto at = harness.log->append({.publisher = "me", .topic = "a/b", .payload = core::as_bytes("hello")});
  EXPECT_LT(harness.log->durable_end().value(), at.end);
  const RecordView view(harness.log->shared().tail_at(at.offset.value()));
  EXPECT_EQ(check_record(view.data(), at.end - at.offset.value()), RecordCheck::kValid);
  EXPECT_EQ(view.topic(), "a/b");
  EXPECT_EQ(view.publisher(), "me");
  EXPECT_EQ(core::as_text(view.payload()), "hello");
  EXPECT_EQ(view.sequence(), at.sequence);
  EXPECT_GE(harness.log->shared().appended_end.load(), at.end);
}

TEST_F(CommitLogTest, acknowledges_only_after_the_write_completed) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  ASSERT_EQ(harness.append("a", "1"), AppendRoom::kRoom);
  const uint64_t before = harness.log->durable_end().value();
  harness.log->end_turn();
  EXPECT_EQ(harness.log->durable_end().value(), before);
  ASSERT_TRUE(harness.settle());
  EXPECT_EQ(harness.log->shared().durable_end.load(), harness.log->appended_end().value());
  EXPECT_GE(harness.progress_count, 1u);
}

TEST_F(CommitLogTest, everything_is_there_after_a_restart) {
  LogHarness harness(world_, disk_, small_log());
  ASSERT_TRUE(harness.start());
  for (int i = 0; i < 2000; ++i) {
    while (harness.append("topic/" + std::to_string(i), std::string(static_cast<size_t>(i % 400), 'x')) !=
           AppendRoom::kRoom) {
      harness.turn(3);
    }
  }
  bool done = false;
  harness.log->finish(done);
  world_.run_until(done);
  harness.note_acknowledged();
  harness.stop();
  ASSERT_TRUE(harness.start());
  EXPECT_EQ(harness.violation, "");
  EXPECT_EQ(harness.model.size(), 2000u);
  EXPECT_TRUE(harness.last.damage.empty());
  EXPECT_EQ(harness.log->epoch(), 2u);
}

}  // namespace
}  // namespace penstock::log
