// Mailbox: a bounded one-way queue from one shard to another (single producer, single consumer; a ring of slots with
// cached indices as in Lamport's and FastForward's queues). A full mailbox is the sender's business: it stops reading
// from the connections that would fill it.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "core/check.h"

namespace penstock::core {

template <typename Item>
class Mailbox {
 public:
  // `capacity`: power of two.
  explicit Mailbox(size_t capacity) : mask_(capacity - 1), slots_(std::make_unique<Item[]>(capacity)) {
    CHECK((capacity & mask_) == 0 && capacity > 0);
  }

  // Producer: how many more items fit for certain.
  size_t room() {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    if (mask_ + 1 - (tail - cached_head_) < kRefreshBelow) cached_head_ = head_.load(std::memory_order_acquire);
    return mask_ + 1 - (tail - cached_head_);
  }
  // Producer: false when full; the item is then untouched.
  bool push(Item&& item) {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - cached_head_ > mask_) {
      cached_head_ = head_.load(std::memory_order_acquire);
      if (tail - cached_head_ > mask_) return false;
    }
    slots_[tail & mask_] = std::move(item);
    tail_.store(tail + 1, std::memory_order_seq_cst);
    return true;
  }

  // Consumer: hands over at most `count_max` items; returns how many.
  template <typename Function>
  size_t drain(size_t count_max, Function&& consume) {
    const size_t head = head_.load(std::memory_order_relaxed);
    const size_t available = tail_.load(std::memory_order_acquire) - head;
    const size_t count = available < count_max ? available : count_max;
    for (size_t i = 0; i < count; ++i) {
      Item item = std::move(slots_[(head + i) & mask_]);
      head_.store(head + i + 1, std::memory_order_release);
      consume(std::move(item));
    }
    return count;
  }
  bool empty() const { return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_seq_cst); }

 private:
  static constexpr size_t kRefreshBelow = 64;
  const size_t mask_;
  std::unique_ptr<Item[]> slots_;
  alignas(64) std::atomic<size_t> head_{0};
  alignas(64) std::atomic<size_t> tail_{0};
  size_t cached_head_ = 0;  // producer's
};

}  // namespace penstock::core
