// How much of the heap simulated brokers hold. This library replaces operator new and delete: what is allocated while
// the innermost HeapScope says kBroker counts as theirs until it is freed, whoever frees it. One thread; memory that is
// mapped is not in it.
#pragma once

#include <cstdint>
#include <utility>

namespace penstock::sim {

enum class HeapOwner : uint8_t { kWorld, kBroker };

class HeapScope {
 public:
  explicit HeapScope(HeapOwner owner);
  ~HeapScope();
  HeapScope(const HeapScope&) = delete;

 private:
  HeapOwner before_;
};

// Around everything that enters a broker.
template <typename Function>
decltype(auto) in_broker(Function&& function) {
  const HeapScope scope(HeapOwner::kBroker);
  return std::forward<Function>(function)();
}
// Around what a broker calls of the world.
template <typename Function>
decltype(auto) in_world(Function&& function) {
  const HeapScope scope(HeapOwner::kWorld);
  return std::forward<Function>(function)();
}

// Bytes as they were asked for.
uint64_t broker_heap_bytes();

}  // namespace penstock::sim
