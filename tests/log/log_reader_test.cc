// LogReader: the tail and its pins, cold chunks, records on every kind of border, sharing of reads, bounds of the pool.
#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "tests/log/log_reader_harness.h"

namespace penstock::log {
namespace {

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

// Those without room are told with the end of each batch and come first in the next one: they must not take the chunks
// of those whose turn comes behind them.
TEST_F(LogReaderTest, many_more_waiters_than_chunks_all_get_their_records) {
  HandMadeLog log(storage, 1 << 20);
  for (int i = 0; i < 4000; ++i) log.append(200);
  log.publish_all_cold();
  const auto reader = reader_of(log, 4);
  std::deque<ReadWaiter*> ready;
  struct QueuedWaiter : ReadWaiter {
    std::deque<ReadWaiter*>* ready = nullptr;
    uint64_t offset = 0;
    void on_read_ready() override { ready->push_back(this); }
  };
  std::vector<uint64_t> first_of_chunk;
  for (const uint64_t offset : log.offsets)
    if (offset / kChunk >= first_of_chunk.size()) first_of_chunk.push_back(offset);
  ASSERT_GE(first_of_chunk.size(), 40u);
  std::vector<QueuedWaiter> waiters(40);
  for (size_t i = 0; i < waiters.size(); ++i) {
    waiters[i].ready = &ready;
    waiters[i].offset = first_of_chunk[i];
    ready.push_back(&waiters[i]);
  }
  size_t got = 0;
  for (int batches = 0; got < waiters.size() && batches < 200; ++batches) {
    reader->begin_batch();
    for (ReadWaiter* waiter : std::exchange(ready, {})) {
      RecordView record;
      const uint64_t offset = static_cast<QueuedWaiter*>(waiter)->offset;
      got += reader->read(LogId(3), LogOffset(offset), record, *waiter) == State::kReady;
    }
    reader->end_batch();
    settle();
  }
  EXPECT_EQ(got, waiters.size());
}

TEST_F(LogReaderTest, stays_right_when_reads_are_short) {
  storage.faults.short_read = 500'000;
  HandMadeLog log(storage, 64 << 10);
  for (int i = 0; i < 500; ++i) log.append(200);
  log.publish_all_cold();
  const auto reader = reader_of(log);
  expect_all(*reader, log);
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
  shared.segments.store(std::make_shared<const SegmentList>());

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
