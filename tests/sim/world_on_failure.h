// For tests on a SimWorld: seeds, and the trace when a test fails. PENSTOCK_SEED=n runs that seed alone,
// PENSTOCK_SEEDS=n so many instead of the usual number.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/sim/sim_world.h"

namespace penstock::sim {

// Member or local after the world: prints the trace at the end of its scope if something failed within it.
class WorldOnFailure {
 public:
  explicit WorldOnFailure(SimWorld& world) : world_(world), failed_before_(testing::Test::HasFailure()) {}
  ~WorldOnFailure() {
    if (testing::Test::HasFailure() && !failed_before_) world_.print_trace(std::cerr);
  }
  WorldOnFailure(const WorldOnFailure&) = delete;

 private:
  SimWorld& world_;
  bool failed_before_;
};

// Runs `body(seed)` for seeds 1..count, and stops at the first that fails.
template <typename Body>
void for_each_seed(uint64_t count, Body body) {
  if (const char* one = std::getenv("PENSTOCK_SEED")) {
    body(std::strtoull(one, nullptr, 10));
    return;
  }
  if (const char* many = std::getenv("PENSTOCK_SEEDS")) count = std::strtoull(many, nullptr, 10);
  for (uint64_t seed = 1; seed <= count; ++seed) {
    body(seed);
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "failed with PENSTOCK_SEED=" << seed;
      return;
    }
  }
}

}  // namespace penstock::sim
