// BrokerLife: a whole broker between its start and its end, in one thread and in the time of a SimWorld: the shards
// with post office, data directory, restore, logs and checkpoints, started in the order of broker/broker.cc. What it
// leaves is on the SimStorage, for the next life. The loop of a shard (broker/shard_thread.cc) is here a chain of world
// events; how long a turn takes, and who comes first, the seed says.
//
// start() and stop() step the world, so they are called from outside of its events.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/data_directory.h"
#include "broker/post_office.h"
#include "log/sealed_log.h"
#include "tests/sim/broker_layers.h"
#include "tests/sim/broker_turn_network.h"
#include "tests/sim/broker_turn_storage.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/sim_world.h"

namespace penstock::sim {

struct BrokerPlan {
  uint16_t port = 1883;
  std::string data_directory = "/data";
  broker::ShardIndex shards_count = 1;
  broker::ShardOptions shard;
  log::LogOptions log;
  size_t layers = 0;  // below MQTT (broker_layers.h)
  int64_t turn_ns_max = 50'000;
  int64_t stall_ns_max = 0;  // now and then a shard gets no processor for so long
};

class BrokerLife {
 public:
  enum class Death : uint8_t { kKilled, kPowerCut };

  BrokerLife(SimWorld& world, SimStorage& disk, SimHub& hub, BrokerPlan plan);
  // Once the disk has halted: nothing of this process may act any more.
  ~BrokerLife();
  BrokerLife(const BrokerLife&) = delete;

  // Until it serves; an error also where the disk halts within it.
  core::Status start();
  // A clean stop. False where the disk halted within it, or when it takes longer than anybody waits.
  bool stop();
  bool stopped() const;
  // Its sockets end as the death has it; from here on it does nothing.
  void die(Death death);

  broker::BrokerShard& shard(size_t index) const { return *lanes_[index]->shard; }
  broker::ShardIndex shards_count() const { return plan_.shards_count; }

 private:
  // One shard with its seams and its loop.
  struct Lane {
    Lane(BrokerLife& broker_life, broker::ShardIndex shard_index);
    void open_turn();
    void begin_turn();
    void end_turn();
    void turn_within(int64_t delay_ns_min, int64_t delay_ns_max);
    void on_completion();
    void wake();

    BrokerLife& life;
    broker::ShardIndex index;
    core::SeededRandom random;
    TurnNetwork network;
    TurnStorage storage;
    std::unique_ptr<broker::BrokerShard> shard;
    bool serving = false;
    bool in_turn = false;
    uint64_t turns = 0;
  };

  core::Status start_shards();
  core::Status restore_shards(const std::vector<broker::ShardPlace>& places);
  core::Status open_shards();
  core::Status open_sealed_logs();

  SimWorld& world_;
  SimStorage& disk_;
  SimHub& hub_;
  BrokerPlan plan_;
  std::unique_ptr<broker::DataDirectory> directory_;
  LayerSource source_;
  std::unique_ptr<broker::PostOffice> office_;
  std::vector<std::unique_ptr<log::SealedLog>> sealed_logs_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace penstock::sim
