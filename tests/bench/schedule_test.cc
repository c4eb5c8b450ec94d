#include "bench/schedule.h"

#include <gtest/gtest.h>

#include "core/random.h"

namespace penstock::bench {
namespace {

TEST(RateSchedule, counts_exactly_the_messages_whose_time_has_come) {
  core::SeededRandom random(11);
  for (const double rate : {0.5, 1.0, 3.0, 999.0, 10'000.0, 1'234'567.0, 4e6}) {
    const RateSchedule schedule(1'000'000'007, rate);
    for (int i = 0; i < 2000; ++i) {
      const int64_t now = 1'000'000'007 + static_cast<int64_t>(random.below(uint64_t{20} * 1'000'000'000));
      const uint64_t due = schedule.due(now);
      ASSERT_GT(schedule.intended_ns(due), now) << rate;
      ASSERT_TRUE(due == 0 || schedule.intended_ns(due - 1) <= now) << rate;
    }
  }
}

TEST(RateSchedule, sends_the_first_message_at_the_start_and_none_before) {
  const RateSchedule schedule(500, 1000);
  EXPECT_EQ(schedule.due(0), 0u);
  EXPECT_EQ(schedule.due(499), 0u);
  EXPECT_EQ(schedule.due(500), 1u);
}

TEST(RateSchedule, keeps_its_rate_over_a_day) {
  const RateSchedule schedule(0, 10'000);
  const int64_t day_ns = int64_t{86'400} * 1'000'000'000;
  EXPECT_EQ(schedule.due(day_ns - 1), uint64_t{864'000'000});
}

}  // namespace
}  // namespace penstock::bench
