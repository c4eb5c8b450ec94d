// Segment: one file of the log while this process writes it or keeps it for readers. Owned by LogSegments (or, before
// its first record, by the SegmentMaker). One thread, the shard's; readers see it only through the published
// SegmentList.
#pragma once

#include <cstdint>
#include <string>

#include "core/storage.h"
#include "log/position.h"
#include "log/segment_format.h"
#include "log/segment_index.h"

namespace penstock::log {

struct Segment {
  uint64_t begin = 0;  // offsets in the log: [begin, end)
  uint64_t end = 0;
  uint64_t data_end = UINT64_MAX;  // where its records end, once nothing more is appended to it
  Sequence first_sequence;
  int64_t newest_wall_us = 0;  // of its last record, once it is full
  std::string name;            // of its file, within the log's directory
  bool recycled = false;
  core::FileId commit_file = core::kNoFile;    // for group commit; closed when the segment is full and synced
  core::FileId prewrite_file = core::kNoFile;  // for zeros; the same
  core::FileId read_file = core::kNoFile;
  SegmentIndex index;

  uint64_t bytes() const { return end - begin; }
  uint64_t first_record() const { return begin + kSegmentHeaderBytes; }
  bool full() const { return data_end != UINT64_MAX; }
  bool written_here() const { return commit_file != core::kNoFile; }
};

}  // namespace penstock::log
