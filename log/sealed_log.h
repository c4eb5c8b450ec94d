// SealedLog: a log that nobody appends to any more (the number of shards changed). Its records can be read until
// retention has taken its last segment. One thread, that of whoever opened it; waits for the disk. Readers on any shard
// see it through shared().
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "core/storage.h"
#include "log/log_segments.h"
#include "log/shared_log.h"

namespace penstock::log {

class SealedLog {
 public:
  // `sealed_us`: when it was sealed; no record of it is newer.
  static core::Result<std::unique_ptr<SealedLog>> open(core::Storage& storage, std::string directory, LogId id,
                                                       int64_t sealed_us);
  // No reader uses it any more.
  ~SealedLog();

  // An empty tail, and everything durable.
  SharedLog& shared() { return shared_; }
  // Takes segments whose records are all older, and removes the files that no reader holds any more.
  core::Status retire(int64_t oldest_wall_us);
  // Nothing is left of it.
  bool gone() const { return segments_.empty(); }

 private:
  SealedLog(core::Storage& storage, std::string directory) : storage_(storage), directory_(std::move(directory)) {}

  core::Storage& storage_;
  const std::string directory_;
  SharedLog shared_;
  LogSegments segments_{storage_, shared_};
};

}  // namespace penstock::log
