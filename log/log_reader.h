// LogReader: reads records of any log on one shard. Within a tail straight from memory; older ones from the segment
// files by asynchronous reads into pooled chunks that all waiting sessions share. Never waits for the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/storage.h"
#include "log/position.h"
#include "log/record_format.h"
#include "log/shared_log.h"

namespace penstock::log {

// Told once when a started read ended; then ask again.
class ReadWaiter {
 public:
  virtual void on_read_ready() = 0;

 protected:
  ~ReadWaiter() = default;
};

class ColdReader;

class LogReader {
 public:
  struct Options {
    uint32_t shard = 0;                       // index into SharedLog::pins
    uint64_t chunk_bytes = 256u << 10;        // unit of a cold read; multiple of 4096
    size_t chunks_max = 64;                   // pooled; least recently used goes first, never one in use by a batch
    int read_tries_max = 1;                   // of what the disk answers with an error; then it counts as lost
    std::function<void(std::string)> report;  // damaged or unreadable places; once each while they are remembered
  };
  LogReader(core::Storage& storage, Options options);
  // Waits until no read is under way.
  ~LogReader();
  LogReader(const LogReader&) = delete;

  // The log outlives the reader. All logs are added before the first read.
  void add_log(SharedLog& log);

  // Pins tails (each at its first use) and chunks: every RecordView given out until end_batch() stays valid. At most
  // one turn. end_batch() tells waiters for which all chunks were in use.
  void begin_batch();
  void end_batch();
  // Reads again what the disk did not give. To be called about once a second.
  void retry_reads();

  enum class State : uint8_t {
    kReady,
    kPending,  // a read was started or joined; the waiter will be told (or is already waiting)
    kGone,     // retired, or unreadable (reported and counted)
  };
  // Only inside a batch. `offset` is that of a record, as a QueueEntry has it.
  State read(LogId log, LogOffset offset, RecordView& out, ReadWaiter& waiter) {
    if (log.value() < tails_.size()) [[likely]] {
      const Tail& tail = tails_[log.value()];
      if (offset.value() - tail.begin < tail.bytes) [[likely]] {
        out = RecordView(tail.base + (offset.value() & tail.mask));
        return State::kReady;
      }
    }
    return read_unpinned(log, offset, out, waiter);
  }
  void forget(ReadWaiter& waiter);

  uint64_t cold_reads() const;       // started
  uint64_t damaged_records() const;  // found where a record should be

 private:
  // What this batch may read of one log's tail; empty until it is pinned.
  struct Tail {
    const std::byte* base = nullptr;
    uint64_t mask = 0;
    uint64_t begin = 0;
    uint64_t bytes = 0;
    bool pinned = false;
    SharedLog* log = nullptr;
  };
  State read_unpinned(LogId log, LogOffset offset, RecordView& out, ReadWaiter& waiter);
  void pin(Tail& tail);

  uint32_t shard_;
  bool in_batch_ = false;
  std::vector<Tail> tails_;  // by log id
  std::vector<Tail*> pinned_;
  std::unique_ptr<ColdReader> cold_;
};

}  // namespace penstock::log
