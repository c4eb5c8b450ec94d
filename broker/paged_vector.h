// PagedVector: a growing array that never moves its elements. Growing allocates one page; there is no copy of
// everything that would stall a turn of the loop when a table of a million entries doubles. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace penstock::broker {

template <typename T, int kPageBits = 12>
class PagedVector {
 public:
  T& operator[](uint32_t index) { return pages_[index >> kPageBits][index & kPageMask]; }
  const T& operator[](uint32_t index) const { return pages_[index >> kPageBits][index & kPageMask]; }
  uint32_t size() const { return size_; }

  // Adds a default element and returns its index.
  uint32_t grow() {
    if ((size_ & kPageMask) == 0) pages_.push_back(std::make_unique<T[]>(kPageSize));
    return size_++;
  }

  size_t memory_bytes() const { return pages_.size() * kPageSize * sizeof(T) + pages_.capacity() * sizeof(pages_[0]); }

 private:
  static constexpr uint32_t kPageSize = 1u << kPageBits;
  static constexpr uint32_t kPageMask = kPageSize - 1;
  std::vector<std::unique_ptr<T[]>> pages_;
  uint32_t size_ = 0;
};

}  // namespace penstock::broker
