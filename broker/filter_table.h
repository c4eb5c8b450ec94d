// FilterTable: the topic filters that sessions of this shard hold, each under the slot of its FilterId: who holds it,
// and its FilterQueue. That is made with the first message that matches, and goes when all has been taken and no more
// comes, so a filter that waits for messages costs little more than its text. One thread, the shard's.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "broker/filter_queue.h"
#include "broker/match_cache.h"
#include "broker/paged_vector.h"
#include "broker/subscription_tree.h"
#include "log/consume_queue.h"
#include "protocol/topic_filter.h"
#include "protocol/topic_name.h"

namespace penstock::broker {

class FilterTable {
 public:
  explicit FilterTable(uint64_t seed) : tree_(seed) {}

  std::optional<uint32_t> find(protocol::TopicFilter filter) const;
  // The slot of the filter, which is put in if it is not there yet.
  uint32_t obtain(protocol::TopicFilter filter, bool& is_new);
  // It has no subscribers any more.
  void remove(uint32_t slot);

  // Of a filter that is there. The text lives until it is removed.
  protocol::TopicFilter filter(uint32_t slot) const { return tree_.filter(tree_.id_of(slot)); }
  Subscribers& subscribers(uint32_t slot) { return filters_[slot].subscribers; }
  // Null: no message that its subscribers may still have to take.
  FilterQueue* queue(uint32_t slot) { return filters_[slot].queue.get(); }
  // Takes a queue out of a checkpoint; the filter has none yet.
  void adopt(uint32_t slot, std::unique_ptr<log::ConsumeQueue> entries);

  // The queues of all filters that match, made where there was none, for a message that comes now. Valid until the next
  // change of the table or the next call.
  const std::vector<FilterQueue*>& match(protocol::TopicName name, uint32_t topic_hash, log::QueueFile* file);
  // Looks at the next `slots` filters for queues that are not needed; `about_to_go(FilterQueue&)` is told of each. To
  // be called about once a second: a queue goes when nothing came between two looks at it.
  template <typename AboutToGo>
  void release_idle_queues(uint32_t slots, AboutToGo&& about_to_go) {
    for (uint32_t left = std::min(slots, filters_.size()); left > 0; --left) {
      if (idle_slot_ >= filters_.size()) idle_slot_ = 0;
      Filter& filter = filters_[idle_slot_++];
      if (filter.queue == nullptr || !filter.queue->is_idle()) continue;
      about_to_go(*filter.queue);
      release_queue(filter);
    }
  }

  size_t size() const { return tree_.size(); }
  // Another one after each change of what match() gives.
  uint64_t version() const { return version_; }
  // visit(protocol::TopicFilter)
  template <typename Visit>
  void for_each_filter(Visit&& visit) const {
    for (uint32_t slot = 0; slot < filters_.size(); ++slot)
      if (tree_.contains(tree_.id_of(slot))) visit(filter(slot));
  }
  // visit(FilterQueue&)
  template <typename Visit>
  void for_each_queue(Visit&& visit) {
    for (uint32_t slot = 0; slot < filters_.size(); ++slot)
      if (FilterQueue* const each = queue(slot)) visit(*each);
  }

 private:
  struct Filter {
    Subscribers subscribers;
    std::unique_ptr<FilterQueue> queue;
  };
  FilterQueue& obtain_queue(uint32_t slot, log::QueueFile* file);
  void release_queue(Filter& filter);

  SubscriptionTree tree_;
  MatchCache cache_;             // publishers repeat their topics, so most messages never reach the tree
  PagedVector<Filter> filters_;  // by slot
  std::vector<FilterId> matches_;
  std::vector<FilterQueue*> matched_queues_;
  uint64_t next_queue_id_ = 1;
  uint32_t idle_slot_ = 0;  // where release_idle_queues() goes on
  uint64_t version_ = 1;
};

}  // namespace penstock::broker
