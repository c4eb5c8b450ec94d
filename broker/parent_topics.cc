#include "broker/parent_topics.h"

namespace penstock::broker {

ParentTopics::Parent& ParentTopics::obtain(std::string_view name, log::QueueFile* file) {
  if (const auto known = by_name_.find(name); known != by_name_.end()) return *known->second;
  const bool shared = parents_.size() >= count_max_;
  if (shared && shared_ != nullptr) return *shared_;
  auto entries = std::make_unique<log::ConsumeQueue>(kQueueIdBit | parents_.size(), file);
  return adopt({shared ? std::string() : std::string(name), shared, std::move(entries), {}});
}

ParentTopics::Parent& ParentTopics::adopt(Parent parent) {
  Parent& kept = *parents_.emplace_back(std::make_unique<Parent>(std::move(parent)));
  if (kept.shared)
    shared_ = &kept;
  else
    by_name_.emplace(kept.name, &kept);
  return kept;
}

}  // namespace penstock::broker
