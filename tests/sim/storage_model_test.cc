// The simulated disk itself: it must be neither kinder nor crueller than a real one.
#include "tests/sim/sim_storage.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "tests/sim/world_on_failure.h"

namespace penstock::sim {
namespace {

using core::as_bytes;
using core::BlockingStorage;
using core::FileId;
using core::OpenMode;

struct Op final : core::StorageOperation {
  void complete(int32_t value) override {
    result = value;
    done = true;
  }
  int32_t result = 0;
  bool done = false;
};

std::vector<std::byte> filled(size_t bytes, uint8_t value) {
  return std::vector<std::byte>(bytes, std::byte{value});
}

struct Disk {
  explicit Disk(uint64_t seed, DiskOptions options = {}) : world(seed), storage(world, options), on_failure(world) {
    EXPECT_TRUE(storage.make_directories("/d"));
  }
  FileId open(const std::string& path, OpenMode mode = {.write = true, .create = true}) {
    auto file = blocking.open(path, mode);
    EXPECT_TRUE(file.has_value()) << file.error().message;
    return file.value_or(core::kNoFile);
  }
  FileId open_durable_name(const std::string& path) {
    const FileId file = open(path);
    EXPECT_TRUE(blocking.sync_directory("/d"));
    return file;
  }
  void power_cut() {
    storage.crash();
    storage.restart();
  }
  SimWorld world;
  SimStorage storage;
  BlockingStorage blocking{storage};
  WorldOnFailure on_failure;
};

TEST(sim_storage, reads_back_what_was_written) {
  Disk disk(1);
  const FileId file = disk.open("/d/f");
  ASSERT_TRUE(disk.blocking.write(file, 1000, as_bytes("hello")));
  std::vector<std::byte> into(1005);
  EXPECT_EQ(disk.blocking.read(file, 0, into).value(), 1005u);
  EXPECT_EQ(core::as_text(into).substr(1000), "hello");
  EXPECT_EQ(disk.blocking.read(file, 1005, into).value(), 0u);
  EXPECT_EQ(disk.storage.size(file).value(), 1005u);
}

TEST(sim_storage, same_seed_does_the_same_and_another_does_not) {
  const auto run = [](uint64_t seed) {
    Disk disk(seed);
    const FileId file = disk.open("/d/f");
    Op ops[20];
    const auto bytes = filled(512, 1);
    for (Op& op : ops) disk.storage.write(file, static_cast<uint64_t>(&op - ops) * 512, bytes, op);
    while (disk.world.step()) {
    }
    return disk.world.trace_hash();
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

TEST(sim_storage, writes_in_flight_complete_in_any_order) {
  std::set<bool> first_came_first;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Disk disk(seed);
    const FileId file = disk.open("/d/f");
    Op first, second;
    const auto bytes = filled(512, 1);
    disk.storage.write(file, 0, bytes, first);
    disk.storage.write(file, 512, bytes, second);
    while (!first.done && !second.done) ASSERT_TRUE(disk.world.step());
    first_came_first.insert(first.done);
  }
  EXPECT_EQ(first_came_first.size(), 2u);
}

TEST(sim_storage, power_cut_keeps_synced_and_any_part_of_the_rest) {
  size_t olds = 0, news = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Disk disk(seed);
    const FileId file = disk.open_durable_name("/d/f");
    ASSERT_TRUE(disk.blocking.write(file, 0, filled(2048, 1)));
    ASSERT_TRUE(disk.blocking.sync(file));
    ASSERT_TRUE(disk.blocking.write(file, 0, filled(1024, 2)));
    disk.power_cut();
    const auto content = disk.storage.content("/d/f");
    ASSERT_EQ(content.size(), 2048u);
    for (size_t sector = 0; sector < 4; ++sector) {
      const auto value = content[sector * 512];
      for (size_t i = 0; i < 512; ++i) ASSERT_EQ(content[sector * 512 + i], value) << "a sector is whole";
      if (sector >= 2) {
        ASSERT_EQ(value, std::byte{1});
        continue;
      }
      ++(value == std::byte{1} ? olds : news);
    }
  }
  EXPECT_GT(olds, 50u);
  EXPECT_GT(news, 50u);
}

TEST(sim_storage, dsync_write_is_durable_at_completion) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Disk disk(seed);
    const FileId file = disk.open("/d/f", {.write = true, .create = true, .dsync = true});
    ASSERT_TRUE(disk.blocking.sync_directory("/d"));
    ASSERT_TRUE(disk.blocking.write(file, 0, filled(4096, 3)));
    disk.power_cut();
    ASSERT_EQ(disk.storage.content("/d/f"), filled(4096, 3));
  }
}

