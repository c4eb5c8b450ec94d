// What segment files lie in a log's directory, read from their names and headers. For start-up and tools: waits for the
// disk, writes nothing.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "core/storage.h"
#include "log/position.h"
#include "log/recovery.h"
#include "log/segment_format.h"

namespace penstock::log {

struct FoundSegment {
  std::string name;
  SegmentHeader header;  // as it is, or as it must have been when it is damaged
  bool header_lost = false;
  bool header_empty = false;    // lost, and zeros are in its place
  bool header_damaged = false;  // one copy, or both
  uint64_t file_bytes = 0;      // may be less than the header says: a file cut short

  uint64_t begin() const { return header.begin; }
  uint64_t end() const { return header.begin + header.segment_bytes; }
  uint64_t first_record() const { return header.begin + kSegmentHeaderBytes; }
};

struct SegmentCatalog {
  std::vector<FoundSegment> segments;  // by offset; holes are possible
  std::vector<Damage> damage;          // of headers
};

// Fails where the directory cannot be read, a later version wrote a segment, or a segment belongs to another log.
core::Result<SegmentCatalog> find_segments(core::Storage& storage, const std::string& directory, LogId id);

}  // namespace penstock::log
