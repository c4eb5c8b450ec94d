#include "broker/match_cache.h"

#include <bit>
#include <cstring>

#include "core/check.h"
#include "protocol/topic_hash.h"

namespace penstock::broker {
namespace {

constexpr uint32_t kWays = 2;

uint8_t parent_of(std::string_view text) {
  const std::string_view parent = text.substr(0, text.find('/'));
  return static_cast<uint8_t>(XXH3_64bits(parent.data(), parent.size()));
}

}  // namespace

// Topic, then ids (aligned) one after the other: a short topic with a few filters is one or two cache lines.
struct alignas(64) MatchCache::Entry {
  static constexpr size_t kBytes = 240;

  uint64_t version = 0;  // 0: empty
  uint32_t topic_hash = 0;
  uint16_t topic_bytes = 0;
  uint8_t ids_count = 0;
  uint8_t parent = 0;
  char bytes[kBytes];

  static size_t ids_at(size_t topic_bytes) { return (topic_bytes + 7) & ~size_t{7}; }
  const FilterId* ids() const { return reinterpret_cast<const FilterId*>(bytes + ids_at(topic_bytes)); }
};

MatchCache::MatchCache(uint32_t entries) : entries_(new Entry[entries]), set_mask_(entries / kWays - 1) {
  static_assert(sizeof(Entry) == 256 && offsetof(Entry, bytes) % alignof(FilterId) == 0);
  CHECK(entries >= kWays && std::has_single_bit(entries));
}

MatchCache::~MatchCache() = default;

MatchCache::Entry* MatchCache::set_of(uint32_t topic_hash) const {
  return entries_.get() + size_t{topic_hash & set_mask_} * kWays;
}

std::optional<std::span<const FilterId>> MatchCache::find(protocol::TopicName name, uint32_t topic_hash) const {
  const Entry* set = set_of(topic_hash);
  for (uint32_t way = 0; way < kWays; ++way) {
    const Entry& entry = set[way];
    if (entry.topic_hash != topic_hash || entry.topic_bytes != name.size()) continue;
    if (entry.version == 0 || entry.version != version_of(entry.parent)) continue;
    if (std::memcmp(entry.bytes, name.text().data(), name.size()) != 0) continue;
    return std::span(entry.ids(), entry.ids_count);
  }
  return std::nullopt;
}

void MatchCache::store(protocol::TopicName name, uint32_t topic_hash, std::span<const FilterId> filters) {
  const size_t ids_at = Entry::ids_at(name.size());
  if (ids_at + filters.size_bytes() > Entry::kBytes) return;
  Entry& entry = set_of(topic_hash)[++turn_ % kWays];
  entry.topic_hash = topic_hash;
  entry.topic_bytes = static_cast<uint16_t>(name.size());
  entry.ids_count = static_cast<uint8_t>(filters.size());
  entry.parent = parent_of(name.text());
  entry.version = version_of(entry.parent);
  std::memcpy(entry.bytes, name.text().data(), name.size());
  if (!filters.empty()) std::memcpy(entry.bytes + ids_at, filters.data(), filters.size_bytes());
}

void MatchCache::invalidate(protocol::TopicFilter changed) {
  if (changed.starts_with_wildcard()) {
    ++version_;
  } else if (changed.has_wildcard()) {
    ++parent_versions_[parent_of(changed.text())];
  } else {
    const uint32_t topic_hash = protocol::topic_hash(protocol::TopicName::accepted(changed.text()));
    Entry* set = set_of(topic_hash);
    for (uint32_t way = 0; way < kWays; ++way) {
      if (set[way].topic_hash == topic_hash) set[way].version = 0;
    }
  }
}

}  // namespace penstock::broker
