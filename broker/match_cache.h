// MatchCache: what SubscriptionTree::match() gave for the topics seen last. Bounded, all in one array; never allocates
// after construction. One thread, the shard's; lies beside the tree.
//
// The owner tells it of every filter that was inserted anew or erased. A filter without wildcard drops the topic that
// is spelt like it; one with a plain first level drops the topics with (a hash of) that first level; only one that
// begins with a wildcard drops everything. So a storm of subscribing clients leaves the hot topics of others alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "broker/filter_id.h"
#include "protocol/topic_filter.h"
#include "protocol/topic_name.h"

namespace penstock::broker {

class MatchCache {
 public:
  // `entries`: a power of two, at least 2; 256 bytes each, touched when used.
  explicit MatchCache(uint32_t entries = 4096);
  ~MatchCache();

  // `topic_hash` is protocol::topic_hash(name), which the caller has at hand. The ids live until the next call of
  // store() or invalidate(); an empty list says that nothing matches; nullopt that the tree must be asked.
  std::optional<std::span<const FilterId>> find(protocol::TopicName name, uint32_t topic_hash) const;
  // Topics and lists that are too long for an entry are not kept.
  void store(protocol::TopicName name, uint32_t topic_hash, std::span<const FilterId> filters);
  void invalidate(protocol::TopicFilter changed);

 private:
  struct Entry;
  static constexpr uint32_t kParents = 256;

  Entry* set_of(uint32_t topic_hash) const;
  uint64_t version_of(uint8_t parent) const { return version_ + parent_versions_[parent]; }

  std::unique_ptr<Entry[]> entries_;
  uint32_t set_mask_;
  uint32_t turn_ = 0;  // which of the two entries of a set the next store() overwrites
  uint64_t version_ = 1;
  std::array<uint64_t, kParents> parent_versions_{};
};

}  // namespace penstock::broker
