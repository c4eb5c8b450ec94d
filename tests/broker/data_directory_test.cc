// DataDirectory: which logs and layouts count from one start to the next.
#include "broker/data_directory.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/sim_storage.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::broker {
namespace {

class DataDirectoryTest : public testing::Test {
 protected:
  // A start with so many shards, as far as the directory is concerned.
  DataDirectory start(ShardIndex shards_count) {
    auto directory = DataDirectory::open(storage_, world_.clock(), "/data");
    EXPECT_TRUE(directory.has_value()) << directory.error().message;
    auto places = directory->lay_out(shards_count, {});
    EXPECT_TRUE(places.has_value()) << places.error().message;
    logs_.clear();
    for (const ShardPlace& place : *places) logs_.push_back(place.log.id.value());
    EXPECT_TRUE(directory->commit_layout().has_value());
    return std::move(*directory);
  }
  void power_cut() {
    storage_.crash();
    storage_.restart();
  }

  sim::SimWorld world_{1};
  sim::WorldOnFailure on_failure_{world_};
  sim::SimStorage storage_{world_};
  std::vector<uint16_t> logs_;  // of the shards, at the last start
};

TEST_F(DataDirectoryTest, a_log_without_a_shard_is_sealed_at_that_time_and_stays_so) {
  start(3);
  power_cut();
  world_.clock().jump_wall(1'000'000);
  const int64_t before_us = world_.clock().wall_us();
  std::vector<SealedLogNote> sealed = start(2).sealed_logs();
  ASSERT_EQ(sealed.size(), 1u);
  EXPECT_EQ(sealed[0].id, log::LogId(3));
  EXPECT_GE(sealed[0].sealed_us, before_us);
  power_cut();
  world_.clock().jump_wall(1'000'000);
  EXPECT_EQ(start(2).sealed_logs(), sealed);
}

TEST_F(DataDirectoryTest, a_log_that_nobody_knows_is_sealed_once_and_not_anew_at_each_start) {
  start(1);
  ASSERT_TRUE(storage_.make_directories("/data/log-7").has_value());
  power_cut();
  const std::vector<SealedLogNote> sealed = start(1).sealed_logs();
  ASSERT_EQ(sealed.size(), 1u);
  EXPECT_EQ(sealed[0].id, log::LogId(7));
  power_cut();
  world_.clock().jump_wall(1'000'000);
  EXPECT_EQ(start(1).sealed_logs(), sealed);
}

TEST_F(DataDirectoryTest, the_last_log_id_is_followed_by_none) {
  start(1);
  ASSERT_TRUE(storage_.make_directories("/data/log-65535").has_value());
  power_cut();
  auto directory = DataDirectory::open(storage_, world_.clock(), "/data");
  ASSERT_TRUE(directory.has_value());
  EXPECT_FALSE(directory->lay_out(2, {}).has_value());
  EXPECT_TRUE(directory->lay_out(1, {}).has_value()) << "needs no new one";
}

TEST_F(DataDirectoryTest, the_id_of_a_log_that_is_gone_is_not_given_again) {
  start(2);
  power_cut();
  DataDirectory fewer = start(1);
  ASSERT_TRUE(fewer.forget_sealed_log(log::LogId(2)).has_value());
  EXPECT_TRUE(fewer.sealed_logs().empty());
  power_cut();
  EXPECT_TRUE(start(2).sealed_logs().empty());
  EXPECT_EQ(logs_, (std::vector<uint16_t>{1, 3}));
}

TEST_F(DataDirectoryTest, old_layouts_go_and_the_current_one_stays) {
  start(1);
  power_cut();
  DataDirectory directory = start(2);
  ASSERT_TRUE(directory.remove_old_layouts().has_value());
  const auto names = storage_.list("/data");
  ASSERT_TRUE(names.has_value());
  EXPECT_EQ(std::ranges::count_if(*names, [](const std::string& name) { return name.starts_with("layout-"); }), 1);
  EXPECT_TRUE(storage_.list(shard_directory("/data", 2, 1)).has_value());
}

TEST_F(DataDirectoryTest, a_manifest_reads_back_as_it_was_written) {
  const Manifest manifest{.generation = 7,
                          .shard_logs = {log::LogId(4), log::LogId(2)},
                          .sealed_logs = {{log::LogId(1), 1'700'000'000'000'000}, {log::LogId(3), 5}},
                          .last_log = log::LogId(9)};
  EXPECT_EQ(manifest_text(manifest),
            "penstock-manifest-1\ngeneration 7\nlog 4\nlog 2\nsealed 1 1700000000000000\nsealed 3 5\nlast-log 9\n"
            "end e205fd8d20e66aa1\n");
  const auto read = parse_manifest(manifest_text(manifest));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->shard_logs, manifest.shard_logs);
  EXPECT_EQ(read->sealed_logs, manifest.sealed_logs);
  EXPECT_EQ(read->last_log, manifest.last_log);
}

TEST_F(DataDirectoryTest, a_damaged_manifest_is_an_error) {
  const std::string whole = manifest_text({.generation = 1, .shard_logs = {log::LogId(1)}, .last_log = log::LogId(1)});
  for (size_t bytes = 0; bytes + 1 < whole.size(); ++bytes)
    EXPECT_FALSE(parse_manifest(whole.substr(0, bytes)).has_value()) << bytes;
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(parse_manifest(damaged).has_value()) << damaged;
  }
  EXPECT_FALSE(parse_manifest("penstock-manifest-1\ngeneration 1\nlog 70000\nend\n").has_value());
  EXPECT_FALSE(parse_manifest("penstock-manifest-1\ngeneration 1\nlog 1\nvipers 1\nend\n").has_value());
}

}  // namespace
}  // namespace penstock::broker
