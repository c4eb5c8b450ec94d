// LogReader where the record is not there: retired, damaged, cut off, overwritten, of an earlier life of the file.
#include <gtest/gtest.h>

#include "tests/log/log_reader_harness.h"

namespace penstock::log {
namespace {

TEST_F(LogReaderTest, a_retired_record_is_gone) {
  HandMadeLog log(storage, 32 << 10);
  while (log.end() < (100 << 10)) log.append(1000);
  log.publish_all_cold();
  log.drop_first_segment();
  const auto reader = reader_of(log);
  EXPECT_EQ(read(*reader, log.offsets.front()), State::kGone);
  EXPECT_EQ(read(*reader, log.offsets.back()), State::kReady);
  EXPECT_EQ(reader->damaged_records(), 0u);
  EXPECT_TRUE(reports.empty());
}

TEST_F(LogReaderTest, an_unknown_log_a_header_block_and_an_offset_past_the_end_are_gone) {
  HandMadeLog log(storage, 32 << 10);
  log.append(10);
  log.publish_all_cold();
  const auto reader = reader_of(log);
  EXPECT_EQ(read(*reader, 8), State::kGone);
  EXPECT_EQ(read(*reader, log.end()), State::kGone);
  EXPECT_EQ(read(*reader, uint64_t{1} << 50), State::kGone);
  Waiter waiter;
  RecordView record;
  reader->begin_batch();
  EXPECT_EQ(reader->read(LogId(2), LogOffset(4096), record, waiter), State::kGone);
  EXPECT_EQ(reader->read(LogId(9), LogOffset(4096), record, waiter), State::kGone);
  reader->end_batch();
}

TEST_F(LogReaderTest, a_flipped_bit_loses_its_record_only_and_is_reported_once) {
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 50; ++i) log.append(200);
  log.publish_all_cold();
  storage.flip_bit(log.path_of_offset(0), log.in_file(log.offsets[20]) + 100, 5);
  const auto reader = reader_of(log);
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < log.offsets.size(); ++i) {
      ASSERT_EQ(read(*reader, log.offsets[i]), i == 20 ? State::kGone : State::kReady) << i;
    }
  }
  EXPECT_EQ(reader->damaged_records(), 1u);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_NE(reports[0].find(std::to_string(log.offsets[20])), std::string::npos) << reports[0];
}

TEST_F(LogReaderTest, a_length_that_reaches_past_the_segment_is_damage) {
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 10; ++i) log.append(200);
  core::store_le<uint32_t>(&log.bytes()[log.offsets[4]], 200u << 20);
  log.publish_all_cold();
  const auto reader = reader_of(log);
  EXPECT_EQ(read(*reader, log.offsets[4]), State::kGone);
  EXPECT_EQ(read(*reader, log.offsets[5]), State::kReady);
  EXPECT_EQ(reader->damaged_records(), 1u);
}

TEST_F(LogReaderTest, a_bad_sector_loses_only_the_records_in_it) {
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 200; ++i) log.append(200);
  log.publish_all_cold();
  const uint64_t sector = core::align_down(log.in_file(log.offsets[60]) + 4096, 512);
  storage.make_unreadable(log.path_of_offset(0), sector);
  const auto reader = reader_of(log);
  size_t gone = 0;
  for (const uint64_t offset : log.offsets) gone += read(*reader, offset) == State::kGone;
  EXPECT_GE(gone, 1u);
  EXPECT_LE(gone, 20u) << "records whose own 4 KiB hold the sector, not the whole chunk";
  EXPECT_EQ(reader->damaged_records(), gone);
}

// What the disk does not give for a moment is acknowledged all the same: it is waited for, and then it is there.
TEST_F(LogReaderTest, a_disk_that_fails_for_a_moment_loses_nothing) {
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 200; ++i) log.append(200);
  log.publish_all_cold();
  const auto reader = reader_of(log, 8, 5);
  storage.faults.read_error = 1'000'000;
  Waiter waiter;
  const auto ask = [&] {
    reader->begin_batch();
    RecordView record;
    const State state = reader->read(LogId(3), LogOffset(log.offsets[60]), record, waiter);
    reader->end_batch();
    while (world.step()) {
    }
    return state;
  };
  for (int second = 0; second < 3; ++second) {
    EXPECT_EQ(ask(), State::kPending);
    EXPECT_EQ(ask(), State::kPending);
    reader->retry_reads();
    while (world.step()) {
    }
  }
  storage.faults.read_error = 0;
  waiter.told = 0;
  reader->retry_reads();
  while (world.step()) {
  }
  EXPECT_EQ(waiter.told, 1);
  expect_all(*reader, log);
  EXPECT_EQ(reader->damaged_records(), 0u);
  EXPECT_EQ(reports.size(), 1u);
}

