// HeldBytes: bytes of one connection that cannot be handled yet, in one piece, because a packet is decoded where it
// lies: the begin of a packet, or whole packets while the connection has to wait. Eight bytes while nothing is held.
//
// What is held is bounded by what the kernel had handed over when receiving was paused, and by the largest packet.
// Taking from the front moves nothing, and appending moves each byte a bounded number of times: a publisher that is
// faster than the disk is stopped and resumed hundreds of times a second, with megabytes held each time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/bytes.h"

namespace penstock::broker {

class HeldBytes {
 public:
  HeldBytes() = default;
  HeldBytes(HeldBytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  HeldBytes& operator=(HeldBytes&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~HeldBytes() { clear(); }

  bool empty() const { return block_ == nullptr; }
  // Valid until the next append() or drop_front().
  core::Bytes bytes() const;
  void append(core::Bytes bytes);
  // 0 <= count <= bytes().size(). With the last byte the memory is given back.
  void drop_front(size_t count);
  void clear();

 private:
  struct Block;

  void make_room(size_t bytes);

  Block* block_ = nullptr;
};

}  // namespace penstock::broker
