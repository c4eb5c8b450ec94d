// RateSchedule: an open-loop timetable. The n-th message is due at a time that depends on nothing but n, so a broker
// that stalls does not slow the schedule down and hide its own waiting (coordinated omission). A value; thread-safe.
#pragma once

#include <cstdint>

namespace penstock::bench {

class RateSchedule {
 public:
  RateSchedule() = default;
  // `per_second` messages a second, the first one at `start_ns`. per_second > 0.
  RateSchedule(int64_t start_ns, double per_second) : start_ns_(start_ns), interval_ns_(1e9 / per_second) {}

  int64_t start_ns() const { return start_ns_; }

  // When message `index` (from 0) is meant to be sent.
  int64_t intended_ns(uint64_t index) const {
    return start_ns_ + static_cast<int64_t>(interval_ns_ * static_cast<double>(index));
  }

  // How many messages are due at `now_ns`: every index with intended_ns(index) <= now_ns.
  uint64_t due(int64_t now_ns) const {
    if (now_ns < start_ns_) return 0;
    // The division may be off by one in the last place; the timetable itself decides.
    uint64_t count = static_cast<uint64_t>(static_cast<double>(now_ns - start_ns_) / interval_ns_) + 1;
    while (intended_ns(count) <= now_ns) ++count;
    while (count > 0 && intended_ns(count - 1) > now_ns) --count;
    return count;
  }

 private:
  int64_t start_ns_ = 0;
  double interval_ns_ = 1e9;
};

}  // namespace penstock::bench
