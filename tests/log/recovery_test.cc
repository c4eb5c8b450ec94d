#include "log/recovery.h"

#include <gtest/gtest.h>

#include "log/segment_format.h"
#include "tests/log/log_harness.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::log {
namespace {

constexpr const char* kDirectory = "/data/log-3";

class RecoveryTest : public testing::Test {
 protected:
  // A log of `count` records of 1,000 bytes each, stopped clean. Each is committed by itself when `one_by_one`.
  void write_log(int count, bool one_by_one = false) {
    ASSERT_TRUE(harness_.start()) << harness_.violation;
    for (int i = 0; i < count; ++i) {
      while (harness_.append("t/" + std::to_string(i), std::string(1000, 'x')) != AppendRoom::kRoom) harness_.turn(4);
      if (one_by_one) {
        ASSERT_TRUE(harness_.settle());
      }
    }
    bool done = false;
    harness_.log->finish(done);
    world_.run_until(done);
    ASSERT_EQ(harness_.log->synced_end(), harness_.log->appended_end());
    harness_.note_acknowledged();
    harness_.stop();
  }

  RecoveredLog recover(LogOffset from = LogOffset(0)) {
    sequences_.clear();
    auto recovered = recover_log(disk_, kDirectory, LogId(3), from, [this](LogOffset, RecordView view) {
      sequences_.push_back(view.header().sequence);
      return true;
    });
    EXPECT_TRUE(recovered.has_value()) << recovered.error().message;
    return recovered.value_or(RecoveredLog{});
  }

  std::string path(uint64_t sequence) const { return path_in(kDirectory, segment_file_name(Sequence(sequence))); }
  // The segment file and the place in it where the record with this sequence lies.
  std::pair<std::string, uint64_t> place(uint64_t sequence) {
    const auto offset = find_sequence(disk_, kDirectory, LogId(3), Sequence(sequence));
    EXPECT_TRUE(offset.has_value() && offset->has_value()) << sequence;
    const uint64_t segment_bytes = small_log().segment_bytes;
    const uint64_t begin = (*offset)->value() / segment_bytes * segment_bytes;
    for (const std::string& file : disk_.files(kDirectory)) {
      if (!file.ends_with(".segment")) continue;
      const DecodedHeader header = decode_segment_header(core::Bytes(disk_.content(file)).first(kSegmentHeaderBytes));
      if (header.state == HeaderState::kGood && header.header.begin == begin) return {file, (*offset)->value() - begin};
    }
    ADD_FAILURE() << "no segment holds " << sequence;
    return {};
  }

