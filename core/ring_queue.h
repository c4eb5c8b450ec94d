// RingQueue: first in, first out, in one array that doubles when it is full and never shrinks. For queues on the way of
// every message: a deque allocates and frees a block every few elements. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "core/check.h"

namespace penstock::core {

template <typename T>
class RingQueue {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // Counted from the oldest. References live until the next push.
  T& operator[](size_t index) { return items_[(head_ + index) & mask_]; }
  const T& operator[](size_t index) const { return items_[(head_ + index) & mask_]; }
  T& front() { return items_[head_]; }
  const T& front() const { return items_[head_]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  T& push_back(const T& item) {
    if (size_ == capacity()) [[unlikely]]
      grow(item);
    else
      (*this)[size_] = item;
    return (*this)[size_++];
  }
  void pop_front() {
    CHECK(size_ > 0);
    head_ = (head_ + 1) & mask_;
    --size_;
  }

 private:
  static constexpr uint32_t kFirstCapacity = 8;

  uint32_t capacity() const { return items_ == nullptr ? 0 : mask_ + 1; }
  // Makes room, with `item`, which may lie in the old array, behind the others.
  void grow(const T& item) {
    const uint32_t wanted = items_ == nullptr ? kFirstCapacity : capacity() * 2;
    CHECK(wanted != 0);
    auto larger = std::make_unique_for_overwrite<T[]>(wanted);
    for (uint32_t i = 0; i < size_; ++i) larger[i] = (*this)[i];
    larger[size_] = item;
    items_ = std::move(larger);
    head_ = 0;
    mask_ = wanted - 1;
  }

  std::unique_ptr<T[]> items_;
  uint32_t head_ = 0;
  uint32_t size_ = 0;
  uint32_t mask_ = 0;
};

}  // namespace penstock::core
