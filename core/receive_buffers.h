// ReceiveBuffers: a provided-buffer ring. The kernel takes a buffer only when bytes arrive, so an idle connection holds
// none. Belongs to the thread of its Ring.
#pragma once

#include <cstdint>
#include <memory>

#include "core/bytes.h"
#include "core/ring.h"

namespace penstock::core {

class ReceiveBuffers {
 public:
  struct Options {
    uint32_t count = 64;  // power of two, at most 32,768
    uint32_t buffer_bytes = 64u << 10;
  };
  static Result<std::unique_ptr<ReceiveBuffers>> create(Ring& ring, Options options);
  ~ReceiveBuffers();

  static constexpr uint16_t kGroup = 0;
  MutableBytes buffer(uint16_t id) { return {memory_ + size_t{id} * options_.buffer_bytes, options_.buffer_bytes}; }
  // Gives the buffer back to the kernel.
  void recycle(uint16_t id);

 private:
  explicit ReceiveBuffers(Ring& ring, Options options) : ring_(ring), options_(options) {}
  Ring& ring_;
  Options options_;
  io_uring_buf_ring* entries_ = nullptr;
  size_t entries_bytes_ = 0;
  std::byte* memory_ = nullptr;
  size_t memory_bytes_ = 0;
};

}  // namespace penstock::core
