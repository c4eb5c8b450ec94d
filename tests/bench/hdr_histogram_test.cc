#include "bench/hdr_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random.h"

namespace penstock::bench {
namespace {

// What the quantile is, from all values kept.
uint64_t exact_quantile(const std::vector<uint64_t>& sorted, double fraction) {
  const auto rank = static_cast<size_t>(std::ceil(fraction * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

// Values spread over all magnitudes alike, as latencies are.
std::vector<uint64_t> spread_values(core::SeededRandom& random, size_t count) {
  std::vector<uint64_t> values;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t magnitude = random.below(uint64_t{42});
    values.push_back(random.next_u64() >> (63 - magnitude) & HdrHistogram::kValueMax);
  }
  return values;
}

TEST(HdrHistogram, keeps_three_digits_of_every_quantile_of_any_values) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    core::SeededRandom random(seed);
    std::vector<uint64_t> values = spread_values(random, 1 + random.below(5000));
    HdrHistogram histogram;
    for (const uint64_t value : values) histogram.record(value);
    std::sort(values.begin(), values.end());
    for (const double fraction : {0.0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
      const uint64_t exact = exact_quantile(values, fraction);
      const uint64_t found = histogram.quantile(fraction);
      EXPECT_GE(found, exact) << fraction;
      EXPECT_LE(found, exact + exact / 1024) << fraction;
    }
    EXPECT_EQ(histogram.count(), values.size());
    EXPECT_EQ(histogram.min(), values.front());
    EXPECT_EQ(histogram.max(), values.back());
  }
}

TEST(HdrHistogram, buckets_cover_the_range_without_gap_or_overlap) {
  uint64_t value = 0;
  while (value < HdrHistogram::kValueMax) {
    const uint64_t low = HdrHistogram::bucket_low(value);
    const uint64_t high = HdrHistogram::bucket_high(value);
    ASSERT_EQ(low, value);
    ASSERT_LE(high - low, low / 1024);
    ASSERT_EQ(HdrHistogram::bucket_low(high), low);
    value = high + 1;
  }
  EXPECT_EQ(value, HdrHistogram::kValueMax + 1);
}

TEST(HdrHistogram, merged_parts_equal_the_whole) {
  core::SeededRandom random(7);
  HdrHistogram whole, left, right;
  for (const uint64_t value : spread_values(random, 10'000)) {
    whole.record(value);
    (random.chance(1, 3) ? left : right).record(value);
  }
  left.merge(right);
  EXPECT_EQ(left.count(), whole.count());
  EXPECT_EQ(left.min(), whole.min());
  EXPECT_EQ(left.max(), whole.max());
  EXPECT_EQ(left.mean(), whole.mean());
  for (int percent = 0; percent <= 100; ++percent) {
    EXPECT_EQ(left.quantile(percent / 100.0), whole.quantile(percent / 100.0)) << percent;
  }
}

TEST(HdrHistogram, counts_what_is_above_its_range_at_the_top) {
  HdrHistogram histogram;
  histogram.record(1);
  histogram.record_many(UINT64_MAX, 3);
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_EQ(histogram.clamped(), 3u);
  EXPECT_EQ(histogram.quantile(0.5), HdrHistogram::kValueMax);
}

TEST(HdrHistogram, is_zero_everywhere_when_empty) {
  HdrHistogram histogram;
  histogram.record(5);
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  EXPECT_EQ(histogram.mean(), 0);
  EXPECT_EQ(histogram.quantile(0.99), 0u);
}

}  // namespace
}  // namespace penstock::bench
