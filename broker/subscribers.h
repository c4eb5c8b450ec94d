// Subscribers: the subscriptions to one topic filter, those of connected sessions first. Most filters of a large
// population have one: it stands in these eight bytes; only more of them make a list. One thread, the shard's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "broker/subscription.h"

namespace penstock::broker {

class Subscribers {
 public:
  Subscribers() = default;
  Subscribers(const Subscribers&) = delete;
  Subscribers& operator=(const Subscribers&) = delete;
  ~Subscribers();

  // Keeps a pointer to the subscription, and its place in it.
  void add(Subscription& subscription, bool online);
  void remove(Subscription& subscription);
  void set_online(Subscription& subscription, bool online);

  // Valid until the next change.
  std::span<Subscription* const> all() const {
    if (is_list()) [[unlikely]]
      return list().subscriptions;
    return {&only_, only_ == nullptr ? 0u : 1u};
  }
  std::span<Subscription* const> online() const {
    if (is_list()) [[unlikely]]
      return std::span(list().subscriptions).first(list().online_count);
    return {&only_, only_ == nullptr || !only_->online ? 0u : 1u};
  }
  bool empty() const { return only_ == nullptr; }

 private:
  struct List {
    std::vector<Subscription*> subscriptions;
    uint32_t online_count = 0;

    void exchange(uint32_t a, uint32_t b);
  };
  static constexpr uintptr_t kListBit = 1;

  bool is_list() const { return (reinterpret_cast<uintptr_t>(only_) & kListBit) != 0; }
  List& list() const { return *reinterpret_cast<List*>(reinterpret_cast<uintptr_t>(only_) & ~kListBit); }

  Subscription* only_ = nullptr;  // with kListBit: a List of two or more
};
static_assert(sizeof(Subscribers) == 8);

}  // namespace penstock::broker
