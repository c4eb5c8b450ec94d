// Clock: the only place where time comes from. Real in production, set by the simulator in tests.
#pragma once

#include <cstdint>

namespace penstock::core {

class Clock {
 public:
  virtual ~Clock() = default;
  // Nanoseconds since an arbitrary start; never goes back. For timers and latencies.
  virtual int64_t monotonic_ns() = 0;
  // Microseconds since 1970 UTC; may jump either way. For records, retention, people.
  virtual int64_t wall_us() = 0;
};

// CLOCK_MONOTONIC and CLOCK_REALTIME. Thread-safe.
Clock& system_clock();

constexpr int64_t kNsPerUs = 1'000;
constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kUsPerSecond = 1'000'000;

}  // namespace penstock::core