TEST(sim_storage, sync_covers_only_writes_completed_before_its_start) {
  size_t lost = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Disk disk(seed);
    const FileId file = disk.open_durable_name("/d/f");
    ASSERT_TRUE(disk.blocking.write(file, 0, filled(512, 1)));
    Op write, sync;
    const auto late = filled(512, 2);
    disk.storage.write(file, 512, late, write);
    disk.storage.sync(file, sync);
    while (!write.done || !sync.done) ASSERT_TRUE(disk.world.step());
    disk.power_cut();
    const auto content = disk.storage.content("/d/f");
    ASSERT_GE(content.size(), 512u);
    ASSERT_EQ(content[0], std::byte{1});
    if (content.size() < 1024 || content[512] != std::byte{2}) ++lost;
  }
  EXPECT_GT(lost, 20u);
}

TEST(sim_storage, kill_loses_nothing_that_was_written) {
  Disk disk(5);
  const FileId file = disk.open("/d/f");
  ASSERT_TRUE(disk.blocking.write(file, 0, filled(5000, 9)));
  disk.storage.kill();
  disk.storage.restart();
  EXPECT_EQ(disk.storage.content("/d/f"), filled(5000, 9));
}

TEST(sim_storage, new_name_may_be_lost_until_its_directory_is_synced) {
  size_t lost = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Disk disk(seed);
    disk.open_durable_name("/d/synced");
    disk.open("/d/new");
    disk.power_cut();
    ASSERT_TRUE(disk.storage.exists("/d/synced"));
    if (!disk.storage.exists("/d/new")) ++lost;
  }
  EXPECT_GT(lost, 20u);
  EXPECT_LT(lost, 100u);
}

TEST(sim_storage, rename_leaves_the_old_or_the_new_file_under_the_name) {
  std::set<size_t> sizes;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Disk disk(seed);
    disk.storage.put("/d/name", filled(10, 1));
    disk.storage.put("/d/name.new", filled(20, 2));
    ASSERT_TRUE(disk.blocking.rename("/d/name.new", "/d/name"));
    disk.power_cut();
    ASSERT_TRUE(disk.storage.exists("/d/name"));
    const size_t bytes = disk.storage.file_bytes("/d/name");
    ASSERT_EQ(disk.storage.exists("/d/name.new"), bytes == 10) << "never both names, never none";
    sizes.insert(bytes);
  }
  EXPECT_EQ(sizes, (std::set<size_t>{10, 20}));
}

TEST(sim_storage, failed_sync_loses_data_that_a_later_sync_does_not_bring_back) {
  size_t lost = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Disk disk(seed);
    const FileId file = disk.open_durable_name("/d/f");
    ASSERT_TRUE(disk.blocking.write(file, 0, filled(4096, 7)));
    disk.storage.plan_fault(DiskAction::kSync, 0, EIO);
    ASSERT_FALSE(disk.blocking.sync(file).has_value());
    ASSERT_TRUE(disk.blocking.sync(file).has_value()) << "the error is reported once";
    ASSERT_EQ(disk.storage.content("/d/f"), filled(4096, 7)) << "still shown from the page cache";
    disk.power_cut();
    if (disk.storage.content("/d/f") != filled(4096, 7)) ++lost;
  }
  EXPECT_GT(lost, 50u);
}

TEST(sim_storage, full_disk_refuses_new_blocks_and_takes_writes_into_held_ones) {
  Disk disk(3, {.capacity_bytes = 16384});
  const FileId file = disk.open("/d/f");
  ASSERT_TRUE(disk.blocking.allocate(file, 0, 8192));
  const FileId other = disk.open("/d/other");
  Op op;
  const auto bytes = filled(12288, 1);
  disk.storage.write(other, 0, bytes, op);
  disk.storage.run_until(op.done);
  EXPECT_EQ(op.result, 8192) << "half way";
  EXPECT_EQ(disk.blocking.allocate(other, 8192, 4096).error().code, ENOSPC);
  EXPECT_EQ(disk.blocking.write(other, 8192, bytes).error().code, ENOSPC);
  EXPECT_TRUE(disk.blocking.write(file, 0, filled(8192, 2)));
  disk.storage.close(other);
  ASSERT_TRUE(disk.blocking.remove("/d/other"));
  EXPECT_TRUE(disk.blocking.allocate(file, 8192, 8192)) << "room came back";
}

