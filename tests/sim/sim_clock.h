// SimClock: the time of a simulated world. Only the world moves it; tests make the wall clock jump and drift, as an
// operator or a bad NTP server does. The monotonic side never goes back.
#pragma once

#include <cstdint>

#include "core/clock.h"

namespace penstock::sim {

class SimClock final : public core::Clock {
 public:
  static constexpr int64_t kStartWallUs = 1'700'000'000'000'000;  // a day in November 2023

  int64_t monotonic_ns() override { return now_ns_; }
  int64_t wall_us() override {
    return wall_base_us_ + elapsed_ns() / core::kNsPerUs + elapsed_ns() / 1'000'000 * drift_ppm_ / core::kNsPerUs;
  }

  // Never back.
  void advance_to(int64_t monotonic_ns) {
    if (monotonic_ns > now_ns_) now_ns_ = monotonic_ns;
  }
  // Either way.
  void jump_wall(int64_t by_us) { wall_base_us_ += by_us; }
  // From now on the wall clock gains (or loses) this many microseconds per second.
  void set_drift(int64_t ppm) {
    wall_base_us_ = wall_us();
    drift_since_ns_ = now_ns_;
    drift_ppm_ = ppm;
  }

 private:
  int64_t elapsed_ns() const { return now_ns_ - drift_since_ns_; }

  int64_t now_ns_ = core::kNsPerSecond;
  int64_t wall_base_us_ = kStartWallUs;
  int64_t drift_since_ns_ = core::kNsPerSecond;
  int64_t drift_ppm_ = 0;
};

}  // namespace penstock::sim
