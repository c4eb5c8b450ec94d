// BrokerScenario's trouble: what befalls the machine while a broker serves, and damage while it does not.
#include "tests/sim/broker_scenario.h"

namespace penstock::sim {
namespace {

constexpr int64_t kJumpUsMax = 4'000'000;
constexpr int64_t kFarJumpUs = int64_t{3600} * 1'000'000;

}  // namespace

void BrokerScenario::trouble_begins() {
  in_trouble_ = true;
  disk_.faults = plan_.faults;
  trouble_later();
}

void BrokerScenario::trouble_ends() {
  in_trouble_ = false;
  disk_.faults = {};
  disk_.options().capacity_bytes = DiskOptions{}.capacity_bytes;
}

// A chain that each life begins anew; the one of the life before ends where it finds that.
void BrokerScenario::trouble_later() {
  world_.within(0, 2 * plan_.trouble_ns_mean, [this, life = oracle_.life()] {
    if (life != oracle_.life() || !in_trouble_ || disk_.halted()) return;
    befall();
    trouble_later();
  });
}

void BrokerScenario::befall() {
  core::SeededRandom& random = world_.random();
  if (has(Feature::kClockJumps) && random.chance(1, 3)) {
    int64_t by_us = static_cast<int64_t>(random.below(2 * kJumpUsMax)) - kJumpUsMax;
    if (random.chance(1, 8)) by_us = random.chance(1, 2) ? kFarJumpUs : -kFarJumpUs;
    world_.trace("clock jumps", "", by_us);
    ++tally_.clock_jumps;
    world_.clock().jump_wall(by_us);
    oracle_.clock_jumped(by_us);
  }
  if (has(Feature::kDiskFull)) {
    const bool is_full = disk_.options().capacity_bytes != DiskOptions{}.capacity_bytes;
    const uint64_t room = random.below(200u << 10);
    world_.trace(is_full ? "disk has room" : "disk is full", "", static_cast<int64_t>(room));
    if (!is_full) ++tally_.disk_full;
    disk_.options().capacity_bytes = is_full ? DiskOptions{}.capacity_bytes : disk_.used_bytes() + room;
  }
}

void BrokerScenario::damage_files() {
  core::SeededRandom& random = world_.random();
  const std::vector<std::string> files = disk_.files("/data");
  for (uint64_t count = 1 + random.below(8); count > 0; --count) {
    const std::string& path = files[random.below(files.size())];
    const uint64_t bytes = disk_.file_bytes(path);
    if (bytes == 0) continue;
    ++tally_.damages;
    // Most of a segment is room that nothing was written to yet.
    const uint64_t offset = random.below(random.chance(1, 2) ? std::min<uint64_t>(bytes, 20'000) : bytes);
    if (random.chance(1, 4))
      disk_.make_unreadable(path, offset);
    else
      disk_.flip_bit(path, offset, static_cast<unsigned>(random.below(8)));
  }
}

// It starts or says why not; and what it serves is what somebody sent.
void BrokerScenario::run_on_damaged_files() {
  const bool clean = chance(1, 2);
  if (clean) stop_broker();
  if (!disk_.halted()) disk_.kill();
  end_life(false);
  damage_files();
  oracle_.files_damaged();
  if (!start_broker()) {
    ++tally_.damages_refused;
    return;
  }
  run_for(20 * core::kNsPerSecond);
}

}  // namespace penstock::sim
