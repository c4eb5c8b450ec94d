// Power cuts and dying processes, at every step of the disk, over many seeds: what was acknowledged is there
// afterwards.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/log/log_harness.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::log {
namespace {

// Acknowledges before the disk has it: the mistake that this suite exists to find.
class EagerStorage final : public core::Storage {
 public:
  explicit EagerStorage(core::Storage& storage) : storage_(storage) {}

  void open(const std::string& path, core::OpenMode mode, core::StorageOperation& op) override {
    mode.dsync = false;
    storage_.open(path, mode, op);
  }
  void close(core::FileId file) override { storage_.close(file); }
  void read(core::FileId file, uint64_t offset, core::MutableBytes into, core::StorageOperation& op) override {
    storage_.read(file, offset, into, op);
  }
  void write(core::FileId file, uint64_t offset, core::Bytes from, core::StorageOperation& op) override {
    storage_.write(file, offset, from, op);
  }
  void sync(core::FileId file, core::StorageOperation& op) override { storage_.sync(file, op); }
  void allocate(core::FileId file, uint64_t offset, uint64_t bytes, core::StorageOperation& op) override {
    storage_.allocate(file, offset, bytes, op);
  }
  void rename(const std::string& from, const std::string& to, core::StorageOperation& op) override {
    storage_.rename(from, to, op);
  }
  void remove(const std::string& path, core::StorageOperation& op) override { storage_.remove(path, op); }
  void sync_directory(const std::string& path, core::StorageOperation& op) override {
    storage_.sync_directory(path, op);
  }
  void run_until(const bool& done) override { storage_.run_until(done); }
  core::Result<std::vector<std::string>> list(const std::string& directory) override {
    return storage_.list(directory);
  }
  core::Status make_directories(const std::string& path) override { return storage_.make_directories(path); }
  core::Status remove_directory(const std::string& path) override { return storage_.remove_directory(path); }
  core::Result<uint64_t> size(core::FileId file) override { return storage_.size(file); }
  core::Result<bool> try_lock(core::FileId file) override { return storage_.try_lock(file); }

