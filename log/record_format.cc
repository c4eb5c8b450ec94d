#include "log/record_format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "core/check.h"

namespace penstock::log {
namespace {

constexpr size_t kChecksumEnd = 16;  // the checksum covers what lies after it, and through its seed what lies before

uint64_t checksum_of(const std::byte* record, uint64_t bytes) {
  return XXH3_64bits_withSeed(record + kChecksumEnd, bytes - kChecksumEnd, core::load_le<uint64_t>(record));
}

// Names, topics and small payloads are a few words: two overlapping moves beat a call of memcpy.
template <typename Word>
std::byte* put_words(std::byte* to, const std::byte* from, size_t bytes) {
  Word first;
  Word last;
  std::memcpy(&first, from, sizeof first);
  std::memcpy(&last, from + bytes - sizeof last, sizeof last);
  std::memcpy(to, &first, sizeof first);
  std::memcpy(to + bytes - sizeof last, &last, sizeof last);
  return to + bytes;
}

[[gnu::always_inline]] inline std::byte* put(std::byte* to, const void* from_any, size_t bytes) {
  const std::byte* from = static_cast<const std::byte*>(from_any);
  if (bytes > 32) {
    std::memcpy(to, from, bytes);
    return to + bytes;
  }
  if (bytes >= 16) return put_words<unsigned __int128>(to, from, bytes);
  if (bytes >= 8) return put_words<uint64_t>(to, from, bytes);
  if (bytes >= 4) return put_words<uint32_t>(to, from, bytes);
  for (size_t i = 0; i < bytes; ++i) to[i] = from[i];
  return to + bytes;
}

bool all_zero(const std::byte* at, uint64_t bytes) {
  return std::all_of(at, at + bytes, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

void encode_record(const RecordParts& parts, Sequence sequence, Epoch epoch, int64_t wall_us, std::byte* to,
                   uint8_t log_flags) {
  const uint64_t bytes = record_bytes(parts);
  CHECK_LE(bytes, kRecordBytesMax);
  CHECK_LE(parts.publisher.size(), UINT16_MAX);  // cut off, it would be a record that no start can read
  // The header goes out in whole words, the way the checksum reads it back: narrower stores would stall those loads.
  static_assert(sizeof(RecordHeader) == 6 * sizeof(uint64_t));
  const uint64_t lengths = bytes | uint64_t{parts.type} << 32 | uint64_t{uint8_t(parts.flags | log_flags)} << 40 |
                           uint64_t{uint16_t(parts.publisher.size())} << 48;
  core::store_le(to, lengths);
  core::store_le(to + offsetof(RecordHeader, sequence), sequence.value());
  core::store_le(to + offsetof(RecordHeader, epoch), uint64_t{epoch} | uint64_t{parts.topic_hash} << 32);
  core::store_le(to + offsetof(RecordHeader, wall_us), wall_us);
  core::store_le(to + offsetof(RecordHeader, topic_bytes), uint64_t{uint16_t(parts.topic.size())} |
                                                               uint64_t{parts.packet_id} << 16 |
                                                               uint64_t{parts.properties.size()} << 32);
  // The padding is zeroed first, as a whole word: the copies below then overwrite what is not padding.
  core::store_le<uint64_t>(to + padded_record_bytes(bytes) - kRecordAlignment, 0);
  std::byte* at = put(to + sizeof(RecordHeader), parts.publisher.data(), parts.publisher.size());
  core::store_be16(at, static_cast<uint16_t>(parts.topic.size()));
  at = put(at + 2, parts.topic.data(), parts.topic.size());
  if (!parts.properties.empty()) at = put(at, parts.properties.data(), parts.properties.size());
  put(at, parts.payload.data(), parts.payload.size());
  const uint64_t checksum = XXH3_64bits_withSeed(to + kChecksumEnd, bytes - kChecksumEnd, lengths);
  core::store_le(to + offsetof(RecordHeader, checksum), checksum);
}

RecordCheck check_record(const std::byte* at, uint64_t available) {
  if (available < sizeof(RecordHeader)) return all_zero(at, available) ? RecordCheck::kEmpty : RecordCheck::kTruncated;
  RecordHeader header;
  std::memcpy(&header, at, sizeof header);
  if (header.bytes == 0) return all_zero(at, sizeof header) ? RecordCheck::kEmpty : RecordCheck::kCorrupt;
  // In 64 bits: four hostile lengths cannot wrap around.
  const uint64_t needed =
      sizeof header + uint64_t{header.publisher_bytes} + 2 + header.topic_bytes + uint64_t{header.properties_bytes};
  if (header.bytes < needed || header.bytes > kRecordBytesMax) return RecordCheck::kCorrupt;
  if (padded_record_bytes(header.bytes) > available) return RecordCheck::kTruncated;
  if (header.checksum != checksum_of(at, header.bytes)) return RecordCheck::kCorrupt;
  // A right checksum with a wrong inner length can only be forged; a delivery would run past the topic.
  if (core::load_be16(at + sizeof header + header.publisher_bytes) != header.topic_bytes) return RecordCheck::kCorrupt;
  return RecordCheck::kValid;
}

}  // namespace penstock::log
