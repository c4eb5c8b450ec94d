// The commit log against a model, over thousands of seeds and several lives each: crashes at any step, and one kind of
// fault per seed, or none. A second opinion beside tests/log: it goes through the public face alone.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <vector>

#include "tests/sim/log_under_test.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::sim {
namespace {

class Lives {
 public:
  Lives(uint64_t seed, Trouble trouble, Tally& tally)
      : world_(seed), storage_(world_), trouble_(trouble), on_failure_(world_) {
    core::SeededRandom& random = world_.random();
    storage_.options().refuse_direct = random.chance(1, 5);
    if (trouble == Trouble::kTorn) storage_.options().torn_sector_per_million = 300'000;
    for (uint64_t logs = random.below(3) + 1, id = 1; id <= logs; ++id) {
      logs_.push_back(std::make_unique<LogUnderTest>(world_, storage_, trouble, static_cast<uint16_t>(id), tally));
    }
  }
  SimStorage& storage() { return storage_; }
  ~Lives() {
    for (auto& one : logs_) one->add_to_tally();
  }

  void run() {
    for (uint64_t lives = world_.random().below(6) + 5; lives > 0 && !testing::Test::HasFailure(); --lives) {
      // A power cut may leave holes anywhere in what a weaker policy had not synced: one such log is enough to look at.
      if (life() == Death::kPowerCut && trouble_ == Trouble::kWeakPolicy) break;
    }
    // The last word: without any trouble, everything owed is there.
    storage_.faults = {};
    storage_.options().capacity_bytes = uint64_t{1} << 40;
    if (!testing::Test::HasFailure()) start_all();
    destroy_all();
  }

  bool start_all() {
    bool all = true;
    for (auto& one : logs_) all = !storage_.halted() && one->start() && all;
    return all;
  }
  void destroy_all() {
    for (auto& one : logs_) one->destroy();
  }

  enum class Death : uint8_t { kKilled, kPowerCut };

  // From start to death.
  Death life() {
    core::SeededRandom& random = world_.random();
    set_faults();
    // Not after a failed sync: until the next boot the kernel shows what the disk does not have, and no start can tell.
    const bool killed = trouble_ != Trouble::kErrors && random.chance(trouble_ == Trouble::kWeakPolicy ? 3 : 1, 4);
    const uint64_t steps = random.chance(1, 4) ? random.below(60) : random.below(1500);
    killed ? storage_.kill_after(steps) : storage_.crash_after(steps);
    if (start_all()) {
      for (uint64_t turns = random.below(600); turns > 0 && !storage_.halted() && !testing::Test::HasFailure(); --turns)
        turn(turns);
      if (!storage_.halted() && random.chance(1, 2)) finish_all();
    }
    if (!storage_.halted()) killed ? storage_.kill() : storage_.crash();
    for (auto& one : logs_) one->note_what_must_survive(killed);
    destroy_all();
    storage_.restart();
    if (trouble_ == Trouble::kBitFlips) {
      for (auto& one : logs_) {
        one->replace_bad_sectors();
        if (random.chance(1, 3)) one->flip_something();
      }
    }
    return killed ? Death::kKilled : Death::kPowerCut;
  }

