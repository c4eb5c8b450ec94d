#include "broker/remote_filters.h"

namespace penstock::broker {

using protocol::TopicFilter;

void RemoteFilters::add(std::string_view filter, ShardIndex shard) {
  ++version_;
  const auto inserted = tree_.insert(TopicFilter::accepted(filter));
  while (shards_.size() < tree_.slot_end()) shards_.grow();
  if (inserted.is_new) shards_[inserted.id.slot] = 0;
  shards_[inserted.id.slot] |= ShardSet{1} << shard;
}

void RemoteFilters::remove(std::string_view filter, ShardIndex shard) {
  const auto id = tree_.find(TopicFilter::accepted(filter));
  if (!id.has_value()) return;
  ++version_;
  shards_[id->slot] &= ~(ShardSet{1} << shard);
  if (shards_[id->slot] == 0) tree_.erase(*id);
}

ShardSet RemoteFilters::match(protocol::TopicName name) {
  if (tree_.size() == 0) return 0;
  tree_.match(name, matches_);
  ShardSet set = 0;
  for (const FilterId id : matches_) set |= shards_[id.slot];
  return set;
}

}  // namespace penstock::broker
