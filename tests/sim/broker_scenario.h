// BrokerScenario: one seed's story of a broker and its clients, as its ScenarioPlan has it: a handful of lives that end
// by kill, power cut or clean stop, and a last one without trouble, in which everything that is owed has to come. With
// damage at rest, an epilogue: the broker must notice it or be right in spite of it, and never serve wrong bytes.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tests/sim/broker_client.h"
#include "tests/sim/broker_greedy_client.h"
#include "tests/sim/broker_life.h"
#include "tests/sim/broker_oracle.h"
#include "tests/sim/broker_scenario_plan.h"
#include "tests/sim/broker_stranger.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::sim {

struct ScenarioTally : OracleTally {
  uint64_t lives = 0, kills = 0, power_cuts = 0, clean_stops = 0, interrupted_starts = 0, interrupted_stops = 0,
           layouts_changed = 0, steps = 0, disk_faults = 0, disk_full = 0, clock_jumps = 0, damages = 0,
           damages_refused = 0, heap_grown_max = 0;
};

class BrokerScenario {
 public:
  BrokerScenario(uint64_t seed, const ScenarioLimits& limits, ScenarioTally& tally);
  void run();
  uint64_t trace_hash() const { return world_.trace_hash(); }
  void print_trace(std::ostream& out) const { world_.print_trace(out); }

 private:
  static constexpr uint16_t kPort = 1883;

  void tell_promises();
  bool has(Feature feature) const { return plan_.has(feature); }
  bool failed() const { return testing::Test::HasFailure(); }

  // broker_scenario.cc
  void life();
  bool draw_death();
  void stop_broker();
  void last_life();
  void end_life(bool power_cut);
  bool start_broker();
  void run_for(int64_t ns);
  bool all_settled() const;
  void settle_all();
  void check_retained();
  void check_nothing_is_left_open() const;
  void check_heap();
  uint64_t heap_bytes_max();
  std::string unsettled() const;
  bool chance(uint64_t numerator, uint64_t denominator) { return world_.random().chance(numerator, denominator); }

  // broker_scenario_trouble.cc
  void trouble_begins();
  void trouble_ends();
  void trouble_later();
  void befall();
  void damage_files();
  void run_on_damaged_files();

  SimWorld world_;
  SimStorage disk_;
  SimHub hub_;
  ScenarioPlan plan_;
  ScenarioTally& tally_;
  BrokerOracle oracle_;
  bool in_trouble_ = false;
  std::vector<std::unique_ptr<ModelledClient>> clients_;
  std::vector<std::unique_ptr<Stranger>> strangers_;
  std::unique_ptr<GreedyClient> greedy_;
  std::unique_ptr<BrokerLife> broker_;
  uint64_t heap_at_start_ = 0;  // of this life, with what was restored
  uint64_t heap_peak_ = 0;
  uint64_t answers_max_ = 0;  // that have waited at a time
  WorldOnFailure on_failure_;
};

}  // namespace penstock::sim
