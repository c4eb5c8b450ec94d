// MirroredRing: memory that is mapped twice, back to back, so that any range of up to bytes() that starts inside the
// ring is contiguous, also where it wraps. One owner; other threads may read where the owner lets them. Pages cost
// memory only once they were written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/result.h"

namespace penstock::core {

class MirroredRing {
 public:
  // `bytes` is a power of two and a multiple of the page size.
  static Result<MirroredRing> create(uint64_t bytes);
  MirroredRing() = default;
  MirroredRing(MirroredRing&& other) noexcept;
  MirroredRing& operator=(MirroredRing&& other) noexcept;
  ~MirroredRing();

  std::byte* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t mask() const { return bytes_ - 1; }
  std::byte* at(uint64_t position) const { return data_ + (position & (bytes_ - 1)); }

 private:
  std::byte* data_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace penstock::core