TEST(sim_storage, crash_after_n_strikes_in_place_of_the_next_completion) {
  Disk disk(4);
  const FileId file = disk.open_durable_name("/d/f");
  disk.storage.crash_after(3);
  const auto bytes = filled(512, 1);
  size_t succeeded = 0;
  while (disk.blocking.write(file, succeeded * 512, bytes).has_value()) ++succeeded;
  EXPECT_EQ(succeeded, 3u);
  EXPECT_TRUE(disk.storage.halted());
  disk.storage.restart();
  EXPECT_TRUE(disk.blocking.open("/d/f", {}).has_value());
  EXPECT_EQ(disk.storage.open_files(), 1u) << "the descriptors of the life before are closed";
}

TEST(sim_storage, faults_by_rate_come_about_as_often_as_asked) {
  Disk disk(6);
  const FileId file = disk.open("/d/f");
  disk.storage.faults = {.read_error = 200'000, .short_read = 300'000};
  ASSERT_TRUE(disk.blocking.write(file, 0, filled(512, 1)));
  size_t errors = 0, shorts = 0;
  std::vector<std::byte> into(512);
  for (int i = 0; i < 1000; ++i) {
    Op op;
    disk.storage.read(file, 0, into, op);
    disk.storage.run_until(op.done);
    if (op.result == -EIO) ++errors;
    if (op.result >= 0 && op.result < 512) ++shorts;
  }
  EXPECT_NEAR(static_cast<double>(errors), 200, 60);
  EXPECT_NEAR(static_cast<double>(shorts), 240, 70);
}

TEST(sim_storage, bit_flip_and_bad_sector_stay_until_written_over) {
  Disk disk(8);
  disk.storage.put("/d/f", filled(2048, 0));
  const FileId file = disk.open("/d/f", {.write = true});
  disk.storage.flip_bit("/d/f", 100, 3);
  disk.storage.make_unreadable("/d/f", 600);
  std::vector<std::byte> into(512);
  ASSERT_TRUE(disk.blocking.read(file, 0, into));
  EXPECT_EQ(into[100], std::byte{8});
  EXPECT_EQ(disk.blocking.read(file, 512, into).error().code, EIO);
  EXPECT_TRUE(disk.blocking.read(file, 1024, into));
  disk.storage.overwrite("/d/f", 512, filled(512, 1));
  EXPECT_TRUE(disk.blocking.read(file, 512, into));
}

TEST(sim_storage, lock_is_exclusive_until_closed_or_the_process_dies) {
  Disk disk(9);
  const FileId first = disk.open("/d/lock"), second = disk.open("/d/lock");
  EXPECT_TRUE(disk.storage.try_lock(first).value());
  EXPECT_FALSE(disk.storage.try_lock(second).value());
  disk.storage.close(first);
  EXPECT_TRUE(disk.storage.try_lock(second).value());
  disk.storage.kill();
  disk.storage.restart();
  EXPECT_TRUE(disk.storage.try_lock(disk.open("/d/lock")).value());
}

TEST(sim_storage, direct_is_refused_where_the_file_system_refuses_it) {
  Disk disk(10, {.refuse_direct = true});
  EXPECT_EQ(disk.blocking.open("/d/f", {.write = true, .create = true, .direct = true}).error().code, EINVAL);
}

TEST(sim_storage_death_test, misaligned_direct_write_is_our_own_mistake) {
  Disk disk(11);
  const FileId file = disk.open("/d/f", {.write = true, .create = true, .direct = true});
  Op op;
  const auto bytes = filled(100, 1);
  EXPECT_DEATH(disk.storage.write(file, 0, bytes, op), "CHECK failed");
}

TEST(sim_storage_death_test, waiting_for_nothing_aborts_with_the_trace) {
  Disk disk(12);
  disk.open("/d/f");
  const bool never = false;
  EXPECT_DEATH(disk.storage.run_until(never), "PENSTOCK_SEED=12");
}

}  // namespace
}  // namespace penstock::sim
