// ServedShard: a BrokerShard that stands alone, on a simulated disk, with clients whose every byte and whose every turn
// a test decides. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "broker/broker_shard.h"
#include "tests/broker/script_network.h"
#include "tests/broker/shard_on_disk.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/sim_world.h"
#include "tests/support/wire.h"

namespace penstock::broker {

class ServedShard {
 public:
  explicit ServedShard(ShardOptions options = {}, uint64_t segment_bytes = 256u << 10) {
    options.checkpoint_log_bytes = UINT64_MAX;
    ShardPlace place = ShardOnDisk::only_shard();
    place.log.segment_bytes = segment_bytes;
    (void)disk.make_directories(place.directory);
    (void)disk.make_directories(place.log.directory);
    shard = std::make_unique<BrokerShard>(std::move(place), options, ShardSeams{network, disk, world.clock(), random_},
                                          PostCounter(office_, 0, [](ShardIndex) {}));
    CHECK(shard->restore().has_value());
    CHECK(shard->open().has_value());
    shard->add_logs({&shard->log().shared()});
    CHECK(shard->listen({"0.0.0.0", 1883}).has_value());
    settle();
  }
  ~ServedShard() {
    disk.kill();
    shard.reset();
  }

  // One turn of the shard; nothing happens on the disk in it. True: the next one would not wait.
  bool turn() {
    shard->begin_turn(world.clock().monotonic_ns());
    network.dispatch();
    return shard->end_turn();
  }
  // Turns until whatever is under way has come to its end.
  void settle() {
    for (int i = 0; i < 50; ++i) {
      turn();
      world.run_for(1'000'000);
    }
  }
  // Time goes by in which the shard gets no processor.
  void stall(int64_t ns) { world.run_for(ns); }

  core::SocketId open() {
    shard->begin_turn(world.clock().monotonic_ns());
    const core::SocketId socket = network.connect();
    shard->end_turn();
    return socket;
  }
  // Its CONNACK is taken already.
  core::SocketId connect(const test::ConnectOptions& options) {
    const core::SocketId socket = open();
    say(socket, test::connect_packet(options));
    return socket;
  }
  // Sends and lets it be handled to the end; returns what the peer was sent meanwhile.
  std::string say(core::SocketId socket, std::string_view bytes) {
    network.arrive(socket, bytes);
    settle();
    return network.take(socket);
  }
  // Appends to the log until a record has to wait for room in its tail: the smallest, or what is larger than `left` by
  // that.
  void fill_tail(uint64_t left = 0) {
    for (bool appended = true; appended;) {
      appended = false;
      shard->begin_turn(world.clock().monotonic_ns());
      for (const size_t bytes : {4096, 0})
        while (append_filler(bytes, left)) appended = true;
      shard->end_turn();
    }
  }
  uint64_t closes(CloseReason reason) const { return shard->counters().closes[static_cast<size_t>(reason)]; }

  sim::SimWorld world{1};
  sim::SimStorage disk{world};
  ScriptNetwork network{world.clock()};

 private:
  bool append_filler(size_t bytes, uint64_t left) {
    const std::string payload(bytes, 'f');
    const log::RecordParts parts{
        .type = log::kMessage, .publisher = "f", .topic = "f", .payload = core::as_bytes(payload)};
    if (shard->log().room_for(log::record_bytes(parts) + left) != log::AppendRoom::kRoom) return false;
    shard->publish(parts);
    return true;
  }

  core::SeededRandom random_{1};
  PostOffice office_{1};

 public:
  std::unique_ptr<BrokerShard> shard;  // goes before what it stands on
};

}  // namespace penstock::broker
