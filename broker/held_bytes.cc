#include "broker/held_bytes.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/check.h"

namespace penstock::broker {

struct HeldBytes::Block {
  size_t capacity;
  size_t begin;
  size_t end;

  std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
  size_t used() const { return end - begin; }
};

core::Bytes HeldBytes::bytes() const {
  if (block_ == nullptr) return {};
  return {block_->bytes() + block_->begin, block_->used()};
}

// So that `bytes` more fit behind the end.
void HeldBytes::make_room(size_t bytes) {
  const size_t used = block_ == nullptr ? 0 : block_->used();
  const size_t capacity = block_ == nullptr ? 0 : block_->capacity;
  const bool moves_little = block_ != nullptr && block_->begin >= used;
  Block* to = block_;
  if (!moves_little || capacity - used < bytes) {
    const size_t wanted = std::max(used + bytes, 2 * capacity);
    to = new (::operator new(sizeof(Block) + wanted)) Block{.capacity = wanted, .begin = 0, .end = 0};
  }
  if (used > 0) std::memcpy(to->bytes(), block_->bytes() + block_->begin, used);  // they do not overlap
  if (to != block_) clear();
  to->begin = 0;
  to->end = used;
  block_ = to;
}

void HeldBytes::append(core::Bytes bytes) {
  if (bytes.empty()) return;
  if (block_ == nullptr || block_->capacity - block_->end < bytes.size()) make_room(bytes.size());
  std::memcpy(block_->bytes() + block_->end, bytes.data(), bytes.size());
  block_->end += bytes.size();
}

void HeldBytes::drop_front(size_t count) {
  if (count == 0) return;
  CHECK(block_ != nullptr);
  CHECK_LE(count, block_->used());
  block_->begin += count;
  if (block_->begin == block_->end) clear();
}

void HeldBytes::clear() {
  ::operator delete(std::exchange(block_, nullptr));
}

}  // namespace penstock::broker