TEST_F(LogReaderTest, a_bad_sector_delays_its_readers_once_and_then_only_its_records_are_lost) {
  constexpr int kTries = 5;
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 200; ++i) log.append(200);
  log.publish_all_cold();
  storage.make_unreadable(log.path_of_offset(0), core::align_down(log.in_file(log.offsets[60]) + 4096, 512));
  const auto reader = reader_of(log, 8, kTries);
  size_t gone = 0;
  int retries = 0;
  for (size_t i = 0; i < log.offsets.size();) {
    Waiter waiter;
    reader->begin_batch();
    RecordView record;
    const State state = reader->read(LogId(3), LogOffset(log.offsets[i]), record, waiter);
    reader->end_batch();
    gone += state == State::kGone;
    i += state != State::kPending;
    while (world.step()) {
    }
    if (state != State::kPending || waiter.told > 0) continue;
    ASSERT_LE(++retries, kTries);
    reader->retry_reads();
    while (world.step()) {
    }
    reader->forget(waiter);
  }
  EXPECT_EQ(retries, kTries - 1);
  EXPECT_GE(gone, 1u);
  EXPECT_LE(gone, 20u);
  EXPECT_EQ(reader->damaged_records(), gone);
}

TEST_F(LogReaderTest, a_valid_record_of_an_earlier_life_of_the_file_is_damage) {
  HandMadeLog log(storage, 32 << 10);
  while (log.end() < (90 << 10)) log.append(1000);
  // In a place of the second segment lies a record with a sequence of the first one.
  const size_t in_second = 35;
  ASSERT_GT(log.offsets[in_second], 32u << 10);
  ASSERT_LT(log.offsets[in_second], 64u << 10);
  const std::string payload(1000, 'x');
  encode_record({.topic = "t/x", .payload = core::as_bytes(payload)}, Sequence(3), 1, 1,
                &log.bytes()[log.offsets[in_second]]);
  log.publish_all_cold();
  const auto reader = reader_of(log);
  EXPECT_EQ(read(*reader, log.offsets[in_second]), State::kGone);
  EXPECT_EQ(read(*reader, log.offsets[in_second + 1]), State::kReady);
  EXPECT_EQ(reader->damaged_records(), 1u);
}

TEST_F(LogReaderTest, a_chunk_read_before_its_last_records_were_written_is_read_again) {
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 40; ++i) log.append(200);
  // On the disk only the first block of records.
  log.publish(8192);
  const std::vector<std::byte> whole = storage.content(log.path_of_offset(0));
  const std::vector<std::byte> zeros(whole.size() - 8192);
  storage.overwrite(log.path_of_offset(0), 8192, zeros);
  const auto reader = reader_of(log);
  ASSERT_EQ(read(*reader, log.offsets[0]), State::kReady);
  // The rest is written and leaves the tail.
  storage.overwrite(log.path_of_offset(0), 8192, core::Bytes(whole).subspan(8192));
  log.shared.tail_begin = log.end();
  expect_all(*reader, log);
  EXPECT_EQ(reader->damaged_records(), 0u);
}

TEST_F(LogReaderTest, a_file_that_was_cut_off_loses_what_was_behind_the_cut) {
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 100; ++i) log.append(200);
  log.publish_all_cold();
  const std::string path = log.path_of_offset(0);
  // A new file of the same name would not be seen through the open one, so the cut is made before it is opened: here it
  // is a second log whose segment file is short.
  HandMadeLog cut(storage, 64 << 10);
  for (int i = 0; i < 100; ++i) cut.append(200);
  const std::vector<std::byte> content = storage.content(path);
  storage.put(path, core::Bytes(content).first(cut.offsets[50] + 20));
  const core::BlockingStorage blocking{storage};
  auto segments = std::make_shared<SegmentList>(SegmentList{{.file = *blocking.open(path, {}),
                                                             .begin = LogOffset(0),
                                                             .end = LogOffset(64 << 10),
                                                             .first_sequence = Sequence(1)}});
  cut.shared.segments.store(segments);
  cut.shared.appended_end = cut.end();
  cut.shared.tail_begin = cut.end();
  const auto reader = reader_of(cut);
  EXPECT_EQ(read(*reader, cut.offsets[49]), State::kReady);
  EXPECT_EQ(read(*reader, cut.offsets[50]), State::kGone);
  EXPECT_EQ(read(*reader, cut.offsets[90]), State::kGone);
}

}  // namespace
}  // namespace penstock::log
