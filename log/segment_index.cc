#include "log/segment_index.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace penstock::log {

void SegmentIndex::add(IndexEntry entry) {
  entries_.push_back(entry);
  next_at_ = entry.offset + kIndexStepBytes;
}

std::optional<IndexEntry> SegmentIndex::before_sequence(Sequence sequence) const {
  const auto after = std::upper_bound(entries_.begin(), entries_.end(), sequence.value(),
                                      [](uint64_t value, const IndexEntry& entry) { return value < entry.sequence; });
  if (after == entries_.begin()) return {};
  return *(after - 1);
}

std::optional<IndexEntry> SegmentIndex::before_time(int64_t wall_us) const {
  // Several records may have the same time, and the first of them may lie before the entry that has it.
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), wall_us,
                                   [](const IndexEntry& entry, int64_t value) { return entry.wall_us < value; });
  if (at == entries_.begin()) return {};
  return *(at - 1);
}

std::vector<std::byte> SegmentIndex::serialize(Sequence first_sequence) const {
  const size_t entry_bytes = entries_.size() * sizeof(IndexEntry);
  std::vector<std::byte> file(sizeof(IndexFileHeader) + entry_bytes);
  IndexFileHeader header{.checksum = 0,
                         .magic = kIndexMagic,
                         .version = kIndexVersion,
                         .count = static_cast<uint32_t>(entries_.size()),
                         .first_sequence = first_sequence.value()};
  std::memcpy(file.data(), &header, sizeof header);
  if (entry_bytes != 0) std::memcpy(file.data() + sizeof header, entries_.data(), entry_bytes);
  header.checksum = XXH3_64bits(file.data() + sizeof header.checksum, file.size() - sizeof header.checksum);
  core::store_le(file.data(), header.checksum);
  return file;
}

std::optional<SegmentIndex> SegmentIndex::parse(core::Bytes file, Sequence first_sequence) {
  IndexFileHeader header;
  if (file.size() < sizeof header) return {};
  std::memcpy(&header, file.data(), sizeof header);
  if (header.magic != kIndexMagic || header.version != kIndexVersion) return {};
  if (header.first_sequence != first_sequence.value()) return {};
  const uint64_t bytes = sizeof header + uint64_t{header.count} * sizeof(IndexEntry);
  if (file.size() < bytes) return {};  // longer is fine: an older, longer index lay there before
  if (header.checksum != XXH3_64bits(file.data() + sizeof header.checksum, bytes - sizeof header.checksum)) return {};
  SegmentIndex index;
  index.entries_.resize(header.count);
  if (header.count != 0) std::memcpy(index.entries_.data(), file.data() + sizeof header, bytes - sizeof header);
  return index;
}

}  // namespace penstock::log
