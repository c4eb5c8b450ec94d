// LogReader on a simulated disk: the tail, pins, cold chunks, records on every kind of border, damage, recycled
// segments, sharing of reads, bounds of the pool. The log is made by hand, so that each place of it is known.
#include "log/log_reader.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <thread>

#include "log/segment_format.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::log {
namespace {

using State = LogReader::State;

constexpr uint64_t kChunk = 16 << 10;
constexpr const char* kDirectory = "/data/log-3";

struct Waiter final : ReadWaiter {
  void on_read_ready() override {
    ++told;
    if (then) then();
  }
  int told = 0;
  std::function<void()> then;
};

// A log of hand-made segments, all of it both in files and in one large "tail", so that a test says what the tail still
// holds by setting tail_begin.
class HandMadeLog {
 public:
  HandMadeLog(sim::SimStorage& storage, uint64_t segment_bytes) : storage_(storage), segment_bytes_(segment_bytes) {
    shared.id = LogId(3);
    shared.epoch = 1;
    bytes_.resize(uint64_t{8} << 20);
    shared.tail = bytes_.data();
    shared.tail_mask = bytes_.size() - 1;
    start_segment();
  }

  uint64_t append(size_t payload_bytes) {
    const std::string payload(payload_bytes, static_cast<char>('a' + next_sequence_ % 26));
    const RecordParts parts{.topic = "t/x", .payload = core::as_bytes(payload)};
    const uint64_t bytes = padded_record_bytes(record_bytes(parts));
    if (end_ + bytes > segments_.back().end.value()) {
      end_ = segments_.back().end.value();
      start_segment();
    }
    const uint64_t at = end_;
    encode_record(parts, Sequence(next_sequence_++), 1, 1'000'000, bytes_.data() + at);
    end_ += bytes;
    offsets.push_back(at);
    return at;
  }
  // Writes all segments to the disk and lets the tail begin at `tail_begin`.
  void publish(uint64_t tail_begin) {
    const core::BlockingStorage blocking{storage_};
    for (SegmentFile& segment : segments_) {
      const std::string path = path_of(segment);
      storage_.put(path, core::Bytes(bytes_).subspan(segment.begin.value(), segment_bytes_));
      if (segment.file == core::kNoFile) segment.file = *blocking.open(path, {});
    }
    shared.segments = std::make_shared<const SegmentList>(segments_);
    shared.appended_end = shared.durable_end = end_;
    shared.tail_begin = tail_begin;
  }
  void publish_all_cold() { publish(end_); }
  void drop_first_segment() {
    segments_.erase(segments_.begin());
    shared.segments = std::make_shared<const SegmentList>(segments_);
  }
  std::string path_of_offset(uint64_t offset) const { return path_of(segments_[offset / segment_bytes_]); }
  uint64_t in_file(uint64_t offset) const { return offset % segment_bytes_; }
  std::vector<std::byte>& bytes() { return bytes_; }
  uint64_t end() const { return end_; }

  SharedLog shared;
  std::vector<uint64_t> offsets;  // of record sequence 1 + index

 private:
  void start_segment() {
    segments_.push_back({.file = core::kNoFile,
                         .begin = LogOffset(end_),
                         .end = LogOffset(end_ + segment_bytes_),
                         .first_sequence = Sequence(next_sequence_)});
    end_ += kSegmentHeaderBytes;
  }
  static std::string path_of(const SegmentFile& segment) {
    return std::string(kDirectory) + "/" + std::to_string(segment.begin.value()) + ".segment";
  }

  sim::SimStorage& storage_;
  uint64_t segment_bytes_;
  std::vector<std::byte> bytes_;
  SegmentList segments_;
  uint64_t end_ = 0;
  uint64_t next_sequence_ = 1;
};

class LogReaderTest : public testing::Test {
 protected:
  LogReaderTest() { EXPECT_TRUE(storage.make_directories(kDirectory)); }

