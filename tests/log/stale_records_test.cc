#include "log/stale_records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "log/file_names.h"
#include "log/record_format.h"
#include "tests/log/log_harness.h"

namespace penstock::log {
namespace {

constexpr const char* kDirectory = "/data/log-3";
constexpr size_t kSectors = 4096;  // that the second crash takes

class StaleRecordsTest : public testing::Test {
 protected:
  void append(int count, size_t payload_bytes) {
    ASSERT_TRUE(harness_.start()) << harness_.violation;
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(harness_.append("t", std::string(payload_bytes, 'x')), AppendRoom::kRoom);
      ASSERT_TRUE(harness_.settle());
    }
    harness_.stop();
  }
  // A log whose end was cut off, written over, and came back in a hole of what was written over it.
  void SetUp() override {
    append(20, 1000);
    const std::vector<std::byte> first = content();
    const uint64_t cut = valid_records(first).at(10);
    disk_.overwrite(path_, cut, std::vector<std::byte>(first.size() - cut));
    append(24, 700);
    begin_ = core::align_up(cut, kSectors) + kSectors;
    disk_.overwrite(path_, begin_, core::Bytes(first).subspan(begin_, kSectors));
  }

  RecoveredLog recover() {
    sequences_.clear();
    const auto visit = [this](LogOffset, RecordView record) {
      sequences_.push_back(record.sequence().value());
      return true;
    };
    auto recovered = recover_log(disk_, kDirectory, LogId(3), LogOffset(0), visit);
    EXPECT_TRUE(recovered.has_value());
    return recovered.value_or(RecoveredLog{});
  }
  std::vector<std::byte> content() { return disk_.content(path_); }
  // Where whole records lie in the file, those of the log or not.
  static std::vector<uint64_t> valid_records(const std::vector<std::byte>& file) {
    std::vector<uint64_t> offsets;
    for (uint64_t at = 4096; at + sizeof(RecordHeader) <= file.size(); at += kRecordAlignment)
      if (check_record(file.data() + at, file.size() - at) == RecordCheck::kValid) offsets.push_back(at);
    return offsets;
  }

  sim::SimWorld world_{1};
  sim::SimStorage disk_{world_};
  LogHarness harness_{world_, disk_, small_log()};
  const std::string path_ = path_in(kDirectory, segment_file_name(Sequence(1)));
  uint64_t begin_ = 0;  // of what is back
  std::vector<uint64_t> sequences_;
};

TEST_F(StaleRecordsTest, are_no_records_any_more) {
  const RecoveredLog recovered = recover();
  const std::vector<uint64_t> of_the_log = sequences_;
  ASSERT_EQ(recovered.damage.size(), 1u);
  ASSERT_EQ(recovered.holes.size(), 1u);
  ASSERT_LT(recovered.holes[0].begin, recovered.holes[0].end);
  const size_t before = valid_records(content()).size();
  ASSERT_GT(before, of_the_log.size()) << "nothing is back";

  ASSERT_TRUE(unmake_stale_records(disk_, kDirectory, LogId(3), recovered.holes));
  EXPECT_EQ(valid_records(content()).size(), of_the_log.size());
  disk_.crash();
  disk_.restart();
  EXPECT_EQ(valid_records(content()).size(), of_the_log.size()) << "not durable";
  EXPECT_EQ(recover().damage.size(), 1u);
  EXPECT_EQ(sequences_, of_the_log);
}

// Somebody may want to see what is left of a lost record.
TEST_F(StaleRecordsTest, what_is_damaged_stays_as_it_is) {
  const std::vector<uint64_t> whole = valid_records(content());
  const uint64_t in_hole = *std::ranges::lower_bound(whole, begin_);
  disk_.flip_bit(path_, in_hole + 100, 3);
  const std::vector<std::byte> before = content();
  ASSERT_TRUE(unmake_stale_records(disk_, kDirectory, LogId(3), recover().holes));
  const std::vector<std::byte> after = content();
  EXPECT_TRUE(std::equal(before.begin() + static_cast<ptrdiff_t>(in_hole),
                         before.begin() + static_cast<ptrdiff_t>(in_hole + 1000),
                         after.begin() + static_cast<ptrdiff_t>(in_hole)));
}

// It may be a whim of the disk, and what it did not give is of the log.
TEST_F(StaleRecordsTest, what_could_not_be_read_stays_as_it_is) {
  const std::vector<std::byte> before = content();
  disk_.make_unreadable(path_, 2 * kSectors);
  RecoveredLog recovered = recover();
  ASSERT_EQ(recovered.damage.size(), 2u);
  ASSERT_EQ(recovered.holes.size(), 2u);
  ASSERT_LT(recovered.holes[0].begin.value(), 3 * kSectors);
  recovered.holes.resize(1);
  disk_.overwrite(path_, 2 * kSectors, core::Bytes(before).subspan(2 * kSectors, kSectors));  // and gives it again
  ASSERT_TRUE(unmake_stale_records(disk_, kDirectory, LogId(3), recovered.holes));
  EXPECT_TRUE(content() == before);
}

TEST_F(StaleRecordsTest, a_log_without_holes_is_not_touched) {
  const std::vector<std::byte> before = content();
  ASSERT_TRUE(unmake_stale_records(disk_, kDirectory, LogId(3), {}));
  EXPECT_TRUE(content() == before);
}

}  // namespace
}  // namespace penstock::log
