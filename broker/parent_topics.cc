#include "broker/parent_topics.h"

namespace penstock::broker {

// Linear: the registry is short by design, and routes remember what they found.
ParentTopics::Parent& ParentTopics::obtain(std::string_view name, log::QueueFile* file) {
  Parent* others = nullptr;
  for (auto& parent : parents_) {
    if (parent->shared)
      others = parent.get();
    else if (parent->name == name)
      return *parent;
  }
  const bool shared = parents_.size() >= count_max_;
  if (shared && others != nullptr) return *others;
  auto entries = std::make_unique<log::ConsumeQueue>(kQueueIdBit | parents_.size(), file);
  parents_.push_back(
      std::make_unique<Parent>(Parent{shared ? std::string() : std::string(name), shared, std::move(entries), {}}));
  return *parents_.back();
}

}  // namespace penstock::broker