  sim::SimWorld world_{1};
  sim::SimStorage disk_{world_};
  LogHarness harness_{world_, disk_, small_log()};
  std::vector<uint64_t> sequences_;
};

TEST_F(RecoveryTest, directory_without_segments_is_a_fresh_log) {
  const RecoveredLog log = recover();
  EXPECT_EQ(log.start.next_sequence, Sequence(1));
  EXPECT_EQ(log.start.end, LogOffset(0));
  EXPECT_EQ(log.start.epoch, 0u);
  EXPECT_TRUE(log.damage.empty());
}

TEST_F(RecoveryTest, visits_every_record_once_in_order) {
  write_log(300);
  const RecoveredLog log = recover();
  ASSERT_EQ(sequences_.size(), 301u);
  for (size_t i = 0; i < sequences_.size(); ++i) EXPECT_EQ(sequences_[i], i + 1);
  EXPECT_EQ(log.start.next_sequence, Sequence(302));
  EXPECT_EQ(log.start.epoch, 1u);
  EXPECT_TRUE(log.damage.empty());
}

TEST_F(RecoveryTest, visits_from_an_offset_and_knows_the_sequence_there) {
  write_log(300);
  const auto from = find_sequence(disk_, kDirectory, LogId(3), Sequence(200));
  ASSERT_TRUE(from.has_value() && from->has_value());
  const RecoveredLog log = recover(**from);
  ASSERT_EQ(sequences_.size(), 102u);
  EXPECT_EQ(sequences_.front(), 200u);
  EXPECT_EQ(log.start.next_sequence, Sequence(302));
}

TEST_F(RecoveryTest, from_the_very_end_it_visits_nothing_and_knows_what_comes_next) {
  write_log(100);
  const RecoveredLog whole = recover();
  const RecoveredLog log = recover(whole.start.end);
  EXPECT_TRUE(sequences_.empty());
  EXPECT_EQ(log.start.next_sequence, whole.start.next_sequence);
  EXPECT_EQ(log.start.end, whole.start.end);
  EXPECT_EQ(log.start.last_wall_us, whole.start.last_wall_us);
}

TEST_F(RecoveryTest, goes_on_from_a_kept_place_without_reading_what_lies_before) {
  write_log(300);
  CommitLog::Start kept;
  (void)recover_log(disk_, kDirectory, LogId(3), LogOffset(0), [&](LogOffset offset, RecordView view) {
    kept = {view.header().epoch, Sequence(view.header().sequence + 1),
            offset + padded_record_bytes(view.header().bytes), view.header().wall_us};
    return view.header().sequence < 150;
  });
  ASSERT_EQ(kept.next_sequence, Sequence(151));
  const auto before = place(149);
  disk_.flip_bit(before.first, before.second + 100, 1);  // nobody looks there
  sequences_.clear();
  const auto log = recover_log(disk_, kDirectory, LogId(3), kept, [this](LogOffset, RecordView view) {
    sequences_.push_back(view.header().sequence);
    return true;
  });
  ASSERT_TRUE(log.has_value());
  EXPECT_EQ(sequences_.size(), 151u);
  EXPECT_EQ(sequences_.front(), 151u);
  EXPECT_TRUE(log->damage.empty());
  EXPECT_EQ(log->start.next_sequence, Sequence(302));
}

TEST_F(RecoveryTest, visitor_can_stop_the_scan) {
  write_log(50);
  int count = 0;
  (void)recover_log(disk_, kDirectory, LogId(3), LogOffset(0), [&](LogOffset, RecordView) { return ++count < 10; });
  EXPECT_EQ(count, 10);
}

TEST_F(RecoveryTest, flipped_bit_in_a_full_segment_is_reported_with_its_place_and_costs_one_record) {
  write_log(300);
  const auto [file, at] = place(20);
  disk_.flip_bit(file, at + 500, 3);
  const RecoveredLog log = recover();
  ASSERT_EQ(log.damage.size(), 1u);
  EXPECT_EQ(log.damage[0].file, file);
  EXPECT_EQ(log.damage[0].file_offset, at);
  EXPECT_GE(log.damage[0].bytes_lost, 1000u);
  EXPECT_FALSE(log.damage[0].torn_end);
  EXPECT_EQ(sequences_.size(), 300u);
  EXPECT_EQ(std::ranges::find(sequences_, 20u), sequences_.end());
}

TEST_F(RecoveryTest, flipped_bit_in_the_last_segment_is_corruption_when_later_writes_prove_it) {
  write_log(20, true);
  const auto [file, at] = place(10);
  disk_.flip_bit(file, at + 500, 3);
  const RecoveredLog log = recover();
  ASSERT_EQ(log.damage.size(), 1u);
  EXPECT_FALSE(log.damage[0].torn_end);
  EXPECT_EQ(log.damage[0].file_offset, at);
  EXPECT_EQ(sequences_.size(), 20u);
  EXPECT_EQ(log.start.next_sequence, Sequence(22));
}

TEST_F(RecoveryTest, damaged_record_of_the_last_write_is_a_torn_end) {
  write_log(20, true);
  const auto [file, at] = place(21);
  disk_.flip_bit(file, at + 500, 3);
  const RecoveredLog log = recover();
  ASSERT_EQ(log.damage.size(), 1u);
  EXPECT_TRUE(log.damage[0].torn_end);
  EXPECT_EQ(log.start.next_sequence, Sequence(21));
}

TEST_F(RecoveryTest, zeroed_block_in_the_middle_is_not_taken_for_the_end) {
  write_log(40, true);
  const std::vector<std::byte> zeros(4096);
  disk_.overwrite(path(1), 3 * 4096, zeros);
  const RecoveredLog log = recover();
  ASSERT_EQ(log.damage.size(), 1u);
  EXPECT_FALSE(log.damage[0].torn_end);
  EXPECT_EQ(log.start.next_sequence, Sequence(42));
}

TEST_F(RecoveryTest, unreadable_block_in_the_middle_is_reported_and_stepped_over) {
  write_log(300);
  disk_.make_unreadable(path(1), 5 * 4096);
  const RecoveredLog log = recover();
  ASSERT_EQ(log.damage.size(), 1u);
  EXPECT_FALSE(log.damage[0].torn_end);
  EXPECT_GE(sequences_.size(), 290u);
  EXPECT_EQ(log.start.next_sequence, Sequence(302));
}

TEST_F(RecoveryTest, unreadable_end_is_an_error_until_the_disk_can_be_read) {
  write_log(10);  // all of it in one segment
  disk_.make_unreadable(path(1), 4096);
  const auto refused =
      recover_log(disk_, kDirectory, LogId(3), LogOffset(0), [](LogOffset, RecordView) { return true; });
  ASSERT_FALSE(refused.has_value()) << "acknowledged records would be cut";
  EXPECT_TRUE(refused.error().message.contains(path(1))) << refused.error().message;
}

TEST_F(RecoveryTest, zeroed_header_in_the_middle_is_reported_and_its_records_are_found) {
  write_log(300);
  const std::string zeros(kSegmentHeaderBytes, '\0');
  disk_.overwrite(place(150).first, 0, std::as_bytes(std::span(zeros)));
  const RecoveredLog log = recover();
  ASSERT_EQ(log.damage.size(), 1u);
  EXPECT_FALSE(log.damage[0].torn_end);
  EXPECT_EQ(log.start.next_sequence, Sequence(302));
  EXPECT_EQ(sequences_.size(), 301u);
}

TEST_F(RecoveryTest, missing_segment_is_reported) {
  write_log(300);
  std::vector<std::string> files;
  for (const std::string& file : disk_.files(kDirectory)) {
    if (file.ends_with(".segment")) files.push_back(file);
  }
  ASSERT_GE(files.size(), 4u);
  const core::BlockingStorage blocking{disk_};
  ASSERT_TRUE(blocking.remove(files[1]).has_value());
  const RecoveredLog log = recover();
  ASSERT_EQ(log.damage.size(), 1u);
  EXPECT_NE(log.damage[0].what.find("missing"), std::string::npos);
  EXPECT_EQ(log.start.next_sequence, Sequence(302));
  EXPECT_LT(sequences_.size(), 301u);
}

TEST_F(RecoveryTest, segment_with_both_header_copies_damaged_still_gives_its_records) {
  write_log(300);
  std::vector<std::string> files;
  for (const std::string& file : disk_.files(kDirectory)) {
    if (file.ends_with("0.segment") || file.ends_with("1.segment")) files.push_back(file);
  }
  for (const std::string& file : disk_.files(kDirectory)) {
    if (!file.ends_with(".segment") || file.ends_with("next.segment")) continue;
    disk_.flip_bit(file, 20, 1);
    disk_.flip_bit(file, kSegmentHeaderCopyAt + 20, 1);
    const RecoveredLog log = recover();
    ASSERT_EQ(log.damage.size(), 1u) << file;
    EXPECT_EQ(log.damage[0].file, file);
    EXPECT_EQ(sequences_.size(), 301u) << file;
    disk_.flip_bit(file, 20, 1);
    disk_.flip_bit(file, kSegmentHeaderCopyAt + 20, 1);
  }
}

TEST_F(RecoveryTest, half_damaged_header_of_the_last_segment_is_repaired_by_the_next_start) {
  write_log(20);
  disk_.flip_bit(path(1), 20, 1);
  ASSERT_EQ(recover().damage.size(), 1u);
  ASSERT_TRUE(harness_.start()) << harness_.violation;
  harness_.stop();
  EXPECT_TRUE(recover().damage.empty());
}

TEST_F(RecoveryTest, segment_file_cut_short_is_reported) {
  write_log(300);
  const std::vector<std::byte> content = disk_.content(path(1));
  disk_.put(path(1), core::Bytes(content).first(20'000));
  const RecoveredLog log = recover();
  ASSERT_EQ(log.damage.size(), 1u);
  EXPECT_EQ(log.start.next_sequence, Sequence(302));
}

TEST_F(RecoveryTest, directory_of_another_log_is_refused) {
  write_log(10);
  const auto log = recover_log(disk_, kDirectory, LogId(4), LogOffset(0), [](LogOffset, RecordView) { return true; });
  ASSERT_FALSE(log.has_value());
  EXPECT_NE(log.error().message.find("belongs to log 3"), std::string::npos);
}

TEST_F(RecoveryTest, record_inside_a_payload_is_never_taken_for_one) {
  ASSERT_TRUE(harness_.start());
  for (int i = 0; i < 200; ++i) {
    // What an attacker would send: a whole record that continues the log.
    const RecordParts forged{.topic = "forged", .payload = core::as_bytes("x")};
    std::vector<uint64_t> memory(padded_record_bytes(record_bytes(forged)) / 8);
    encode_record(forged, Sequence(harness_.log->next_sequence().value() + 1), 1, INT64_MAX,
                  reinterpret_cast<std::byte*>(memory.data()), kRecordStartsWrite);
    while (harness_.append("t", {reinterpret_cast<const char*>(memory.data()), memory.size() * 8}) !=
           AppendRoom::kRoom) {
      harness_.turn(4);
    }
  }
  ASSERT_TRUE(harness_.settle());
  harness_.stop();
  EXPECT_TRUE(recover().damage.empty());
  EXPECT_EQ(sequences_.size(), 201u);
}

TEST_F(RecoveryTest, finds_each_record_by_its_sequence) {
  write_log(300);
  for (uint64_t sequence = 1; sequence <= 301; ++sequence) {
    const auto offset = find_sequence(disk_, kDirectory, LogId(3), Sequence(sequence));
    ASSERT_TRUE(offset.has_value() && offset->has_value()) << sequence;
    if (sequence > 1) {
      EXPECT_EQ((*offset)->value(), harness_.model[sequence].offset) << sequence;
    }
  }
  EXPECT_FALSE(find_sequence(disk_, kDirectory, LogId(3), Sequence(302))->has_value());
  EXPECT_FALSE(find_sequence(disk_, kDirectory, LogId(3), Sequence(0))->has_value());
}

TEST_F(RecoveryTest, finds_records_without_or_with_a_damaged_index) {
  write_log(300);
  size_t indexes = 0;
  for (const std::string& file : disk_.files(kDirectory)) {
    if (!file.ends_with(".index")) continue;
    disk_.flip_bit(file, 40, 1);
    ++indexes;
  }
  EXPECT_GE(indexes, 3u);
  for (const uint64_t sequence : {2u, 55u, 150u, 299u}) {
    EXPECT_EQ(find_sequence(disk_, kDirectory, LogId(3), Sequence(sequence))->value().value(),
              harness_.model[sequence].offset);
  }
}

TEST_F(RecoveryTest, finds_the_first_record_of_a_time) {
  ASSERT_TRUE(harness_.start());
  std::vector<std::pair<int64_t, uint64_t>> times;  // and the sequence of the first record that is not older
  for (int i = 0; i < 150; ++i) {
    world_.clock().advance_to(world_.clock().monotonic_ns() + 100 * core::kNsPerMs);
    harness_.log->end_turn();
    times.emplace_back(world_.clock().wall_us(), harness_.log->next_sequence().value());
    for (int k = 0; k < 3; ++k) ASSERT_EQ(harness_.append("t", std::string(700, 'x')), AppendRoom::kRoom);
    ASSERT_TRUE(harness_.settle());
  }
  harness_.stop();
  for (const auto& [wall_us, sequence] : times) {
    const auto offset = find_time(disk_, kDirectory, LogId(3), wall_us);
    ASSERT_TRUE(offset.has_value() && offset->has_value());
    EXPECT_EQ((*offset)->value(), harness_.model[sequence].offset) << sequence;
  }
  EXPECT_FALSE(find_time(disk_, kDirectory, LogId(3), INT64_MAX)->has_value());
  EXPECT_TRUE(find_time(disk_, kDirectory, LogId(3), 0)->has_value());
}

}  // namespace
}  // namespace penstock::log
