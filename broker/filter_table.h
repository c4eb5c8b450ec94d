// FilterTable: the topic filters that sessions of this shard hold, each with its FilterQueue. One thread, the shard's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/filter_queue.h"
#include "broker/match_cache.h"
#include "broker/subscription_tree.h"
#include "log/consume_queue.h"
#include "protocol/topic_filter.h"
#include "protocol/topic_name.h"

namespace penstock::broker {

class FilterTable {
 public:
  explicit FilterTable(uint64_t seed) : tree_(seed) {}

  FilterQueue* find(protocol::TopicFilter filter);
  // The queue of the filter, made if there is none yet.
  FilterQueue& obtain(protocol::TopicFilter filter, log::QueueFile* file, bool& is_new);
  // Takes a queue out of a checkpoint; its filter is not there yet.
  FilterQueue& adopt(std::unique_ptr<FilterQueue> queue);
  // The queue has no subscribers any more.
  void remove(FilterQueue& queue);

  // The queues of all filters that match, valid until the next change of the table or the next call.
  const std::vector<FilterQueue*>& match(protocol::TopicName name, uint32_t topic_hash);

  size_t size() const { return tree_.size(); }
  // Another one after each change of what match() gives.
  uint64_t version() const { return version_; }
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (auto& queue : queues_)
      if (queue != nullptr) visit(*queue);
  }

 private:
  FilterQueue& place(FilterId id, std::unique_ptr<FilterQueue> queue);

  SubscriptionTree tree_;
  MatchCache cache_;  // publishers repeat their topics, so most messages never reach the tree
  std::vector<std::unique_ptr<FilterQueue>> queues_;  // by FilterId::slot
  std::vector<FilterId> ids_;                         // by FilterId::slot
  std::vector<FilterId> matches_;
  std::vector<FilterQueue*> matched_queues_;
  uint64_t next_queue_id_ = 1;
  uint64_t version_ = 1;
};

}  // namespace penstock::broker