  std::unique_ptr<LogReader> reader_of(HandMadeLog& log, size_t chunks_max = 8) {
    auto reader = std::make_unique<LogReader>(
        storage, LogReader::Options{
                     .shard = 5, .chunk_bytes = kChunk, .chunks_max = chunks_max, .report = [this](std::string what) {
                       reports.push_back(std::move(what));
                     }});
    reader->add_log(log.shared);
    return reader;
  }
  // Reads one record in batches of its own until it is ready or gone; `look` sees it inside of its batch.
  State read(LogReader& reader, uint64_t offset, const std::function<void(RecordView)>& look = {}) {
    Waiter waiter;
    for (int tries = 0; tries < 1000; ++tries) {
      reader.begin_batch();
      RecordView record;
      const State state = reader.read(LogId(3), LogOffset(offset), record, waiter);
      if (state == State::kReady && look) look(record);
      reader.end_batch();
      if (state != State::kPending) return state;
      while (waiter.told == 0) {
        if (!world.step()) {
          ADD_FAILURE() << "never told about offset " << offset;
          return State::kGone;
        }
      }
      waiter.told = 0;
    }
    ADD_FAILURE() << "no end of pending at offset " << offset;
    return State::kGone;
  }
  void expect_all(LogReader& reader, HandMadeLog& log) {
    for (size_t i = 0; i < log.offsets.size(); ++i) {
      const State state = read(reader, log.offsets[i], [&](RecordView record) {
        EXPECT_EQ(record.sequence(), Sequence(i + 1));
        EXPECT_EQ(record.topic(), "t/x");
        const core::Bytes payload = record.payload();
        if (payload.empty()) return;
        EXPECT_EQ(static_cast<char>(payload.front()), 'a' + static_cast<int>((i + 1) % 26));
        EXPECT_EQ(payload.front(), payload.back());
      });
      ASSERT_EQ(state, State::kReady) << "record " << i + 1;
    }
  }
  void settle() {
    while (world.step()) {
    }
  }

  sim::SimWorld world{1};
  sim::WorldOnFailure on_failure{world};
  sim::SimStorage storage{world};
  std::vector<std::string> reports;
};

TEST_F(LogReaderTest, reads_the_tail_without_the_disk) {
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 1000; ++i) log.append(40);
  log.publish(0);
  const uint64_t steps = storage.steps();
  const auto reader = reader_of(log);
  expect_all(*reader, log);
  EXPECT_EQ(storage.steps(), steps);
  EXPECT_EQ(reader->cold_reads(), 0u);
}

TEST_F(LogReaderTest, sees_records_appended_while_a_batch_runs) {
  HandMadeLog log(storage, 64 << 10);
  log.append(40);
  log.publish(0);
  const auto reader = reader_of(log);
  reader->begin_batch();
  RecordView record;
  Waiter waiter;
  ASSERT_EQ(reader->read(LogId(3), LogOffset(log.offsets[0]), record, waiter), State::kReady);
  const uint64_t later = log.append(40);
  EXPECT_EQ(reader->read(LogId(3), LogOffset(later), record, waiter), State::kGone) << "not appended yet";
  log.shared.appended_end = log.end();
  ASSERT_EQ(reader->read(LogId(3), LogOffset(later), record, waiter), State::kReady);
  EXPECT_EQ(record.sequence(), Sequence(2));
  reader->end_batch();
}

TEST_F(LogReaderTest, pins_a_log_from_its_first_use_in_a_batch_to_the_end_of_it) {
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 300; ++i) log.append(40);
  log.publish(8192);
  const auto reader = reader_of(log);
  const std::atomic<uint64_t>& pin = log.shared.pins[5].offset;
  reader->begin_batch();
  EXPECT_EQ(pin.load(), kNotPinned) << "a log that the batch does not touch is not held";
  RecordView record;
  Waiter waiter;
  ASSERT_EQ(reader->read(LogId(3), LogOffset(log.offsets.back()), record, waiter), State::kReady);
  EXPECT_EQ(pin.load(), 8192u);
  // The owner moves on: what this batch has pinned it still reads from memory.
  log.shared.tail_begin = 16384;
  uint64_t inside = 0;
  for (const uint64_t offset : log.offsets) {
    if (offset >= 8192 && offset < 16384) inside = offset;
  }
  EXPECT_EQ(reader->read(LogId(3), LogOffset(inside), record, waiter), State::kReady);
  reader->end_batch();
  EXPECT_EQ(pin.load(), kNotPinned);
  EXPECT_EQ(reader->cold_reads(), 0u);
}

