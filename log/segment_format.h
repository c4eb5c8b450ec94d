// The segment: one file of a log. Its first 4,096 bytes are the header block; records follow, each on a multiple of 8,
// none reaching past the end of the file. What follows the last record means nothing: zeros in a new file, the records
// of an earlier life in a recycled one. So a record counts only where its sequence and epoch continue.
//
//      0        8         12       14      16            24                 32
//      +--------+---------+--------+-------+-------------+------------------+
//      | magic  | version | log id | flags | first       | begin: offset in |
//      |        |         |        |       | sequence    | the log of byte 0|
//   32 +--------+---------+----+---+-------+-------------+------------------+
//      | segment bytes         | epoch  40 | zero     44 | created, us   48 |
//   56 +-----------------------+-----------+-------------+------------------+
//      | time of the last record before, us| XXH3-64 of [0, 64)  64 |  72
//      +-----------------------------------+------------------------+
//
// The header stands twice in its block, at 0 and at 2,048, so that one bad sector does not take it. Little-endian.
// The block is written together with the first records of the segment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "log/position.h"

namespace penstock::log {

constexpr uint64_t kSegmentMagic = 0x4745534b54534e50;  // "PNSTKSEG"
constexpr uint32_t kSegmentVersion = 1;
constexpr uint64_t kSegmentHeaderBytes = 4096;
constexpr size_t kSegmentHeaderCopyAt = 2048;
constexpr uint16_t kSegmentRecycled = 0x0001;  // the file held an earlier segment

struct SegmentHeader {
  uint64_t magic = kSegmentMagic;
  uint32_t version = kSegmentVersion;
  uint16_t log = 0;
  uint16_t flags = 0;
  uint64_t first_sequence = 0;
  uint64_t begin = 0;
  uint64_t segment_bytes = 0;
  uint32_t epoch = 0;
  uint32_t zero = 0;
  int64_t created_us = 0;
  int64_t previous_wall_us = 0;  // so that the age of the segment before is known without reading it
  uint64_t checksum = 0;
  bool operator==(const SegmentHeader&) const = default;
};
static_assert(sizeof(SegmentHeader) == 72);
static_assert(offsetof(SegmentHeader, first_sequence) == 16);
static_assert(offsetof(SegmentHeader, segment_bytes) == 32);
static_assert(offsetof(SegmentHeader, epoch) == 40);
static_assert(offsetof(SegmentHeader, created_us) == 48);
static_assert(offsetof(SegmentHeader, checksum) == 64);

// Fills a whole header block at `to`; sets magic, version and checksum itself.
void encode_segment_header(SegmentHeader header, std::byte* to);

enum class HeaderState : uint8_t {
  kGood,
  kOneCopy,     // one of the two copies is damaged
  kEmpty,       // zeros: the segment was never used
  kDamaged,     // neither copy is right
  kNewVersion,  // written by a later version of this program
};

struct DecodedHeader {
  HeaderState state = HeaderState::kDamaged;
  SegmentHeader header;  // valid for kGood and kOneCopy
};

// Hostile-safe. `block` holds kSegmentHeaderBytes, or less where the file ends early.
DecodedHeader decode_segment_header(core::Bytes block);

}  // namespace penstock::log
