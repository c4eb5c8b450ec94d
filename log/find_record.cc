// find_sequence and find_time of recovery.h: from the headers to the segment, from its sparse index to a place not far
// before the record, and from there record by record. Waits for the disk: tools and start-up only.
#include <optional>
#include <utility>
#include <vector>

#include "log/file_names.h"
#include "log/recovery.h"
#include "log/segment_catalog.h"
#include "log/segment_index.h"
#include "log/segment_scanner.h"

namespace penstock::log {
namespace {

// Missing or damaged: none, and the scan starts at the segment's first record.
SegmentIndex read_index(core::Storage& storage, const std::string& directory, Sequence first_sequence) {
  const core::BlockingStorage blocking{storage};
  const auto file = blocking.open(path_in(directory, index_file_name(first_sequence)), {});
  if (!file) return {};
  std::vector<std::byte> content(storage.size(*file).value_or(0));
  const auto read = blocking.read(*file, 0, content);
  storage.close(*file);
  if (!read || *read != content.size()) return {};
  return SegmentIndex::parse(content, first_sequence).value_or(SegmentIndex());
}

// The first record from `entry` on (or from the segment's start) for which `wanted` holds.
template <typename Wanted>
std::optional<LogOffset> scan(SegmentScanner& scanner, const std::optional<IndexEntry>& entry, const Wanted& wanted) {
  const FoundSegment& segment = scanner.segment();
  uint64_t offset = entry ? entry->offset : segment.first_record();
  const uint64_t sequence = entry ? entry->sequence : segment.header.first_sequence;
  if (offset < segment.first_record() || offset >= segment.end() || offset % kRecordAlignment != 0) return {};
  Expected expected{.sequence = Sequence(sequence), .epoch = segment.header.epoch, .loose = true};
  while (offset + sizeof(RecordHeader) <= segment.end()) {
    RecordView record;
    if (scanner.check(offset, record) != RecordCheck::kValid || !expected.accepts(record.header())) {
      const auto found = scanner.find(offset + kRecordAlignment, segment.end(), expected, offset);
      if (found.offset == 0) return {};
      offset = found.offset;
      expected = {.sequence = Sequence(found.header.sequence), .epoch = found.header.epoch};
      continue;
    }
    if (wanted(record.header())) return LogOffset(offset);
    offset += padded_record_bytes(record.header().bytes);
    expected = {.sequence = Sequence(record.header().sequence + 1), .epoch = record.header().epoch};
  }
  return {};
}

}  // namespace

core::Result<std::optional<LogOffset>> find_sequence(core::Storage& storage, const std::string& directory, LogId id,
                                                     Sequence sequence) {
  ASSIGN_OR_RETURN(const SegmentCatalog catalog, find_segments(storage, directory, id));
  const FoundSegment* segment = nullptr;
  for (const FoundSegment& candidate : catalog.segments) {
    if (candidate.header.first_sequence <= sequence.value()) segment = &candidate;
  }
  if (segment == nullptr) return std::nullopt;
  const SegmentIndex index = read_index(storage, directory, Sequence(segment->header.first_sequence));
  ASSIGN_OR_RETURN(SegmentScanner scanner, SegmentScanner::open(storage, directory, *segment));
  uint64_t at = 0;
  const auto reached = [&](const RecordHeader& header) {
    at = header.sequence;
    return header.sequence >= sequence.value();
  };
  auto found = scan(scanner, index.before_sequence(sequence), reached);
  if (found && at != sequence.value()) found.reset();  // it was lost; its neighbours are there
  return found;
}

core::Result<std::optional<LogOffset>> find_time(core::Storage& storage, const std::string& directory, LogId id,
                                                 int64_t wall_us) {
  ASSIGN_OR_RETURN(const SegmentCatalog catalog, find_segments(storage, directory, id));
  for (size_t i = 0; i < catalog.segments.size(); ++i) {
    const FoundSegment& segment = catalog.segments[i];
    const bool last = i + 1 == catalog.segments.size();
    if (!last && catalog.segments[i + 1].header.previous_wall_us < wall_us) continue;
    const SegmentIndex index = read_index(storage, directory, Sequence(segment.header.first_sequence));
    ASSIGN_OR_RETURN(SegmentScanner scanner, SegmentScanner::open(storage, directory, segment));
    const auto found = scan(scanner, index.before_time(wall_us),
                            [wall_us](const RecordHeader& header) { return header.wall_us >= wall_us; });
    if (found || last) return found;
  }
  return std::nullopt;
}

}  // namespace penstock::log
