// RetentionMarks: never says of an entry that its record is gone while it is there.
#include "broker/retention_marks.h"

#include <gtest/gtest.h>

namespace penstock::broker {
namespace {

constexpr uint64_t kEntries = 300'000;

// Entry i points to offset i * 8 of log 1.
RetentionMarks marks_of(uint64_t entries) {
  RetentionMarks marks;
  for (uint64_t i = 0; i < entries; ++i)
    marks.note(log::QueueIndex(i), log::QueueEntry(i, log::LogId(1), log::LogOffset(i * 8), 0));
  return marks;
}

auto begins_at(uint64_t entry) {
  return [entry](log::LogId) { return log::LogOffset(entry * 8); };
}

TEST(RetentionMarksTest, drops_nothing_while_the_log_is_whole) {
  RetentionMarks marks = marks_of(kEntries);
  EXPECT_EQ(marks.retired_end(begins_at(0)), log::QueueIndex(0));
}

TEST(RetentionMarksTest, never_drops_an_entry_whose_record_is_there) {
  for (const uint64_t begin : {uint64_t{1}, uint64_t{65'536}, uint64_t{65'537}, uint64_t{200'000}, kEntries}) {
    RetentionMarks marks = marks_of(kEntries);
    EXPECT_LE(marks.retired_end(begins_at(begin)).value(), begin);
  }
}

TEST(RetentionMarksTest, drops_all_but_a_bounded_rest_of_what_is_gone) {
  RetentionMarks marks = marks_of(kEntries);
  EXPECT_GE(marks.retired_end(begins_at(200'000)).value() + 2 * 65'536, 200'000u);
}

TEST(RetentionMarksTest, goes_on_from_where_it_came_to) {
  RetentionMarks marks = marks_of(kEntries);
  const log::QueueIndex first = marks.retired_end(begins_at(100'000));
  EXPECT_GT(first, log::QueueIndex(0));
  EXPECT_EQ(marks.retired_end(begins_at(100'000)), log::QueueIndex(0)) << "nothing new is gone";
  EXPECT_GT(marks.retired_end(begins_at(250'000)), first);
}

TEST(RetentionMarksTest, asks_for_the_log_that_an_entry_points_to) {
  RetentionMarks marks;
  marks.note(log::QueueIndex(0), log::QueueEntry(1, log::LogId(1), log::LogOffset(800), 0));
  marks.note(log::QueueIndex(65'536), log::QueueEntry(2, log::LogId(2), log::LogOffset(800), 0));
  const auto begin_of = [](log::LogId log) { return log::LogOffset(log == log::LogId(2) ? 8'000 : 80); };
  EXPECT_EQ(marks.retired_end(begin_of), log::QueueIndex(0)) << "log 1 still has its record";
}

}  // namespace
}  // namespace penstock::broker
