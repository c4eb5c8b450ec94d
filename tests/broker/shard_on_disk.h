// ShardOnDisk: a BrokerShard that stands alone on a simulated disk: what it restores from the files that a test put
// there, and what it writes. It has no clients. The only shard unless told otherwise. One thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/checkpoint_file.h"
#include "log/file_names.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/sim_world.h"

namespace penstock::broker {

class ShardOnDisk {
 public:
  static constexpr const char* kDataDirectory = "/data";
  static constexpr const char* kLogDirectory = "/data/log-1";

  ShardOnDisk(sim::SimWorld& world, sim::SimStorage& disk, ShardPlace place = only_shard())
      : world_(world), disk_(disk), hub_(world), network_(hub_), random_(1), office(place.shards_count) {
    (void)disk_.make_directories(place.directory);
    (void)disk_.make_directories(place.log.directory);
    const ShardIndex index = place.index;
    // No checkpoints by itself: a test says when.
    shard = std::make_unique<BrokerShard>(std::move(place), ShardOptions{.checkpoint_log_bytes = UINT64_MAX},
                                          ShardSeams{network_, disk_, world_.clock(), random_},
                                          PostCounter(office, index, [](ShardIndex) {}));
  }

  static ShardPlace only_shard() {
    ShardPlace place{.directory = shard_directory(0)};
    place.data_directory = kDataDirectory;
    place.log = {.directory = kLogDirectory,
                 .id = log::LogId(1),
                 .segment_bytes = 256u << 10,
                 .tail_bytes = 2u << 20,
                 .prewrite_bytes = 0};
    place.checkpoints = {checkpoint_path(0)};
    place.all_logs = place.last_logs = {place.log.id};
    return place;
  }
  // One of two, with logs 1 and 2; the directories of both logs must be there.
  static ShardPlace one_of_two(ShardIndex index) {
    ShardPlace place = only_shard();
    place.index = index;
    place.shards_count = 2;
    place.directory = shard_directory(index);
    place.log.id = log::LogId(static_cast<uint16_t>(index + 1));
    place.log.directory = "/data/log-" + std::to_string(index + 1);
    place.checkpoints = {checkpoint_path(0), checkpoint_path(1)};
    place.all_logs = place.last_logs = {log::LogId(1), log::LogId(2)};
    return place;
  }
  static std::string shard_directory(int shard) { return "/data/layout-1/shard-" + std::to_string(shard); }
  static std::string checkpoint_path(int shard) { return shard_directory(shard) + "/checkpoint"; }

  core::Status start() {
    RETURN_IF_ERROR(shard->restore());
    RETURN_IF_ERROR(shard->open());
    shard->add_logs({&shard->log().shared()});
    return {};
  }
  std::vector<std::byte> checkpoint() {
    std::vector<std::byte> bytes;
    shard->write_state(bytes);
    return bytes;
  }
  // Everything appended so far is on the disk.
  void finish_log() {
    bool done = false;
    shard->log().finish(done);
    disk_.run_until(done);
  }

  void turn() {
    shard->begin_turn(world_.clock().monotonic_ns());
    shard->end_turn();
  }

  // One turn, a checkpoint, the end, and what a next life says to all that.
  core::Status live_on() {
    turn();
    finish_log();
    disk_.put(checkpoint_path(0), checkpoint());
    disk_.kill();
    shard.reset();
    disk_.restart();
    return ShardOnDisk(world_, disk_).start();
  }

 private:
  sim::SimWorld& world_;
  sim::SimStorage& disk_;
  sim::SimHub hub_;
  sim::SimNetwork network_;
  core::SeededRandom random_;

 public:
  PostOffice office;                   // of as many shards as there are; the others are the test's
  std::unique_ptr<BrokerShard> shard;  // goes before what it stands on
};

}  // namespace penstock::broker
