// CommitLog: the log of one shard. Appends into the tail in memory; at the end of a turn everything new goes to the
// segment file in one write (group commit). One thread, the shard's. Nothing here waits for the disk after open().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "core/storage.h"
#include "log/position.h"
#include "log/record_format.h"
#include "log/shared_log.h"

namespace penstock::log {

enum class Durability : uint8_t {
  kSync,    // acknowledged = survives a power cut
  kWrite,   // acknowledged = the kernel has it: survives a crash of the process
  kMemory,  // acknowledged = appended
};

struct LogOptions {
  std::string directory;  // this log's own, exists
  LogId id;
  Durability durability = Durability::kSync;
  uint64_t segment_bytes = 256u << 20;  // multiple of 4096
  uint64_t tail_bytes = 64u << 20;      // power of two, at least 4 x the largest record
  uint64_t prewrite_bytes = 32u << 20;  // zero-filled this far ahead of the append position
  int64_t retention_us = int64_t{3} * 24 * 3600 * 1'000'000;
  uint64_t retention_bytes = 0;                    // 0: no limit by size
  std::function<void(const std::string&)> report;  // one line for a person; may be empty
};

enum class AppendRoom : uint8_t {
  kRoom,
  kTailFull,  // the disk is slower than the publishers: stop reading from them until on_progress
  kDiskFull,  // refuse; room may return (retention, an operator)
  kFailed,    // a write or sync failed: refuse for ever (this process)
};

struct Appended {
  LogOffset offset;
  Sequence sequence;
  uint64_t end = 0;  // offset one past the padded record: acknowledge when durable_end() >= end
};

// Called from the storage's poll or from end_turn when durable_end moved or room came back or the log failed. May
// append.
class LogProgressHandler {
 public:
  virtual void on_log_progress() = 0;

 protected:
  ~LogProgressHandler() = default;
};

class CommitLog {
 public:
  // Where a log continues: result of recovery, or a fresh log (all zero).
  struct Start {
    Epoch epoch = 0;  // of the last valid record
    Sequence next_sequence{1};
    LogOffset end{0};          // where the last valid record ends
    int64_t last_wall_us = 0;  // record times never go back
  };

  // Opens or creates the segment files and appends kEpochStart with epoch + 1. Waits for the disk (start-up only).
  // The progress handler outlives the log.
  static core::Result<std::unique_ptr<CommitLog>> open(core::Storage& storage, core::Clock& clock, LogOptions options,
                                                       Start start, LogProgressHandler& handler);
  ~CommitLog();

  // Can a record of `bytes` (unpadded) be appended now?
  AppendRoom room_for(uint64_t bytes) const;
  // Requires room. The record is readable at once through shared().
  Appended append(const RecordParts& parts);
  // Once per turn, at least once per second, and at next_write_ns(): starts the write of what was appended, prepares
  // segments, frees the tail, applies retention at times. `is_awaited`: somebody waits until what was appended is
  // durable. What nobody waits for (QoS 0, progress) may lie in the tail for kLazyWriteNs and is then written in one
  // piece: a write for each message would cost more than the message, and keep the next ones waiting.
  void end_turn(bool is_awaited = true);
  static constexpr int64_t kLazyWriteNs = 10 * core::kNsPerMs;
  static constexpr uint64_t kLazyWriteBytes = 256u << 10;  // so many do not wait
  // When end_turn() must come again for want of any other reason, in Clock::monotonic_ns(); INT64_MAX: nothing waits.
  int64_t next_write_ns() const;
  // Readers on other shards hold the tail that an append waits for: no event will tell when they let go, so end_turn
  // must come again within about a millisecond.
  bool needs_turn() const;

  LogId id() const;
  Epoch epoch() const;
  LogOffset appended_end() const;
  LogOffset durable_end() const;  // by the durability policy
  LogOffset written_end() const;  // what the kernel has
  LogOffset synced_end() const;   // what would survive a power cut
  Sequence next_sequence() const;
  // The time of the newest record, and where it has to be brought forward: the next one is not older than `wall_us`.
  int64_t last_wall_us() const;
  void not_before(int64_t wall_us);
  uint64_t writes_count() const;   // group commits since the start, for metrics
  uint64_t bytes_written() const;  // in them, with padding
  SharedLog& shared();             // lives as long as the log

  // The oldest record that something still needs for start-up (newest checkpoint): retention never passes it. Until the
  // first call nothing is retired.
  void keep_from(LogOffset offset);
  // First offset that is still in a segment.
  LogOffset begin() const;

  // Clean stop: writes and syncs all that was appended; `done` becomes true from the storage's poll (also on failure:
  // check synced_end()).
  void finish(bool& done);

 private:
  CommitLog();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace penstock::log
