#include "broker/output_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "core/check.h"

namespace penstock::broker {
namespace {

constexpr uint32_t kPooledCapacity = OutputBlockPool::kBlockBytes - sizeof(OutputBlock);

}  // namespace

OutputBlockPool::~OutputBlockPool() {
  for (OutputBlock* block : free_) ::operator delete(block);
}

OutputBlock* OutputBlockPool::take(size_t bytes_min) {
  if (bytes_min <= kPooledCapacity && !free_.empty()) {
    OutputBlock* block = free_.back();
    free_.pop_back();
    return block;
  }
  const size_t capacity = std::max<size_t>(bytes_min, kPooledCapacity);
  auto* block = new (::operator new(sizeof(OutputBlock) + capacity)) OutputBlock();
  block->capacity = static_cast<uint32_t>(capacity);
  return block;
}

void OutputBlockPool::give_back(OutputBlock* block) {
  if (block->capacity != kPooledCapacity || free_.size() >= kFreeBlocksMax) {
    ::operator delete(block);
    return;
  }
  block->next = nullptr;
  block->used = 0;
  free_.push_back(block);
}

OutputBuffer::~OutputBuffer() {
  for (OutputBlock* block : {sending_, first_}) {
    while (block != nullptr) ::operator delete(std::exchange(block, block->next));
  }
}

void OutputBuffer::add_block(OutputBlockPool& pool, size_t bytes) {
  OutputBlock* block = pool.take(bytes);
  if (last_ == nullptr)
    first_ = block;
  else
    last_->next = block;
  last_ = block;
}

void OutputBuffer::append(OutputBlockPool& pool, core::Bytes bytes) {
  while (!bytes.empty()) {
    std::byte* place = reserve(pool, 1);
    const size_t part = std::min<size_t>(bytes.size(), last_->capacity - last_->used);
    std::memcpy(place, bytes.data(), part);
    commit(part);
    bytes = bytes.subspan(part);
  }
}

std::span<const iovec> OutputBuffer::begin_send(std::span<iovec> into) {
  CHECK(sending_ == nullptr && first_ != nullptr);
  sending_ = first_;
  size_t count = 0;
  OutputBlock* block = first_;
  OutputBlock* end = nullptr;
  while (block != nullptr && count < into.size() && count < kSendBlocksMax) {
    into[count++] = iovec{block->bytes(), block->used};
    waiting_bytes_ -= block->used;
    end = block;
    block = block->next;
  }
  end->next = nullptr;
  first_ = block;
  if (first_ == nullptr) last_ = nullptr;
  return into.first(count);
}

void OutputBuffer::end_send(OutputBlockPool& pool) {
  while (sending_ != nullptr) {
    OutputBlock* next = sending_->next;
    pool.give_back(sending_);
    sending_ = next;
  }
}

void OutputBuffer::clear(OutputBlockPool& pool) {
  end_send(pool);
  sending_ = first_;
  end_send(pool);
  first_ = last_ = nullptr;
  waiting_bytes_ = 0;
}

}  // namespace penstock::broker
