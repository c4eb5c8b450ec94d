// ScenarioPlan: everything that a seed decides before its story begins: features, broker, disk, clients, lives. Drawn
// from a random sequence of its own, each value whether its feature is on or off, so that a feature or a client that is
// switched off (to shrink a failing seed) changes no other one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/broker_client.h"
#include "tests/sim/broker_feature.h"
#include "tests/sim/broker_life.h"
#include "tests/sim/sim_storage.h"

namespace penstock::sim {

// What is taken away from the story of a seed.
struct ScenarioLimits {
  FeatureSet off;
  size_t clients_max = SIZE_MAX;
  size_t lives_max = SIZE_MAX;
  size_t shards_max = 8;
};

struct ScenarioPlan {
  FeatureSet features;
  BrokerPlan broker;
  DiskOptions disk;
  DiskFaults faults;  // while a broker serves; start-ups and the last life have none
  std::vector<ClientPlan> clients;
  size_t lives = 1;  // before the last one
  int64_t life_ns_max = 0;
  int64_t drift_ppm = 0;
  int64_t trouble_ns_mean = 0;  // between two events that befall the machine
  size_t strangers = 0;

  bool has(Feature feature) const { return features.has(feature); }
  // Under these a death takes what was acknowledged shortly before. Power cuts, and any death.
  bool loses_by_power_cut() const { return broker.log.durability != log::Durability::kSync; }
  bool loses_by_kill() const { return broker.log.durability == log::Durability::kMemory; }
  // The broker may have had to refuse things.
  bool disk_may_refuse() const {
    return has(Feature::kDiskFull) || has(Feature::kWriteErrors) || has(Feature::kSyncErrors);
  }
  std::string describe() const;
};

ScenarioPlan draw_plan(uint64_t seed, const ScenarioLimits& limits);

}  // namespace penstock::sim
