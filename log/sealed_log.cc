#include "log/sealed_log.h"

#include "log/file_names.h"
#include "log/segment_catalog.h"

namespace penstock::log {

core::Result<std::unique_ptr<SharedLog>> open_sealed_log(core::Storage& storage, const std::string& directory,
                                                         LogId id) {
  ASSIGN_OR_RETURN(const SegmentCatalog catalog, find_segments(storage, directory, id));
  const core::BlockingStorage blocking{storage};
  auto list = std::make_shared<SegmentList>();
  uint64_t end = 0;
  for (const FoundSegment& found : catalog.segments) {
    ASSIGN_OR_RETURN(const core::FileId file, blocking.open(path_in(directory, found.name), {}));
    list->push_back(SegmentFile{.file = file,
                                .begin = LogOffset(found.begin()),
                                .end = LogOffset(found.end()),
                                .first_sequence = Sequence(found.header.first_sequence)});
    end = found.end();
  }
  auto shared = std::make_unique<SharedLog>();
  shared->id = id;
  shared->tail_begin = end;
  shared->appended_end = end;
  shared->durable_end = end;
  shared->segments.store(std::move(list));
  return shared;
}

}  // namespace penstock::log
