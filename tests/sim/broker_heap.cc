#include "tests/sim/broker_heap.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace penstock::sim {
namespace {

// In front of what its owner sees.
struct Header {
  size_t bytes;
  uint32_t offset;  // from where the memory begins
  HeapOwner owner;
};
static_assert(sizeof(Header) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

constinit HeapOwner current_owner = HeapOwner::kWorld;
constinit uint64_t broker_bytes = 0;

void* allocate(size_t bytes, size_t alignment) {
  alignment = std::max<size_t>(alignment, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  if (bytes > SIZE_MAX - 2 * alignment) throw std::bad_alloc();
  const size_t whole = (bytes + 2 * alignment - 1) / alignment * alignment;
  auto* const begin = static_cast<std::byte*>(std::aligned_alloc(alignment, whole));
  if (begin == nullptr) throw std::bad_alloc();
  std::byte* const memory = begin + alignment;
  new (memory - sizeof(Header)) Header{bytes, static_cast<uint32_t>(alignment), current_owner};
  if (current_owner == HeapOwner::kBroker) broker_bytes += bytes;
  return memory;
}

void release(void* memory) {
  if (memory == nullptr) return;
  auto* const bytes = static_cast<std::byte*>(memory);
  const auto* const header = reinterpret_cast<const Header*>(bytes - sizeof(Header));
  if (header->owner == HeapOwner::kBroker) broker_bytes -= header->bytes;
  std::free(bytes - header->offset);
}

}  // namespace

HeapScope::HeapScope(HeapOwner owner) : before_(std::exchange(current_owner, owner)) {}
HeapScope::~HeapScope() {
  current_owner = before_;
}

uint64_t broker_heap_bytes() {
  return broker_bytes;
}

}  // namespace penstock::sim

// The other forms of the standard library call these.
void* operator new(size_t bytes) {
  return penstock::sim::allocate(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  return penstock::sim::allocate(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  penstock::sim::release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  penstock::sim::release(memory);
}
void operator delete(void* memory, size_t) noexcept {
  penstock::sim::release(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  penstock::sim::release(memory);
}
