#include "log/stale_records.h"

#include <algorithm>
#include <array>

#include "log/file_names.h"
#include "log/segment_catalog.h"
#include "log/segment_scanner.h"

namespace penstock::log {
namespace {

// An epoch begins with a record that is synced before any other: a hole behind that is of this epoch or a later one.
std::vector<uint64_t> find_stale(SegmentScanner& scanner, uint64_t begin, uint64_t end, Epoch epoch) {
  const FoundSegment& segment = scanner.segment();
  // Of this segment, of any time.
  const Expected earlier{.sequence = Sequence(segment.header.first_sequence - 1), .epoch = segment.header.epoch};
  std::vector<uint64_t> offsets;
  while (begin < end) {
    const SegmentScanner::Found found = scanner.find(begin, end, earlier, segment.begin());
    if (found.offset == 0) break;
    if (found.header.epoch < epoch) offsets.push_back(found.offset);
    begin = found.end;
  }
  return offsets;
}

core::Status unmake_in(core::Storage& storage, const std::string& directory, const FoundSegment& segment,
                       const Hole& hole) {
  const uint64_t begin = std::max(hole.begin.value(), segment.first_record());
  const uint64_t end = std::min(hole.end.value(), segment.end());
  if (begin >= end) return {};
  ASSIGN_OR_RETURN(SegmentScanner scanner, SegmentScanner::open(storage, directory, segment));
  const std::vector<uint64_t> offsets = find_stale(scanner, begin, end, hole.epoch);
  if (offsets.empty()) return {};
  const core::BlockingStorage blocking{storage};
  ASSIGN_OR_RETURN(const core::FileId file, blocking.open(path_in(directory, segment.name), {.write = true}));
  constexpr std::array<std::byte, sizeof(uint64_t)> kNoLength{};
  core::Status status;
  for (const uint64_t offset : offsets)
    if (status.has_value()) status = blocking.write(file, offset - segment.begin(), kNoLength);
  if (status.has_value()) status = blocking.sync(file);
  storage.close(file);
  return status;
}

}  // namespace

core::Status unmake_stale_records(core::Storage& storage, const std::string& directory, LogId id,
                                  const std::vector<Hole>& holes) {
  if (holes.empty()) return {};
  ASSIGN_OR_RETURN(const SegmentCatalog catalog, find_segments(storage, directory, id));
  for (const Hole& hole : holes)
    for (const FoundSegment& segment : catalog.segments) RETURN_IF_ERROR(unmake_in(storage, directory, segment, hole));
  return {};
}

}  // namespace penstock::log
