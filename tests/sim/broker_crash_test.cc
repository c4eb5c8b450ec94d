// Whole brokers with everything that can befall them, under clients that behave badly: every promise of
// docs/durability.md as a client sees it. Each seed draws its own mix of features, sizes and trouble. These are the
// seeds that run with every build; ./dev sim (seed_runner_main.cc) runs new ones.
#include <gtest/gtest.h>

#include <iostream>

#include "core/diagnostics.h"
#include "tests/sim/broker_scenario.h"
#include "tests/sim/broker_tally.h"

namespace penstock::sim {
namespace {

class broker_crash : public testing::Test {
 protected:
  broker_crash() { core::set_log_level(core::LogLevel::kError); }
};

TEST_F(broker_crash, brokers_keep_their_promises) {
  ScenarioTally tally;
  for_each_seed(200, [&](uint64_t seed) { BrokerScenario(seed, {}, tally).run(); });
  std::cout << describe(tally) << "\n";
}

TEST_F(broker_crash, same_seed_is_the_same_story) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    uint64_t hashes[2];
    for (uint64_t& hash : hashes) {
      ScenarioTally tally;
      BrokerScenario scenario(seed, {}, tally);
      scenario.run();
      hash = scenario.trace_hash();
    }
    EXPECT_EQ(hashes[0], hashes[1]) << "seed " << seed;
  }
}

TEST_F(broker_crash, what_is_switched_off_changes_no_other_feature) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const ScenarioPlan whole = draw_plan(seed, {});
    ScenarioLimits limits{.clients_max = 1};
    limits.off.add(Feature::kCuts);
    ScenarioPlan less = draw_plan(seed, limits);
    EXPECT_EQ(less.clients.size(), 1u);
    EXPECT_FALSE(less.has(Feature::kCuts));
    if (whole.has(Feature::kCuts)) less.features.add(Feature::kCuts);
    EXPECT_EQ(less.features, whole.features) << "seed " << seed;
    EXPECT_EQ(less.clients[0].filters, whole.clients[0].filters) << "seed " << seed;
    EXPECT_EQ(less.life_ns_max, whole.life_ns_max) << "seed " << seed;
  }
}

}  // namespace
}  // namespace penstock::sim
