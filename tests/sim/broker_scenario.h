// BrokerScenario: one seed's story of a broker and its clients: a mix of features, sizes and rates of trouble, a
// handful of lives that end by kill, power cut or clean stop, and a last one without trouble, in which everything that
// is owed has to come.
#pragma once

#include <memory>
#include <vector>

#include "tests/sim/broker_client.h"
#include "tests/sim/broker_life.h"
#include "tests/sim/broker_oracle.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::sim {

// What a family of seeds has in common.
struct ScenarioBounds {
  broker::ShardIndex shards_max = 8;
  bool shards_change = true;
  uint8_t qos_max = 2;
};

struct ScenarioTally : OracleTally {
  uint64_t lives = 0, kills = 0, power_cuts = 0, clean_stops = 0, interrupted_starts = 0, interrupted_stops = 0,
           layouts_changed = 0, steps = 0;
};

class BrokerScenario {
 public:
  BrokerScenario(uint64_t seed, const ScenarioBounds& bounds, ScenarioTally& tally);
  void run();
  uint64_t trace_hash() const { return world_.trace_hash(); }

 private:
  static constexpr uint16_t kPort = 1883;

  void draw_broker();
  void draw_clients();
  ClientPlan draw_publisher(size_t number);
  ClientPlan draw_subscriber(size_t number);
  void draw_trouble(ClientPlan& plan);
  uint64_t rarely(uint64_t bound) { return world_.random().chance(1, 2) ? 0 : world_.random().below(bound); }

  void life();
  void last_life();
  void end_life(bool power_cut);
  bool start_broker();
  void run_for(int64_t ns);
  bool all_settled() const;
  void check_retained();
  std::string unsettled() const;

  SimWorld world_;
  SimStorage disk_;
  SimHub hub_;
  ScenarioBounds bounds_;
  ScenarioTally& tally_;
  BrokerOracle oracle_;
  BrokerPlan plan_;
  bool power_cuts_ = true;
  int64_t life_ns_max_ = 0;
  std::vector<std::unique_ptr<ModelledClient>> clients_;
  std::unique_ptr<BrokerLife> broker_;
  WorldOnFailure on_failure_;
};

}  // namespace penstock::sim
