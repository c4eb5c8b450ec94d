// DataDirectory: what lies where under --data-dir, and which life of the broker it belongs to.
//
//   LOCK                                     held by the running broker
//   manifest                                 text: version, generation, the log id of each shard, in shard order; the
//                                            logs that nobody appends to any more; the highest log id ever given
//   log-<id>/                                segments of one log (log/file_names.h)
//   layout-<generation>/shard-<n>/           checkpoint and queue pages of one shard
//
// A change of --shards begins a new generation: every shard writes its first checkpoint there before the manifest names
// it, so a crash in between leaves the old one whole. Logs that no shard appends to any more stay readable.
// Start-up only, one thread; waits for the disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/broker_shard.h"
#include "core/result.h"
#include "core/storage.h"
#include "log/position.h"

namespace penstock::broker {

struct SealedLogNote {
  log::LogId id;
  int64_t sealed_us = 0;  // no record of it is newer
  bool operator==(const SealedLogNote&) const = default;
};

struct Manifest {
  uint64_t generation = 0;
  std::vector<log::LogId> shard_logs;  // by shard; empty: a new data directory
  std::vector<SealedLogNote> sealed_logs;
  log::LogId last_log{0};  // an id is never given twice: cursors may still speak of a log that is gone
  bool operator==(const Manifest&) const = default;
};

std::string manifest_text(const Manifest& manifest);
core::Result<Manifest> parse_manifest(std::string_view text);
std::string shard_directory(const std::string& data_directory, uint64_t generation, size_t shard);

class DataDirectory {
 public:
  // Makes the directory if need be and locks it; an error says who else may hold it.
  static core::Result<DataDirectory> open(core::Storage& storage, core::Clock& clock, std::string path);

  // Where each of `shards_count` shards finds its files; makes their directories. `log_template` is completed per
  // shard.
  core::Result<std::vector<ShardPlace>> lay_out(ShardIndex shards_count, const log::LogOptions& log_template);
  // Logs on the disk that no shard of the new layout appends to.
  const std::vector<SealedLogNote>& sealed_logs() const { return next_.sealed_logs; }
  bool layout_changed() const { return next_.generation != current_.generation || current_.shard_logs.empty(); }
  // What lay_out() found and made counts from now on. Nothing is written where it is what counted before.
  core::Status commit_layout();
  // Removes what belongs to layouts that do not count any more.
  core::Status remove_old_layouts();
  // Retention has taken all of a sealed log.
  core::Status forget_sealed_log(log::LogId id);

 private:
  DataDirectory(core::Storage& storage, core::Clock& clock, std::string path)
      : storage_(storage), clock_(clock), path_(std::move(path)) {}

  core::Storage& storage_;
  core::Clock& clock_;
  std::string path_;
  core::FileId lock_ = core::kNoFile;  // held until the process ends
  Manifest current_;
  Manifest next_;
};

}  // namespace penstock::broker
