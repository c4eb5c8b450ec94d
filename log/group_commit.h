// GroupCommit: takes the tail to the disk. Everything appended since the last write goes out as one write; one write is
// under way at a time, and under policy sync it is durable when it completes (O_DIRECT|O_DSYNC; or fdatasync after it).
// One thread, the shard's.
//
// Memory under a write never changes: the last, partly filled block is written from a copy, because appends go on into
// the same block meanwhile. So a record that is found on the disk with kRecordStartsWrite proves that the write before
// its own had ended (see record_format.h), and recovery can tell a torn write from corruption.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "core/mirrored_ring.h"
#include "core/storage.h"
#include "log/prewriter.h"
#include "log/segment.h"
#include "log/watermarks.h"

namespace penstock::log {

class LogSegments;

// Told from the storage's poll.
class CommitHandler {
 public:
  virtual void on_commit_advanced() = 0;
  virtual void on_commit_failed(const std::string& what) = 0;  // once

 protected:
  ~CommitHandler() = default;
};

class GroupCommit {
 public:
  static constexpr uint64_t kWriteBytesMax = 1u << 20;
  static constexpr uint64_t kCopiedBytesMax = 64u << 10;  // writes up to this size go out from a copy as a whole

  struct Settings {
    bool sync_writes = false;  // each write must be durable before the next starts
  };
  GroupCommit(core::Storage& storage, const core::MirroredRing& ring, LogSegments& segments, Prewriter& prewriter,
              CommitHandler& handler, Settings settings);
  GroupCommit(const GroupCommit&) = delete;

  Watermarks& marks() { return marks_; }
  const Watermarks& marks() const { return marks_; }

  // Before a record of [offset, end) is appended; true: it carries kRecordStartsWrite.
  bool starts_write(uint64_t offset, uint64_t end) {
    if (end > batch_limit_) [[unlikely]]
      split_batch(offset, end);
    return offset == batch_begin_;
  }
  // The next record goes to another segment, at `offset`.
  void begin_segment(uint64_t offset);
  void start_at(uint64_t end);

  // Starts what can be started: the next write, and (policies other than sync) a sync when `sync_now`.
  // `direct`: the descriptors are O_DIRECT|O_DSYNC.
  void start(bool direct);
  void start_sync();
  // Tries again a write that found no room on the disk.
  void retry();

  // Since the start, for metrics; a partly filled block counts each time it is written.
  uint64_t writes_count() const { return writes_count_; }
  uint64_t bytes_written() const { return bytes_written_; }

  bool failed() const { return failed_; }
  bool no_room() const { return no_room_; }
  const bool& idle() const { return idle_; }

 private:
  // A contiguous part of one write.
  struct Part final : core::StorageOperation {
    GroupCommit* owner = nullptr;
    uint64_t file_offset = 0;
    core::Bytes from;
    bool waits_for_room = false;
    int tries = 0;
    void complete(int32_t result) override;
  };
  struct SyncOperation final : core::StorageOperation {
    GroupCommit* owner = nullptr;
    void complete(int32_t result) override { owner->on_synced(result); }
  };

  void split_batch(uint64_t offset, uint64_t end);
  uint64_t next_write_end() const;
  void plan_parts(uint64_t begin, uint64_t end);
  void run_part(Part& part);
  void on_part(Part& part, int32_t result);
  void on_write_ended();
  void on_synced(int32_t result);
  void fail(const char* doing, int32_t result);
  void operation_started();
  void operation_ended();

  core::Storage& storage_;
  const core::MirroredRing& ring_;
  LogSegments& segments_;
  Prewriter& prewriter_;
  CommitHandler& handler_;
  const Settings settings_;
  Watermarks marks_;

  uint64_t batch_begin_ = 0;         // the record that starts here is the first of its batch
  uint64_t batch_limit_ = 0;         // and those that end behind this begin another
  std::deque<uint64_t> boundaries_;  // ends of whole batches that are not written yet; a batch is about a MiB

  bool writing_ = false;
  bool syncing_ = false;
  int operations_ = 0;  // with the storage now
  bool idle_ = true;
  bool failed_ = false;
  bool no_room_ = false;
  Segment* write_segment_ = nullptr;
  uint64_t write_end_ = 0;
  int parts_left_ = 0;
  uint64_t writes_count_ = 0;
  uint64_t bytes_written_ = 0;
  bool sync_after_write_ = false;
  Segment* sync_segment_ = nullptr;
  uint64_t sync_end_ = 0;
  Part body_;
  Part last_;
  SyncOperation sync_;
  struct Freed {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], Freed> copy_;
};

}  // namespace penstock::log
