// SeedRunner: runs many seeds of BrokerScenario in processes of their own, so that a CHECK that aborts, too, is a seed
// that fails; makes a failing seed's story smaller by taking things away from it; prints it. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/broker_scenario_plan.h"

namespace penstock::sim {

struct SeedRun {
  ScenarioLimits limits;
  uint64_t first = 1;
  uint64_t count = UINT64_MAX;
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max();
  size_t jobs = 1;
  size_t failures_max = 5;
};

struct SeedResults {
  uint64_t run = 0;  // seeds that came to their end, or failed
  std::vector<uint64_t> failed;
};

SeedResults run_seeds(const SeedRun& run);

// One story in a process of its own. What it printed, if it failed.
std::optional<std::string> failure_of(uint64_t seed, const ScenarioLimits& limits);

// Takes features, lives, shards and clients away, one after the other, as long as the story still fails.
ScenarioLimits shrink(uint64_t seed, ScenarioLimits limits);

// The flags of ./dev sim that say the same.
std::string flags_of(const ScenarioLimits& limits);

}  // namespace penstock::sim
