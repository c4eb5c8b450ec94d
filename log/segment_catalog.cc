#include "log/segment_catalog.h"

#include <algorithm>
#include <array>
#include <optional>

#include "log/file_names.h"

namespace penstock::log {
namespace {

struct ReadHeader {
  HeaderState state = HeaderState::kDamaged;
  SegmentHeader header;
  uint64_t file_bytes = 0;
};

core::Result<ReadHeader> read_header(core::Storage& storage, const std::string& path) {
  const core::BlockingStorage blocking{storage};
  ASSIGN_OR_RETURN(const core::FileId file, blocking.open(path, {}));
  std::array<std::byte, kSegmentHeaderBytes> block{};
  const auto bytes = storage.size(file);
  const auto read = blocking.read(file, 0, block);
  storage.close(file);
  if (!bytes) return std::unexpected(bytes.error());
  // A header that cannot be read is as good as a damaged one: the records may still be readable.
  const DecodedHeader decoded = read ? decode_segment_header(core::Bytes(block).first(*read)) : DecodedHeader{};
  return ReadHeader{decoded.state, decoded.header, *bytes};
}

// A header that is lost is known from the file's name, its size, and its neighbours.
bool reconstruct(SegmentCatalog& catalog, size_t at, Sequence first, LogId id) {
  FoundSegment& segment = catalog.segments[at];
  segment.header.log = id.value();
  segment.header.first_sequence = first.value();
  segment.header.segment_bytes = core::align_down(segment.file_bytes, kSegmentHeaderBytes);
  if (segment.header.segment_bytes <= kSegmentHeaderBytes) return false;
  // How old the segment before is, is not known any more: at most as old as the one after, and never expired if unsure.
  const bool has_next = at + 1 < catalog.segments.size() && !catalog.segments[at + 1].header_lost;
  segment.header.previous_wall_us = has_next ? catalog.segments[at + 1].header.previous_wall_us : INT64_MAX;
  if (at > 0) {
    segment.header.begin = catalog.segments[at - 1].end();
    segment.header.epoch = catalog.segments[at - 1].header.epoch;
    return true;
  }
  if (first == Sequence(1)) {
    segment.header.begin = 0;
    return true;
  }
  if (!has_next || catalog.segments[1].begin() < segment.header.segment_bytes) return false;
  segment.header.begin = catalog.segments[1].begin() - segment.header.segment_bytes;
  return true;
}

void settle_lost_headers(SegmentCatalog& catalog, const std::string& directory, LogId id) {
  for (size_t i = 0; i < catalog.segments.size(); ++i) {
    FoundSegment& segment = catalog.segments[i];
    if (!segment.header_lost) continue;
    const bool placed = reconstruct(catalog, i, *parse_segment_file_name(segment.name), id);
    // Policies other than sync name a segment before its first write is durable; the one before is whole by then.
    const bool torn_end = placed && segment.header_empty && i + 1 == catalog.segments.size();
    catalog.damage.push_back(
        {.file = path_in(directory, segment.name),
         .file_offset = 0,
         .what = placed ? "both copies of the segment header are damaged; its records are found by the file's name"
                        : "both copies of the segment header are damaged and the place of its records is unknown",
         .bytes_lost = placed ? 0 : segment.file_bytes,
         .torn_end = torn_end});
    if (!placed) catalog.segments.erase(catalog.segments.begin() + static_cast<ptrdiff_t>(i--));
  }
}

core::Status add_named(core::Storage& storage, const std::string& directory, LogId id, const std::string& name,
                       SegmentCatalog& catalog) {
  const std::string path = path_in(directory, name);
  ASSIGN_OR_RETURN(const ReadHeader read, read_header(storage, path));
  if (read.state == HeaderState::kNewVersion) {
    return core::failure(path + ": written by a later version of this program");
  }
  bool good = read.state == HeaderState::kGood || read.state == HeaderState::kOneCopy;
  if (good && read.header.log != id.value()) {
    return core::failure(path + ": belongs to log " + std::to_string(read.header.log));
  }
  // The name and the header say the same, or this is not the header of this segment (a recycled file, its block lost).
  good = good && parse_segment_file_name(name) == Sequence(read.header.first_sequence);
  catalog.segments.push_back({.name = name,
                              .header = good ? read.header : SegmentHeader{},
                              .header_lost = !good,
                              .header_empty = read.state == HeaderState::kEmpty,
                              .header_damaged = read.state != HeaderState::kGood,
                              .file_bytes = read.file_bytes});
  return {};
}

// next.segment belongs to the log once it holds the header that continues it.
core::Status add_next(core::Storage& storage, const std::string& directory, LogId id, SegmentCatalog& catalog) {
  ASSIGN_OR_RETURN(const ReadHeader read, read_header(storage, path_in(directory, kNextSegmentName)));
  if (read.state == HeaderState::kNewVersion) {
    return core::failure(path_in(directory, kNextSegmentName) + ": written by a later version of this program");
  }
  if (read.state != HeaderState::kGood && read.state != HeaderState::kOneCopy) return {};
  if (read.header.log != id.value()) return {};
  if (!catalog.segments.empty() && (read.header.begin != catalog.segments.back().end() ||
                                    read.header.first_sequence <= catalog.segments.back().header.first_sequence)) {
    return {};
  }
  catalog.segments.push_back({.name = std::string(kNextSegmentName),
                              .header = read.header,
                              .header_damaged = read.state != HeaderState::kGood,
                              .file_bytes = read.file_bytes});
  return {};
}

// In the last segment this may be the trace of a crash during its first write; opening the log repairs it there.
void report_half_headers(SegmentCatalog& catalog, const std::string& directory) {
  for (const FoundSegment& segment : catalog.segments) {
    if (segment.header_lost || !segment.header_damaged) continue;
    catalog.damage.push_back({.file = path_in(directory, segment.name),
                              .file_offset = 0,
                              .what = "one of the two copies of the segment header is damaged",
                              .torn_end = &segment == &catalog.segments.back()});
  }
}

}  // namespace

core::Result<SegmentCatalog> find_segments(core::Storage& storage, const std::string& directory, LogId id) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, storage.list(directory));
  SegmentCatalog catalog;
  for (const std::string& name : names) {  // sorted, and so by sequence
    if (parse_segment_file_name(name)) RETURN_IF_ERROR(add_named(storage, directory, id, name, catalog));
  }
  settle_lost_headers(catalog, directory, id);
  std::ranges::sort(catalog.segments, {}, &FoundSegment::begin);
  if (std::ranges::find(names, kNextSegmentName) != names.end()) {
    RETURN_IF_ERROR(add_next(storage, directory, id, catalog));
  }
  report_half_headers(catalog, directory);
  return catalog;
}

}  // namespace penstock::log
