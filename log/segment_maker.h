// SegmentMaker: makes the next segment's file ahead of its use: its blocks are allocated and its name ("next.segment")
// is durable before the first record goes there, so that rolling into it costs nothing. Uses a retired segment of the
// same size where there is one. One thread, the shard's; works through FileChores.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/storage.h"
#include "log/file_chores.h"
#include "log/segment.h"

namespace penstock::log {

class SegmentMaker {
 public:
  struct Settings {
    std::string directory;
    bool sync_writes = false;  // the commit descriptor is opened O_DIRECT|O_DSYNC
    std::function<void(const std::string&)> report;
    std::function<void()> changed;  // the next segment is ready, or could not be made
  };
  enum class Status : uint8_t { kNone, kMaking, kReady, kNoRoom, kFailed };

  SegmentMaker(core::Storage& storage, FileChores& chores, Settings settings)
      : storage_(storage), chores_(chores), settings_(std::move(settings)) {}

  // Only when nothing is made or ready.
  void make(uint64_t begin, uint64_t bytes);
  // Forgets a ready segment (a larger one is needed); its file is replaced by the next make().
  void discard();
  Status status() const { return status_; }
  const int& error() const { return error_; }       // errno of the last failure
  const bool& settled() const { return settled_; }  // for run_until
  Segment& next() { return *next_; }
  Segment take();

  // A file named spare.segment of this size lies there.
  void set_spare(uint64_t bytes) { spare_bytes_ = bytes; }
  bool has_spare() const { return spare_bytes_ != 0; }

  // False where the file system refuses O_DIRECT: then a write is durable only after a sync.
  bool direct() const { return settings_.sync_writes && direct_; }
  void refuse_direct();  // an open answered EINVAL; said once
  core::OpenMode commit_mode() const { return {.write = true, .direct = direct(), .dsync = direct()}; }
  core::OpenMode prewrite_mode() const { return {.write = true, .direct = direct()}; }

 private:
  std::string path() const;
  void create();
  void open_for_prewrite();
  void allocate();
  void sync_names();
  void open_for_commit();
  void open_for_reads();
  void fail(int32_t result, const char* doing);

  core::Storage& storage_;
  FileChores& chores_;
  Settings settings_;
  Status status_ = Status::kNone;
  bool settled_ = true;
  int error_ = 0;
  bool direct_ = true;
  uint64_t spare_bytes_ = 0;
  std::optional<Segment> next_;
};

}  // namespace penstock::log
