// SegmentIndex: the sparse index of one segment, an entry per 64 KiB of records: where is the record with this
// sequence, or the first one not older than a time? In memory while the segment is written; a side file once it is
// full. Derived data: a missing, damaged or partial index only makes the scan that follows longer, because the start of
// the segment is always a right answer.
//
// side file: { u64 checksum of [8, end); u64 magic; u32 version; u32 count; u64 first sequence; entries of 24 bytes:
//              u64 offset, u64 sequence, i64 wall time, us }
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "log/position.h"

namespace penstock::log {

struct IndexEntry {
  uint64_t offset;  // a LogOffset
  uint64_t sequence;
  int64_t wall_us;
  bool operator==(const IndexEntry&) const = default;
};
static_assert(sizeof(IndexEntry) == 24);

struct IndexFileHeader {
  uint64_t checksum;
  uint64_t magic;
  uint32_t version;
  uint32_t count;
  uint64_t first_sequence;
};
static_assert(sizeof(IndexFileHeader) == 32);

constexpr uint64_t kIndexMagic = 0x584449534b54534e;  // "NSTKSIDX"
constexpr uint32_t kIndexVersion = 1;
constexpr uint64_t kIndexStepBytes = 64u << 10;

class SegmentIndex {
 public:
  SegmentIndex() = default;
  // Reserves all that a segment of this size can need, so that add() does not allocate.
  explicit SegmentIndex(uint64_t segment_bytes) { entries_.reserve(segment_bytes / kIndexStepBytes + 1); }

  // Records before this offset need no entry: the caller compares before it calls add().
  uint64_t next_at() const { return next_at_; }
  void add(IndexEntry entry);

  // The last entry that does not lie behind the record looked for; none: start at the segment's first record.
  std::optional<IndexEntry> before_sequence(Sequence sequence) const;
  std::optional<IndexEntry> before_time(int64_t wall_us) const;

  const std::vector<IndexEntry>& entries() const { return entries_; }
  std::vector<std::byte> serialize(Sequence first_sequence) const;
  // Hostile-safe; none when damaged or of another segment.
  static std::optional<SegmentIndex> parse(core::Bytes file, Sequence first_sequence);

 private:
  std::vector<IndexEntry> entries_;
  uint64_t next_at_ = 0;
};

}  // namespace penstock::log
