#include "core/clock.h"

#include <ctime>

namespace penstock::core {
namespace {

class SystemClock final : public Clock {
 public:
  int64_t monotonic_ns() override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * kNsPerSecond + now.tv_nsec;
  }
  int64_t wall_us() override {
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * kUsPerSecond + now.tv_nsec / kNsPerUs;
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

}  // namespace penstock::core