TEST_F(LogReaderTest, reads_old_records_of_all_sizes_from_the_files) {
  HandMadeLog log(storage, 128 << 10);
  core::SeededRandom random(7);
  for (int i = 0; i < 600; ++i) {
    const uint64_t kind = random.below(20);
    // Among them: larger than the overlap of chunks, than a chunk, than several chunks.
    log.append(kind == 0 ? 60'000 + random.below(20'000) : kind < 3 ? 5'000 + random.below(20'000) : random.below(300));
  }
  log.publish_all_cold();
  const auto reader = reader_of(log);
  expect_all(*reader, log);
  EXPECT_TRUE(reports.empty());
  EXPECT_EQ(reader->damaged_records(), 0u);
}

TEST_F(LogReaderTest, reads_a_record_at_every_distance_from_a_chunk_border) {
  for (uint64_t distance = 0; distance <= 160; distance += 8) {
    HandMadeLog log(storage, 64 << 10);
    const uint64_t overhead = padded_record_bytes(sizeof(RecordHeader) + 5);
    // The first record ends `distance` before the place where the overlap of the first chunk ends.
    log.append(kChunk + 4096 - kSegmentHeaderBytes - overhead - distance);
    log.append(100);
    log.append(100);
    log.publish_all_cold();
    const auto reader = reader_of(log);
    expect_all(*reader, log);
  }
}

TEST_F(LogReaderTest, a_record_larger_than_the_pool_is_read_all_the_same) {
  HandMadeLog log(storage, 1 << 20);
  log.append(10);
  log.append(500'000);
  log.append(10);
  log.publish_all_cold();
  const auto reader = reader_of(log, 4);
  expect_all(*reader, log);
}

TEST_F(LogReaderTest, waiters_of_one_chunk_share_one_read) {
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 100; ++i) log.append(40);
  log.publish_all_cold();
  const auto reader = reader_of(log);
  Waiter waiters[4];
  RecordView record;
  reader->begin_batch();
  for (Waiter& waiter : waiters) {
    EXPECT_EQ(reader->read(LogId(3), LogOffset(log.offsets[3]), record, waiter), State::kPending);
    EXPECT_EQ(reader->read(LogId(3), LogOffset(log.offsets[9]), record, waiter), State::kPending);
  }
  reader->end_batch();
  EXPECT_EQ(reader->cold_reads(), 1u);
  reader->forget(waiters[1]);
  waiters[2].then = [&] { reader->forget(waiters[3]); };
  settle();
  EXPECT_EQ(waiters[0].told, 1);
  EXPECT_EQ(waiters[1].told, 0);
  EXPECT_EQ(waiters[2].told, 1);
  EXPECT_EQ(waiters[3].told, 0) << "forgotten while another one was told";
}

TEST_F(LogReaderTest, a_sequential_reader_finds_the_next_chunk_there) {
  HandMadeLog log(storage, 64 << 10);
  while (log.offsets.size() < 3000) log.append(100);
  log.publish_all_cold();
  const auto reader = reader_of(log, 16);
  int pending = 0;
  for (const uint64_t offset : log.offsets) {
    Waiter waiter;
    reader->begin_batch();
    RecordView record;
    const State state = reader->read(LogId(3), LogOffset(offset), record, waiter);
    reader->end_batch();
    settle();  // the disk is faster than the session
    if (state == State::kReady) continue;
    ++pending;
    ASSERT_EQ(read(*reader, offset), State::kReady);
    settle();
  }
  EXPECT_LE(pending, 1) << "only for the first chunk";
  EXPECT_LE(reader->cold_reads(), log.end() / kChunk + 2) << "nothing is read twice";
}

