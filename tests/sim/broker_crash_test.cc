// Whole brokers that are killed and lose their power, under clients that lose their connections: every promise of
// docs/durability.md as a client sees it. Each seed draws its own mix of features, sizes and trouble.
#include <gtest/gtest.h>

#include <iostream>

#include "core/diagnostics.h"
#include "tests/sim/broker_scenario.h"

namespace penstock::sim {
namespace {

void report(const ScenarioTally& tally) {
  std::cout << tally.lives << " lives, " << tally.kills << " kills, " << tally.power_cuts << " power cuts, "
            << tally.clean_stops << " clean stops, " << tally.interrupted_starts << " interrupted starts, "
            << tally.interrupted_stops << " interrupted stops, " << tally.layouts_changed << " layouts drawn anew, "
            << tally.steps << " steps; " << tally.published << " messages, " << tally.acknowledged << " acknowledged, "
            << tally.owed << " owed, " << tally.delivered << " delivered, " << tally.repeated << " repeated ("
            << tally.repeated_unmarked << " without DUP), " << tally.qos2_delivered << " at QoS 2, " << tally.retained
            << " retained, " << tally.sessions_resumed << " sessions resumed\n";
}

class broker_crash : public testing::Test {
 protected:
  broker_crash() { core::set_log_level(core::LogLevel::kError); }
  ~broker_crash() override { report(tally_); }

  void run(uint64_t seeds, const ScenarioBounds& bounds) {
    for_each_seed(seeds, [&](uint64_t seed) { BrokerScenario(seed, bounds, tally_).run(); });
  }
  ScenarioTally tally_;
};

TEST_F(broker_crash, one_shard_keeps_its_promises) {
  run(80, {.shards_max = 1, .shards_change = false});
}

TEST_F(broker_crash, many_shards_keep_their_promises) {
  run(80, {.shards_max = 8, .shards_change = false});
}

TEST_F(broker_crash, shards_that_change_keep_their_promises) {
  run(80, {.shards_max = 8, .shards_change = true});
}

}  // namespace
}  // namespace penstock::sim
