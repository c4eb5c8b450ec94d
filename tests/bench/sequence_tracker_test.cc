#include "bench/sequence_tracker.h"

#include <gtest/gtest.h>

#include <set>

#include "core/random.h"

namespace penstock::bench {
namespace {

TEST(SequenceTracker, finds_nothing_wrong_with_a_row_of_numbers) {
  SequenceTracker tracker;
  SequenceCounts counts;
  for (uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(tracker.arrive(i, false, counts), 1u);
  EXPECT_EQ(tracker.next(), 1000u);
  EXPECT_EQ(counts.missing + counts.duplicates + counts.reordered + counts.redelivered + counts.corrupt, 0u);
}

TEST(SequenceTracker, tells_late_from_repeated) {
  SequenceTracker tracker;
  SequenceCounts counts;
  for (const uint32_t number : {0u, 1u, 4u}) tracker.arrive(number, false, counts);
  EXPECT_EQ(counts.missing, 2u);
  tracker.arrive(3, false, counts);
  EXPECT_EQ(counts.missing, 1u);
  EXPECT_EQ(counts.reordered, 1u);
  tracker.arrive(3, false, counts);
  tracker.arrive(1, false, counts);
  EXPECT_EQ(counts.duplicates, 2u);
  EXPECT_EQ(counts.missing, 1u);
}

TEST(SequenceTracker, counts_a_flagged_repetition_apart) {
  SequenceTracker tracker;
  SequenceCounts counts;
  tracker.arrive(0, false, counts);
  tracker.arrive(0, true, counts);
  EXPECT_EQ(counts.redelivered, 1u);
  EXPECT_EQ(counts.duplicates, 0u);
}

TEST(SequenceTracker, settles_what_it_jumps_over) {
  SequenceTracker tracker;
  SequenceCounts counts;
  EXPECT_EQ(tracker.arrive(9, false, counts), 10u);
  EXPECT_EQ(tracker.arrive(3, false, counts), 0u);
  EXPECT_EQ(tracker.arrive(10, false, counts), 1u);
}

TEST(SequenceTracker, counts_a_number_that_nobody_can_have_sent) {
  SequenceTracker tracker;
  SequenceCounts counts;
  tracker.arrive(0, false, counts);
  EXPECT_EQ(tracker.arrive(0x9000'0000, false, counts), 0u);
  EXPECT_EQ(counts.corrupt, 1u);
  EXPECT_EQ(tracker.next(), 1u);
}

TEST(SequenceTracker, goes_on_past_four_billion) {
  SequenceTracker tracker;
  SequenceCounts counts;
  uint64_t at = SequenceTracker::kAheadMax;
  for (; at < (uint64_t{1} << 32) + 10; at += SequenceTracker::kAheadMax) {
    tracker.arrive(static_cast<uint32_t>(at), false, counts);
    EXPECT_EQ(tracker.next(), at + 1);
  }
  const uint64_t next = tracker.next();
  EXPECT_EQ(tracker.arrive(static_cast<uint32_t>(next), false, counts), 1u);
  EXPECT_EQ(tracker.next(), next + 1);
}

// Against a set of all numbers seen.
TEST(SequenceTracker, agrees_with_an_exact_model_under_loss_repetition_and_reordering) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    core::SeededRandom random(seed);
    SequenceTracker tracker;
    SequenceCounts counts;
    std::set<uint32_t> seen;
    uint64_t duplicates = 0, reordered = 0;
    for (uint32_t base = 0; base < 900; ++base) {
      if (random.chance(1, 10)) continue;
      const uint32_t number =
          random.chance(1, 5) ? base - static_cast<uint32_t>(random.below(std::min(base, 20u) + 1)) : base;
      if (!seen.empty() && number < *seen.rbegin() && !seen.contains(number)) ++reordered;
      if (!seen.insert(number).second) ++duplicates;
      tracker.arrive(number, false, counts);
    }
    EXPECT_EQ(counts.missing, *seen.rbegin() + 1 - seen.size());
    EXPECT_EQ(counts.duplicates, duplicates);
    EXPECT_EQ(counts.reordered, reordered);
  }
}

}  // namespace
}  // namespace penstock::bench