TEST_F(LogReaderTest, keeps_chunks_of_the_batch_and_tells_who_found_no_room) {
  HandMadeLog log(storage, 256 << 10);
  while (log.end() < (200 << 10)) log.append(3000);
  log.publish_all_cold();
  const auto reader = reader_of(log, 4);
  // Bring four chunks in.
  std::vector<uint64_t> first_of_chunk;
  for (const uint64_t offset : log.offsets) {
    if (offset / kChunk >= first_of_chunk.size()) first_of_chunk.push_back(offset);
  }
  Waiter waiter;
  RecordView views[4];
  RecordView record;
  for (int tries = 0; tries < 100; ++tries) {
    reader->begin_batch();
    int ready = 0;
    for (size_t i = 0; i < 4; ++i) {
      ready += reader->read(LogId(3), LogOffset(first_of_chunk[i]), views[i], waiter) == State::kReady;
    }
    if (ready == 4) break;
    reader->end_batch();
    settle();
    ASSERT_LT(tries, 99);
  }
  Waiter roomless;
  EXPECT_EQ(reader->read(LogId(3), LogOffset(first_of_chunk[6]), record, roomless), State::kPending);
  settle();
  EXPECT_EQ(roomless.told, 0);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(check_record(views[i].data(), 4096), RecordCheck::kValid) << "a view of this batch was overwritten";
  }
  reader->end_batch();
  EXPECT_EQ(roomless.told, 1);
  EXPECT_EQ(read(*reader, first_of_chunk[6]), State::kReady);
}

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

TEST_F(LogReaderTest, stays_right_when_reads_are_short) {
  storage.faults.short_read = 500'000;
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 500; ++i) log.append(200);
  log.publish_all_cold();
  const auto reader = reader_of(log);
  expect_all(*reader, log);
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
  cut.shared.segments = segments;
  cut.shared.appended_end = cut.end();
  cut.shared.tail_begin = cut.end();
  const auto reader = reader_of(cut);
  EXPECT_EQ(read(*reader, cut.offsets[49]), State::kReady);
  EXPECT_EQ(read(*reader, cut.offsets[50]), State::kGone);
  EXPECT_EQ(read(*reader, cut.offsets[90]), State::kGone);
}

// The Dekker of pins: an owner thread reuses its ring as fast as it may while a reader takes batches from it. Every
// record that the reader is given must be whole for as long as its batch lasts.
TEST_F(LogReaderTest, an_owner_that_reclaims_its_tail_never_overwrites_what_a_batch_holds) {
  constexpr uint64_t kRing = 64 << 10;
  constexpr uint64_t kRecords = 300'000;
  std::vector<std::byte> ring(kRing);
  SharedLog shared;
  shared.id = LogId(3);
  shared.tail = ring.data();
  shared.tail_mask = kRing - 1;
  const RecordParts parts{.topic = "t/x", .payload = core::as_bytes("0123456")};
  const uint64_t bytes = padded_record_bytes(record_bytes(parts));
  ASSERT_EQ(bytes, 64u) << "divides the ring: no record wraps";
  shared.segments = std::make_shared<const SegmentList>();

  std::thread owner([&] {
    uint64_t reclaimed = 0;
    uint64_t end = 0;
    for (uint64_t i = 1; i <= kRecords; ++i) {
      while (end + bytes > reclaimed + kRing) {
        const uint64_t target = end - kRing / 4;
        if (target > shared.tail_begin.load()) shared.tail_begin.store(target, std::memory_order_seq_cst);
        reclaimed = std::min(shared.tail_begin.load(), shared.pins[5].offset.load(std::memory_order_seq_cst));
      }
      encode_record(parts, Sequence(i), 1, 1, ring.data() + (end & (kRing - 1)));
      end += bytes;
      shared.appended_end.store(end, std::memory_order_release);
    }
  });

  LogReader reader(storage, {.shard = 5, .chunk_bytes = kChunk, .chunks_max = 4});
  reader.add_log(shared);
  Waiter waiter;
  uint64_t read_count = 0;
  uint64_t broken = 0;
  while (shared.appended_end.load() < kRecords * bytes) {
    reader.begin_batch();
    const uint64_t from = shared.tail_begin.load();
    std::vector<std::pair<uint64_t, RecordView>> views;
    for (uint64_t offset = from; offset < from + 64 * bytes; offset += bytes) {
      RecordView record;
      if (reader.read(LogId(3), LogOffset(offset), record, waiter) != State::kReady) continue;
      views.emplace_back(offset, record);
    }
    for (const auto& [offset, record] : views) {
      ++read_count;
      broken += record.sequence() != Sequence(offset / bytes + 1) ||
                check_record(record.data(), bytes) != RecordCheck::kValid;
    }
    reader.end_batch();
  }
  owner.join();
  EXPECT_GT(read_count, 0u);
  EXPECT_EQ(broken, 0u);
}

}  // namespace
}  // namespace penstock::log
