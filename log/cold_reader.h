// ColdReader: the part of a LogReader that reads segment files. Chunks of a fixed grid, shared by all who wait for
// them, least recently used goes first; a record that does not lie whole in its chunk gets a read of its own. What
// comes from a file is checked before it is handed out: bounds, checksum, and that its sequence belongs to the segment
// (a recycled file still holds valid records of its earlier life). Inside of log/ only; one thread, the shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "log/log_reader.h"
#include "log/waiter_list.h"

namespace penstock::log {

// Memory of a chunk, on a page border so that the kernel copies whole pages.
struct ChunkBufferFree {
  void operator()(std::byte* buffer) const { ::operator delete[](buffer, std::align_val_t(4096)); }
};
using ChunkBuffer = std::unique_ptr<std::byte[], ChunkBufferFree>;

struct Chunk final : core::StorageOperation {
  enum class State : uint8_t { kLoading, kReady, kFailed };

  explicit Chunk(ColdReader& its_reader) : reader(its_reader) {}
  void complete(int32_t result) override;
  bool holds(uint64_t offset) const { return offset - begin < bytes; }

  ColdReader& reader;
  uint64_t key = 0;
  State state = State::kLoading;
  bool exact = false;  // of one record; else of the grid
  uint64_t begin = 0;  // offset in the log
  uint64_t wanted_bytes = 0;
  uint64_t bytes = 0;       // read
  uint64_t valid_end = 0;   // records that begin before it were in the file when the read was started
  Sequence first_sequence;  // of the segment
  Sequence end_sequence;    // of the next segment, as far as there is one
  core::FileId file;
  uint64_t file_offset = 0;
  std::shared_ptr<const SegmentList> segments;  // keeps the file open while it is read
  ChunkBuffer buffer;
  std::vector<uint64_t> checked;  // a bit for each 8 bytes: a valid record begins there
  uint64_t batch = 0;             // that was given a view of it last
  uint64_t used_at = 0;
  uint32_t hits = 0;
  int tries = 0;  // that ended in an error
  WaiterList<ReadWaiter> waiters;
};

class ColdReader {
 public:
  using State = LogReader::State;

  ColdReader(core::Storage& storage, LogReader::Options options);
  ~ColdReader();

  void add_log(SharedLog& log);
  void begin_batch() { ++batch_; }
  void end_batch();
  void retry_reads();
  // A record that begins before `tail_begin`, as read from the log in this batch.
  State read(SharedLog& log, uint64_t offset, uint64_t tail_begin, RecordView& out, ReadWaiter& waiter);
  void forget(ReadWaiter& waiter);

  uint64_t cold_reads() const { return cold_reads_; }
  uint64_t damaged_records() const { return damaged_records_; }

 private:
  friend struct Chunk;
  struct Log {
    std::shared_ptr<const SegmentList> segments;  // as of this batch
    Chunk* recent = nullptr;
  };
  // One record wanted, while it is looked for.
  struct Wanted {
    SharedLog& log;
    uint64_t offset;
    uint64_t tail_begin;
    ReadWaiter* waiter;
  };
  enum class Found : uint8_t { kRecord, kTooShort, kDamaged };

  const SegmentFile* segment_of(SharedLog& log, uint64_t offset);
  State read_grid(const Wanted& wanted, const SegmentFile& segment, RecordView& out);
  State read_exact(const Wanted& wanted, const SegmentFile& segment, uint64_t bytes, RecordView& out);
  Found take(Chunk& chunk, uint64_t offset, RecordView& out);
  uint64_t bytes_needed(const Chunk& chunk, uint64_t offset, const SegmentFile& segment) const;
  State wait(Chunk& chunk, const Wanted& wanted);
  State load(const Wanted& wanted, const SegmentFile& segment, uint64_t begin, uint64_t bytes, bool exact);
  void prefetch(const Wanted& wanted, const Chunk& chunk);
  bool make_room(uint64_t bytes);
  void evict(Chunk& chunk);
  ChunkBuffer take_buffer(uint64_t bytes);
  void read_on(Chunk& chunk);
  void ended(Chunk& chunk, int32_t result);
  bool waits_for_retry(Chunk& chunk, int32_t result);
  uint64_t place_of(const Chunk& chunk) const;
  void tell(WaiterList<ReadWaiter>& waiters);
  State damaged(const SharedLog& log, uint64_t offset, const std::string& what);

  core::Storage& storage_;
  LogReader::Options options_;
  std::unordered_map<uint16_t, Log> logs_;
  std::unordered_map<uint64_t, std::unique_ptr<Chunk>> chunks_;  // by key
  std::vector<ChunkBuffer> spare_buffers_;
  uint64_t bytes_max_;
  uint64_t bytes_ = 0;  // of all chunks
  uint64_t batch_ = 0;
  uint64_t clock_ = 0;
  size_t under_way_ = 0;
  bool idle_ = true;
  WaiterList<ReadWaiter> roomless_;  // all chunks were in use
  std::vector<WaiterList<ReadWaiter>*> telling_;
  std::unordered_set<uint64_t> known_damage_;  // keys of places that were reported; bounded
  std::vector<Chunk*> unread_;                 // the disk answered with an error; they are read again
  std::unordered_set<uint64_t> given_up_;      // keys of chunks of the grid that had all their tries; bounded
  bool disk_gives_ = true;                     // since the last error
  uint64_t cold_reads_ = 0;
  uint64_t damaged_records_ = 0;
};

}  // namespace penstock::log
