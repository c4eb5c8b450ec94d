#include "tests/sim/broker_heap.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#include "core/check.h"

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

// A simulated broker that asks for too much ends here: nothing of it is written for that.
void* allocate(size_t bytes, std::align_val_t at_least) {
  const size_t alignment = std::max(static_cast<size_t>(at_least), size_t{__STDCPP_DEFAULT_NEW_ALIGNMENT__});
  CHECK_LT(bytes, SIZE_MAX / 2);
  const size_t whole = (bytes + 2 * alignment - 1) / alignment * alignment;
  auto* const begin = static_cast<std::byte*>(std::aligned_alloc(alignment, whole));
  CHECK(begin != nullptr);
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

// All forms: those of a sanitizer's runtime do not call each other.
using penstock::sim::allocate;
using penstock::sim::release;
using Alignment = std::align_val_t;
using NoThrow = const std::nothrow_t&;
constexpr auto kUsual = Alignment{__STDCPP_DEFAULT_NEW_ALIGNMENT__};

// clang-format off
void* operator new(size_t bytes) { return allocate(bytes, kUsual); }
void* operator new[](size_t bytes) { return allocate(bytes, kUsual); }
void* operator new(size_t bytes, Alignment alignment) { return allocate(bytes, alignment); }
void* operator new[](size_t bytes, Alignment alignment) { return allocate(bytes, alignment); }
void* operator new(size_t bytes, NoThrow) noexcept { return allocate(bytes, kUsual); }
void* operator new[](size_t bytes, NoThrow) noexcept { return allocate(bytes, kUsual); }
void* operator new(size_t bytes, Alignment alignment, NoThrow) noexcept { return allocate(bytes, alignment); }
void* operator new[](size_t bytes, Alignment alignment, NoThrow) noexcept { return allocate(bytes, alignment); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, size_t) noexcept { release(memory); }
void operator delete[](void* memory, size_t) noexcept { release(memory); }
void operator delete(void* memory, Alignment) noexcept { release(memory); }
void operator delete[](void* memory, Alignment) noexcept { release(memory); }
void operator delete(void* memory, size_t, Alignment) noexcept { release(memory); }
void operator delete[](void* memory, size_t, Alignment) noexcept { release(memory); }
void operator delete(void* memory, NoThrow) noexcept { release(memory); }
void operator delete[](void* memory, NoThrow) noexcept { release(memory); }
void operator delete(void* memory, Alignment, NoThrow) noexcept { release(memory); }
void operator delete[](void* memory, Alignment, NoThrow) noexcept { release(memory); }
