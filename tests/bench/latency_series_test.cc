#include "bench/latency_series.h"

#include <gtest/gtest.h>

namespace penstock::bench {
namespace {

TEST(LatencySeries, puts_each_value_into_the_interval_of_its_time) {
  LatencySeries series(1'000, 300);
  ASSERT_EQ(series.size(), 4);
  series.record(0, 5);
  series.record(299, 7);
  series.record(900, 9);
  EXPECT_EQ(series.count(0), 2);
  EXPECT_EQ(series.count(1), 0);
  EXPECT_EQ(series.count(3), 1);
  EXPECT_EQ(series.max(0), 7);
  EXPECT_EQ(series.quantile(0, 0.5), 5);
  EXPECT_EQ(series.quantile(1, 0.5), 0);
}

TEST(LatencySeries, leaves_out_what_lies_before_and_behind_its_span) {
  LatencySeries series(1'000, 500);
  series.record(-1, 1);
  series.record(1'000, 1);
  EXPECT_EQ(series.count(0) + series.count(1), 0);
}

TEST(LatencySeries, keeps_quantiles_within_four_percent_and_the_maximum_exactly) {
  LatencySeries series(100, 100);
  for (uint64_t value = 1; value <= 100'000; ++value) series.record(50, value);
  EXPECT_GE(series.quantile(0, 0.99), 99'000);
  EXPECT_LE(series.quantile(0, 0.99), 99'000 * 104 / 100);
  EXPECT_EQ(series.max(0), 100'000);
  EXPECT_EQ(series.quantile(0, 1.0), 100'000);
}

TEST(LatencySeries, adds_up_what_several_workers_saw) {
  LatencySeries sum, one(100, 50), other(100, 50);
  one.record(10, 1);
  other.record(10, 3);
  other.record(60, 4);
  sum.merge(one);
  sum.merge(other);
  sum.merge(LatencySeries());
  EXPECT_EQ(sum.count(0), 2);
  EXPECT_EQ(sum.count(1), 1);
  EXPECT_EQ(sum.max(0), 3);
}

}  // namespace
}  // namespace penstock::bench
