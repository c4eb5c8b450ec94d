#include "log/sealed_log.h"

#include <cerrno>
#include <utility>

#include "log/file_names.h"
#include "log/segment_catalog.h"

namespace penstock::log {

core::Result<std::unique_ptr<SealedLog>> SealedLog::open(core::Storage& storage, std::string directory, LogId id,
                                                         int64_t sealed_us) {
  ASSIGN_OR_RETURN(const SegmentCatalog catalog, find_segments(storage, directory, id));
  const core::BlockingStorage blocking{storage};
  std::unique_ptr<SealedLog> log(new SealedLog(storage, std::move(directory)));
  uint64_t end = 0;
  for (const FoundSegment& found : catalog.segments) {
    if (!log->gone()) log->segments_.active().newest_wall_us = found.header.previous_wall_us;
    Segment segment{.begin = found.begin(),
                    .end = found.end(),
                    .data_end = found.end(),
                    .first_sequence = Sequence(found.header.first_sequence),
                    .newest_wall_us = sealed_us,
                    .name = found.name};
    ASSIGN_OR_RETURN(segment.read_file, blocking.open(path_in(log->directory_, found.name), {}));
    log->segments_.add(std::move(segment));
    end = found.end();
  }
  // After a kill its end may lie in the kernel only. What recovery has read counts as durable from here on.
  if (!log->gone()) RETURN_IF_ERROR(blocking.sync(log->segments_.active().read_file));
  log->shared_.id = id;
  log->shared_.tail_begin = end;
  log->shared_.appended_end = end;
  log->shared_.durable_end = log->shared_.synced_end = end;
  log->segments_.publish();
  return log;
}

SealedLog::~SealedLog() {
  segments_.close_all();
}

core::Status SealedLog::retire(int64_t oldest_wall_us) {
  segments_.retire(
      {.oldest_wall_us = oldest_wall_us, .keep_from = UINT64_MAX, .synced_end = UINT64_MAX, .segments_kept = 0},
      SIZE_MAX);
  const core::BlockingStorage blocking{storage_};
  for (const LogSegments::GivenUp& file : segments_.take_given_up()) {
    for (const std::string& name : {file.name, index_file_name(file.first_sequence)}) {
      const core::Status removed = blocking.remove(path_in(directory_, name));
      if (!removed && removed.error().code != ENOENT) return removed;
    }
  }
  return {};
}

}  // namespace penstock::log
