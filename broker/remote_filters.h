// RemoteFilters: which other shards hold a filter that matches a topic, as one bit per shard, so that routing asks
// nobody. One thread, the shard's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/mail.h"
#include "broker/paged_vector.h"
#include "broker/subscription_tree.h"
#include "protocol/topic_filter.h"
#include "protocol/topic_name.h"

namespace penstock::broker {

// Bit i: shard i.
using ShardSet = uint64_t;

class RemoteFilters {
 public:
  explicit RemoteFilters(uint64_t seed) : tree_(seed) {}

  void add(std::string_view filter, ShardIndex shard);
  void remove(std::string_view filter, ShardIndex shard);
  // Shards that hold a filter which matches.
  ShardSet match(protocol::TopicName name);
  bool empty() const { return tree_.size() == 0; }
  // Another one after each change of what match() gives.
  uint64_t version() const { return version_; }

 private:
  SubscriptionTree tree_;
  PagedVector<ShardSet> shards_;  // by FilterId::slot
  std::vector<FilterId> matches_;
  uint64_t version_ = 1;
};

}  // namespace penstock::broker
