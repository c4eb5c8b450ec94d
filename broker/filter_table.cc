#include "broker/filter_table.h"

#include <algorithm>

#include "core/check.h"

namespace penstock::broker {

using protocol::TopicFilter;

FilterQueue* FilterTable::find(TopicFilter filter) {
  const auto id = tree_.find(filter);
  return id.has_value() ? queues_[id->slot].get() : nullptr;
}

FilterQueue& FilterTable::place(FilterId id, std::unique_ptr<FilterQueue> queue) {
  ++version_;
  cache_.invalidate(tree_.filter(id));
  if (id.slot >= queues_.size()) {
    queues_.resize(tree_.slot_end());
    ids_.resize(tree_.slot_end());
  }
  queue->filter_slot = id.slot;
  ids_[id.slot] = id;
  queues_[id.slot] = std::move(queue);
  return *queues_[id.slot];
}

FilterQueue& FilterTable::obtain(TopicFilter filter, log::QueueFile* file, bool& is_new) {
  const auto inserted = tree_.insert(filter);
  is_new = inserted.is_new;
  if (!is_new) return *queues_[inserted.id.slot];
  return place(inserted.id, std::make_unique<FilterQueue>(std::string(filter.text()), next_queue_id_++, file));
}

FilterQueue& FilterTable::adopt(std::unique_ptr<FilterQueue> queue) {
  const auto inserted = tree_.insert(TopicFilter::accepted(queue->filter()));
  CHECK(inserted.is_new);
  next_queue_id_ = std::max(next_queue_id_, queue->entries().id() + 1);
  return place(inserted.id, std::move(queue));
}

void FilterTable::remove(FilterQueue& queue) {
  const uint32_t slot = queue.filter_slot;
  ++version_;
  cache_.invalidate(tree_.filter(ids_[slot]));
  tree_.erase(ids_[slot]);
  queues_[slot].reset();
}

const std::vector<FilterQueue*>& FilterTable::match(protocol::TopicName name, uint32_t topic_hash) {
  matched_queues_.clear();
  if (const auto known = cache_.find(name, topic_hash)) {
    for (const FilterId id : *known) matched_queues_.push_back(queues_[id.slot].get());
    return matched_queues_;
  }
  tree_.match(name, matches_);
  cache_.store(name, topic_hash, matches_);
  for (const FilterId id : matches_) matched_queues_.push_back(queues_[id.slot].get());
  return matched_queues_;
}

}  // namespace penstock::broker
