// LogReaderTest: a LogReader on a simulated disk, beside a log that is made by hand, so that each place of it is known.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "log/log_reader.h"
#include "log/segment_format.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::log {

using State = LogReader::State;

constexpr uint64_t kChunk = 16 << 10;
constexpr const char* kDirectory = "/data/log-3";

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
    shared.segments.store(std::make_shared<const SegmentList>(segments_));
    shared.appended_end = shared.durable_end = end_;
    shared.tail_begin = tail_begin;
  }
  void publish_all_cold() { publish(end_); }
  void drop_first_segment() {
    segments_.erase(segments_.begin());
    shared.segments.store(std::make_shared<const SegmentList>(segments_));
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
  struct Waiter final : ReadWaiter {
    void on_read_ready() override {
      ++told;
      if (then) then();
    }
    int told = 0;
    std::function<void()> then;
  };

  LogReaderTest() { EXPECT_TRUE(storage.make_directories(kDirectory)); }

  std::unique_ptr<LogReader> reader_of(HandMadeLog& log, size_t chunks_max = 8, int read_tries_max = 1) {
    auto reader = std::make_unique<LogReader>(
        storage, LogReader::Options{.shard = 5,
                                    .chunk_bytes = kChunk,
                                    .chunks_max = chunks_max,
                                    .read_tries_max = read_tries_max,
                                    .report = [this](std::string what) { reports.push_back(std::move(what)); }});
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

}  // namespace penstock::log