 private:
  core::Storage& storage_;
};

constexpr uint64_t kTurnsMax = 20'000;  // far more than the steps of one life

struct Totals {
  uint64_t crashes = 0;
  uint64_t recovered = 0;
  uint64_t torn_ends = 0;
  uint64_t real_damage = 0;
  uint64_t faults = 0;
  uint64_t interrupted_starts = 0;
  uint64_t refused = 0;
  uint64_t recycled = 0;
};

// What a run of one seed does beside appending.
struct Plan {
  bool kill = false;  // the process dies, the kernel lives
  Durability durability = Durability::kSync;
  bool eager = false;      // the canary
  bool flip_bits = false;  // at rest, between two lives
  sim::DiskFaults faults;
  uint64_t capacity_bytes = uint64_t{1} << 40;
  uint64_t retention_bytes = 0;
};

void append_some(sim::SimWorld& world, LogHarness& harness, Totals& totals) {
  core::SeededRandom& random = world.random();
  for (uint64_t i = random.below(6); i > 0; --i) {
    uint64_t bytes = random.below(300);
    if (random.chance(1, 10)) bytes = random.below(9'000);
    if (random.chance(1, 150)) bytes = random.below(60'000);
    std::string payload(bytes, static_cast<char>('a' + random.below(26)));
    if (bytes > 8) core::store_le(payload.data(), random.next_u64());
    if (harness.append("t/" + std::to_string(random.below(100)), payload) != AppendRoom::kRoom) ++totals.refused;
  }
}

// From a start to the crash that was planned.
void live(sim::SimWorld& world, sim::SimStorage& disk, LogHarness& harness, const Plan& plan, Totals& totals) {
  core::SeededRandom& random = world.random();
  for (uint64_t turns = 0; !disk.halted(); ++turns) {
    if (turns == kTurnsMax) {
      const CommitLog& log = *harness.log;
      harness.violation = "stuck: appended " + std::to_string(log.appended_end().value()) + ", durable " +
                          std::to_string(log.durable_end().value()) + ", room " +
                          std::to_string(static_cast<int>(log.room_for(100)));
      break;
    }
    append_some(world, harness, totals);
    if (random.chance(1, 60)) world.clock().advance_to(world.clock().monotonic_ns() + core::kNsPerSecond);
    if (random.chance(1, 40)) harness.log->keep_from(harness.log->synced_end());
    if (random.chance(1, 500)) world.clock().jump_wall(-5'000'000);
    harness.turn(random.below(6));
    if (harness.log->room_for(100) == AppendRoom::kFailed) break;
    if (plan.capacity_bytes < (uint64_t{1} << 40) && random.chance(1, 50)) {
      disk.options().capacity_bytes = plan.capacity_bytes + random.below(4) * (256u << 10);
    }
  }
  if (!disk.halted()) disk.crash();
}

void flip_some_bit(sim::SimWorld& world, sim::SimStorage& disk) {
  const auto files = disk.files("/data/log-3");
  if (files.empty()) return;
  const std::string& path = files[world.random().below(files.size())];
  const uint64_t bytes = disk.file_bytes(path);
  if (bytes != 0) disk.flip_bit(path, world.random().below(bytes), static_cast<unsigned>(world.random().below(8)));
}

std::string run_seed(uint64_t seed, const Plan& plan, Totals& totals) {
  sim::SimWorld world(seed);
  sim::SimStorage disk(world, {.refuse_direct = seed % 5 == 0});
  core::SeededRandom& random = world.random();
  disk.options().torn_sector_per_million = seed % 3 == 0 ? 100'000 : 0;
  EagerStorage eager(disk);
  LogOptions options = small_log();
  options.durability = plan.durability;
  options.segment_bytes = (uint64_t{16} << 10) << random.below(3);
  options.prewrite_bytes = random.chance(1, 2) ? 64u << 10 : 0;
  options.retention_bytes = plan.retention_bytes;
  LogHarness harness(world, disk, options, plan.eager ? &eager : nullptr);
  harness.tolerate_loss = plan.flip_bits;
  for (int life = 0; life < 4 && harness.violation.empty(); ++life) {
    disk.faults = {};
    disk.options().capacity_bytes = uint64_t{1} << 40;
    const uint64_t steps = random.chance(1, 4) ? random.below(25) : random.below(350);
    plan.kill ? disk.kill_after(steps) : disk.crash_after(steps);
    if (harness.start()) {
      disk.faults = plan.faults;
      disk.options().capacity_bytes = plan.capacity_bytes;
      live(world, disk, harness, plan, totals);
    } else {
      ++totals.interrupted_starts;
      if (!disk.halted()) {
        if (!plan.flip_bits) return harness.violation;
        disk.crash();
      }
    }
    harness.stop();
    ++totals.crashes;
    for (const Damage& damage : harness.last.damage) ++(damage.torn_end ? totals.torn_ends : totals.real_damage);
    disk.restart();
    if (plan.flip_bits) flip_some_bit(world, disk);
  }
  totals.recovered += harness.recovered_count;
  totals.faults += disk.faults_met();
  if (!harness.violation.empty()) world.print_trace(std::cerr);
  return harness.violation;
}

// Instrumented builds take ten times as long for a seed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeedShare = 10;
#else
constexpr uint64_t kSeedShare = 1;
#endif

// Rare things must have come about, or the run proves nothing; a run of a few seeds by hand need not have them.
void expect_at_least(uint64_t count, uint64_t minimum, const char* what) {
  if (std::getenv("PENSTOCK_SEED") != nullptr || std::getenv("PENSTOCK_SEEDS") != nullptr) return;
  EXPECT_GE(count, minimum / kSeedShare) << what;
}

Totals run_seeds(uint64_t count, const Plan& plan) {
  Totals totals;
  sim::for_each_seed(count / kSeedShare, [&](uint64_t seed) { EXPECT_EQ(run_seed(seed, plan, totals), ""); });
  return totals;
}

TEST(LogCrashTest, keeps_all_that_was_acknowledged_when_the_power_is_cut) {
  const Totals totals = run_seeds(1'500, {});
  expect_at_least(totals.recovered, 100, "recovered");
  expect_at_least(totals.torn_ends, 100, "torn ends");
  expect_at_least(totals.interrupted_starts, 100, "interrupted starts");
  EXPECT_EQ(totals.real_damage, 0u);
}

TEST(LogCrashTest, keeps_all_that_was_acknowledged_when_segments_are_recycled) {
  const Totals totals = run_seeds(600, {.retention_bytes = 128u << 10});
  EXPECT_EQ(totals.real_damage, 0u);
}

TEST(LogCrashTest, keeps_all_that_was_written_when_the_process_is_killed) {
  run_seeds(300, {.kill = true, .durability = Durability::kWrite});
}

TEST(LogCrashTest, keeps_all_that_was_acknowledged_when_writes_and_syncs_fail) {
  const Totals totals = run_seeds(600, {.faults = {.write_error = 5'000, .sync_error = 5'000}});
  expect_at_least(totals.faults, 100, "faults");
}

TEST(LogCrashTest, keeps_all_that_was_acknowledged_when_names_cannot_be_changed) {
  const Totals totals =
      run_seeds(300, {.faults = {.open_error = 20'000, .directory_error = 50'000, .allocate_error = 50'000}});
  expect_at_least(totals.faults, 100, "faults");
}

TEST(LogCrashTest, keeps_all_that_was_acknowledged_when_writes_are_short) {
  const Totals totals = run_seeds(300, {.faults = {.short_write = 100'000}});
  expect_at_least(totals.faults, 100, "faults");
}

TEST(LogCrashTest, keeps_all_that_was_acknowledged_when_the_disk_is_full) {
  const Totals totals = run_seeds(300, {.capacity_bytes = 256u << 10});
  expect_at_least(totals.refused, 100, "refused");
}

TEST(LogCrashTest, never_loses_a_record_silently_when_bits_flip_at_rest) {
  const Totals totals = run_seeds(600, {.flip_bits = true});
  expect_at_least(totals.real_damage, 100, "real damage");
}

TEST(LogCrashTest, canary_that_acknowledges_before_the_sync_is_caught) {
  Totals totals;
  uint64_t caught = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    testing::internal::CaptureStderr();
    if (!run_seed(seed, {.eager = true}, totals).empty()) ++caught;
    testing::internal::GetCapturedStderr();
  }
  EXPECT_GT(caught, 10u);
}

}  // namespace
}  // namespace penstock::log
