// OutputBuffer: what one connection still has to send. Packets are encoded into pooled blocks; once per turn all filled
// blocks go to the kernel in one send, and the next packets fill new blocks meanwhile. An idle connection holds no
// block. One thread, the shard's.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/bytes.h"

namespace penstock::broker {

struct OutputBlock {
  OutputBlock* next = nullptr;
  uint32_t used = 0;
  uint32_t capacity = 0;

  std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
};

// Free blocks of one shard. Blocks for packets larger than a pooled one come from the heap and go back to it.
class OutputBlockPool {
 public:
  static constexpr uint32_t kBlockBytes = 16u << 10;  // with its header
  static constexpr size_t kFreeBlocksMax = 1024;      // kept for reuse

  OutputBlockPool() = default;
  OutputBlockPool(const OutputBlockPool&) = delete;
  ~OutputBlockPool();

  OutputBlock* take(size_t bytes_min);
  void give_back(OutputBlock* block);

 private:
  std::vector<OutputBlock*> free_;
};

class OutputBuffer {
 public:
  // Beyond this many unsent bytes no delivery is encoded any more: the session waits for its socket.
  static constexpr size_t kDeliveryBytesMax = 64u << 10;
  // Beyond this the connection is not read any more: its peer asks for answers and does not take them.
  static constexpr size_t kAnswerBytesMax = 256u << 10;
  static constexpr size_t kSendBlocksMax = 16;

  OutputBuffer() = default;
  // Of a connection that goes with its shard; otherwise clear() has given everything back.
  ~OutputBuffer();
  OutputBuffer(const OutputBuffer&) = delete;

  // `bytes` contiguous bytes to encode into, followed by commit(n <= bytes).
  std::byte* reserve(OutputBlockPool& pool, size_t bytes) {
    if (last_ == nullptr || last_->capacity - last_->used < bytes) add_block(pool, bytes);
    return last_->bytes() + last_->used;
  }
  void commit(size_t bytes) {
    last_->used += static_cast<uint32_t>(bytes);
    waiting_bytes_ += bytes;
  }

  // Bytes that are encoded already; they may be spread over blocks.
  void append(OutputBlockPool& pool, core::Bytes bytes);

  size_t waiting_bytes() const { return waiting_bytes_; }  // encoded, not yet given to the kernel
  bool sending() const { return sending_ != nullptr; }
  bool empty() const { return first_ == nullptr && sending_ == nullptr; }

  // Moves up to kSendBlocksMax blocks into the send that starts now. Requires !sending() and waiting_bytes() > 0.
  std::span<const iovec> begin_send(std::span<iovec> into);
  // The send ended: its blocks are free.
  void end_send(OutputBlockPool& pool);
  void clear(OutputBlockPool& pool);

 private:
  void add_block(OutputBlockPool& pool, size_t bytes);

  OutputBlock* first_ = nullptr;  // waiting
  OutputBlock* last_ = nullptr;
  OutputBlock* sending_ = nullptr;
  size_t waiting_bytes_ = 0;
};

}  // namespace penstock::broker
