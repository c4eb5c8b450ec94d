// WaiterList: who wants to be told when one started read has ended. Told in the order of arrival, so that a simulated
// run repeats exactly; adding and forgetting one of many thousands stays cheap. One thread.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock::log {

template <typename Waiter>
class WaiterList {
 public:
  bool empty() const { return position_.empty(); }

  // A waiter that already waits is told once all the same.
  void add(Waiter& waiter) {
    if (position_.try_emplace(&waiter, order_.size()).second) order_.push_back(&waiter);
  }

  void remove(Waiter& waiter) {
    if (position_.empty()) return;
    const auto found = position_.find(&waiter);
    if (found == position_.end()) return;
    order_[found->second] = nullptr;
    position_.erase(found);
    if (order_.size() > 64 && order_.size() > 4 * position_.size()) compact();
  }

  // Takes over all waiters of `other`.
  void absorb(WaiterList& other) {
    for (Waiter* waiter : other.order_) {
      if (waiter != nullptr) add(*waiter);
    }
    other.clear();
  }

  // Takes out one after the other and tells it. `tell` may remove waiters of this list, but adds none to it: the caller
  // drains a list that it has moved out of reach of new waiters.
  template <typename Tell>
  void drain(Tell tell) {
    draining_ = true;
    for (size_t i = 0; i < order_.size(); ++i) {
      Waiter* const waiter = std::exchange(order_[i], nullptr);
      if (waiter == nullptr) continue;
      position_.erase(waiter);
      tell(*waiter);
    }
    draining_ = false;
    clear();
  }

 private:
  void clear() {
    order_.clear();
    position_.clear();
  }
  void compact() {
    if (draining_) return;  // drain() counts positions
    std::vector<Waiter*> kept;
    for (Waiter* waiter : order_) {
      if (waiter == nullptr) continue;
      position_[waiter] = kept.size();
      kept.push_back(waiter);
    }
    order_ = std::move(kept);
  }

  std::vector<Waiter*> order_;
  std::unordered_map<Waiter*, size_t> position_;
  bool draining_ = false;
};

}  // namespace penstock::log