 private:
  void turn(uint64_t turns_left) {
    logs_[world_.random().below(logs_.size())]->turn();
    if (trouble_ != Trouble::kFullDisk || storage_.halted() || turns_left % 50 != 0) return;
    const uint64_t used = storage_.used_bytes();
    if (world_.random().chance(1, 2)) {
      storage_.options().capacity_bytes = used + world_.random().below(200'000);
    } else {
      storage_.options().capacity_bytes = used + (16u << 20);
      for (auto& one : logs_) one->expect_room_returns();
    }
  }

  void finish_all() {
    for (auto& one : logs_) {
      if (!storage_.halted()) one->finish();
    }
  }

  void set_faults() {
    core::SeededRandom& random = world_.random();
    if (trouble_ == Trouble::kErrors) {
      const auto rate = [&] { return random.chance(1, 2) ? static_cast<uint32_t>(random.below(20'000)) : 0; };
      storage_.faults = {.open_error = rate() / 4,
                         .read_error = rate() / 4,
                         .write_error = rate(),
                         .sync_error = rate(),
                         .directory_error = rate(),
                         .allocate_error = rate()};
    } else if (trouble_ == Trouble::kShortAndSlow) {
      storage_.faults = {.short_read = 100'000, .short_write = 100'000, .slow = 20'000};
    }
  }

  SimWorld world_;
  SimStorage storage_;
  Trouble trouble_;
  WorldOnFailure on_failure_;
  std::vector<std::unique_ptr<LogUnderTest>> logs_;
};

Tally run_seeds(uint64_t count, Trouble trouble) {
  Tally tally;
  for_each_seed(count, [&](uint64_t seed) { Lives(seed, trouble, tally).run(); });
  std::cout << "lives " << tally.lives << ", appended " << tally.appended << ", read back " << tally.read_back
            << ", cut " << tally.cut << ", damage reports " << tally.damage << ", lost to damage "
            << tally.lost_to_damage << ", failed logs " << tally.failed_logs << ", disk full " << tally.disk_full
            << ", tail full " << tally.tail_full << ", room returned " << tally.room_returned << ", failed starts "
            << tally.failed_starts << ", clean stops " << tally.clean_stops << ", retirements " << tally.retired
            << std::endl;
  EXPECT_GT(tally.appended, tally.lives);
  EXPECT_GT(tally.read_back, 0u);
  return tally;
}

constexpr uint64_t kSeeds = 100;

TEST(log_crash, loses_nothing_acknowledged_in_crashes_at_any_step) {
  const Tally tally = run_seeds(3 * kSeeds, Trouble::kNone);
  EXPECT_GT(tally.cut, 0u);
  EXPECT_GT(tally.clean_stops, 0u);
  EXPECT_GT(tally.retired, 0u);
  EXPECT_EQ(tally.lost_to_damage, 0u);
}

TEST(log_crash, weaker_policies_keep_what_was_synced_and_over_a_kill_what_was_written) {
  EXPECT_EQ(run_seeds(kSeeds, Trouble::kWeakPolicy).lost_to_damage, 0u);
}

TEST(log_crash, loses_nothing_acknowledged_when_a_crash_tears_sectors) {
  EXPECT_EQ(run_seeds(kSeeds, Trouble::kTorn).lost_to_damage, 0u);
}

TEST(log_crash, reports_flipped_bits_and_bad_sectors_and_serves_no_wrong_byte) {
  EXPECT_GT(run_seeds(kSeeds, Trouble::kBitFlips).lost_to_damage, 0u);
}

TEST(log_crash, failed_log_stays_failed_and_keeps_what_it_acknowledged) {
  const Tally tally = run_seeds(kSeeds, Trouble::kErrors);
  EXPECT_GT(tally.failed_logs, 0u);
}

TEST(log_crash, full_disk_refuses_and_service_returns_with_room) {
  const Tally tally = run_seeds(kSeeds, Trouble::kFullDisk);
  EXPECT_GT(tally.disk_full, 0u);
  EXPECT_GT(tally.room_returned, 0u);
  EXPECT_EQ(tally.lost_to_damage, 0u);
}

TEST(log_crash, stands_short_and_slow_operations) {
  EXPECT_EQ(run_seeds(kSeeds, Trouble::kShortAndSlow).lost_to_damage, 0u);
}

// The canary: on a disk that only says it syncs, acknowledged records do get lost, and this test must see it.
TEST(log_crash, sees_the_loss_on_a_disk_that_lies) {
  Tally tally;
  testing::TestPartResultArray failures;
  {
    const testing::ScopedFakeTestPartResultReporter caught(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
    for (uint64_t seed = 1; seed <= 30 && failures.size() == 0; ++seed) {
      Lives lives(seed, Trouble::kNone, tally);
      lives.storage().options().lies = true;
      lives.life();
      if (failures.size() == 0) lives.start_all();
      lives.destroy_all();
    }
  }
  ASSERT_GT(failures.size(), 0);
  // Either a record is missing, or whole headers are and recovery itself says so.
  const std::string seen = failures.GetTestPartResult(0).message();
  EXPECT_TRUE(seen.contains("is lost") || seen.contains("a crash alone is no corruption")) << seen;
}

}  // namespace
}  // namespace penstock::sim
