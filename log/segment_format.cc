#include "log/segment_format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace penstock::log {
namespace {

HeaderState decode_copy(core::Bytes block, size_t at, SegmentHeader& header) {
  if (block.size() < at + sizeof header) return HeaderState::kDamaged;
  std::memcpy(&header, block.data() + at, sizeof header);
  if (header.magic != kSegmentMagic) return HeaderState::kDamaged;
  if (header.checksum != XXH3_64bits(block.data() + at, offsetof(SegmentHeader, checksum)))
    return HeaderState::kDamaged;
  if (header.version != kSegmentVersion) return HeaderState::kNewVersion;
  const bool possible = header.segment_bytes > kSegmentHeaderBytes && header.segment_bytes % kSegmentHeaderBytes == 0 &&
                        header.begin % kSegmentHeaderBytes == 0 && header.begin + header.segment_bytes > header.begin;
  return possible ? HeaderState::kGood : HeaderState::kDamaged;
}

}  // namespace

void encode_segment_header(SegmentHeader header, std::byte* to) {
  header.magic = kSegmentMagic;
  header.version = kSegmentVersion;
  header.checksum = XXH3_64bits(&header, offsetof(SegmentHeader, checksum));
  std::memset(to, 0, kSegmentHeaderBytes);
  std::memcpy(to, &header, sizeof header);
  std::memcpy(to + kSegmentHeaderCopyAt, &header, sizeof header);
}

DecodedHeader decode_segment_header(core::Bytes block) {
  SegmentHeader first;
  SegmentHeader second;
  const HeaderState first_state = decode_copy(block, 0, first);
  const HeaderState second_state = decode_copy(block, kSegmentHeaderCopyAt, second);
  if (first_state == HeaderState::kNewVersion || second_state == HeaderState::kNewVersion) {
    return {HeaderState::kNewVersion, {}};
  }
  if (first_state == HeaderState::kGood) {
    const bool both = second_state == HeaderState::kGood && first == second;
    return {both ? HeaderState::kGood : HeaderState::kOneCopy, first};
  }
  if (second_state == HeaderState::kGood) return {HeaderState::kOneCopy, second};
  const bool empty = std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
  return {empty ? HeaderState::kEmpty : HeaderState::kDamaged, {}};
}

}  // namespace penstock::log
