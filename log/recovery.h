// Recovery: reads a log's segments after a restart. Finds where the valid records end, cuts a torn tail, and tells
// corruption in the middle (valid records of this log follow it) from a torn end. Start-up and tools only: it waits for
// the disk.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/storage.h"
#include "log/commit_log.h"
#include "log/position.h"
#include "log/record_format.h"

namespace penstock::log {

struct Damage {
  std::string file;
  uint64_t file_offset = 0;
  std::string what;         // one line for a person
  uint64_t bytes_lost = 0;  // skipped, at most
  bool torn_end = false;    // the normal trace of a crash: nothing acknowledged was in it
};

// Where records are lost and others follow, with whatever lies there now.
struct Hole {
  LogOffset begin{0};
  LogOffset end{0};
  Epoch epoch = 0;  // of what was lost, or an earlier one
};

struct RecoveredLog {
  CommitLog::Start start;
  LogOffset begin{0};  // of the oldest segment
  std::vector<Damage> damage;
  std::vector<Hole> holes;  // in the order of their offsets
};

// Called for each valid record in order; the view lives during the call. Returning false stops the scan.
using RecordVisitor = std::function<bool(LogOffset, RecordView)>;

// Visits the records of the log in `directory` from `from` on (or from the oldest, if that is later), and finds the
// end. Reads headers of all segments but records only from the segment of `from` on. Writes nothing.
core::Result<RecoveredLog> recover_log(core::Storage& storage, const std::string& directory, LogId id, LogOffset from,
                                       const RecordVisitor& visit);

// The same from a place that was kept together with its sequence, epoch and time (a checkpoint does so), which saves
// reading the segment from its start: `from` is what recovery would have returned for a log that ends there.
core::Result<RecoveredLog> recover_log(core::Storage& storage, const std::string& directory, LogId id,
                                       const CommitLog::Start& from, const RecordVisitor& visit);

// Where the record with this sequence lies (by the sparse index of its segment, then a scan); none when it is gone.
core::Result<std::optional<LogOffset>> find_sequence(core::Storage& storage, const std::string& directory, LogId id,
                                                     Sequence sequence);

// The first record that is not older than `wall_us`; none when all are older.
core::Result<std::optional<LogOffset>> find_time(core::Storage& storage, const std::string& directory, LogId id,
                                                 int64_t wall_us);

}  // namespace penstock::log
