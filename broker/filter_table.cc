#include "broker/filter_table.h"

#include <algorithm>

#include "core/check.h"

namespace penstock::broker {

using protocol::TopicFilter;

std::optional<uint32_t> FilterTable::find(TopicFilter filter) const {
  const auto id = tree_.find(filter);
  return id.has_value() ? std::optional(id->slot) : std::nullopt;
}

uint32_t FilterTable::obtain(TopicFilter filter, bool& is_new) {
  const auto inserted = tree_.insert(filter);
  is_new = inserted.is_new;
  if (is_new) {
    ++version_;
    cache_.invalidate(filter);
    while (filters_.size() < tree_.slot_end()) filters_.grow();
  }
  return inserted.id.slot;
}

void FilterTable::remove(uint32_t slot) {
  CHECK(subscribers(slot).empty());
  ++version_;
  cache_.invalidate(filter(slot));
  tree_.erase(tree_.id_of(slot));
  filters_[slot].queue.reset();
}

void FilterTable::adopt(uint32_t slot, std::unique_ptr<log::ConsumeQueue> entries) {
  CHECK(queue(slot) == nullptr);
  next_queue_id_ = std::max(next_queue_id_, entries->id() + 1);
  filters_[slot].queue = std::make_unique<FilterQueue>(subscribers(slot), slot, std::move(entries));
}

FilterQueue& FilterTable::obtain_queue(uint32_t slot, log::QueueFile* file) {
  if (queue(slot) == nullptr) adopt(slot, std::make_unique<log::ConsumeQueue>(next_queue_id_, file));
  return *queue(slot);
}

const std::vector<FilterQueue*>& FilterTable::match(protocol::TopicName name, uint32_t topic_hash,
                                                    log::QueueFile* file) {
  matched_queues_.clear();
  if (const auto known = cache_.find(name, topic_hash)) {
    for (const FilterId id : *known) matched_queues_.push_back(&obtain_queue(id.slot, file));
    return matched_queues_;
  }
  tree_.match(name, matches_);
  cache_.store(name, topic_hash, matches_);
  for (const FilterId id : matches_) matched_queues_.push_back(&obtain_queue(id.slot, file));
  return matched_queues_;
}

// The next one begins at 0 again.
void FilterTable::release_queue(Filter& filter) {
  for (Subscription* subscription : filter.subscribers.all()) subscription->cursor = log::QueueIndex(0);
  filter.queue.reset();
  ++version_;
}

}  // namespace penstock::broker
