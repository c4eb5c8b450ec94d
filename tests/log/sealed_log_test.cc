// SealedLog: read as it was left, and taken away by retention, segment by segment, to the last.
#include "log/sealed_log.h"

#include <gtest/gtest.h>

#include "log/file_names.h"
#include "tests/log/log_harness.h"
#include "tests/sim/world_on_failure.h"

namespace penstock::log {
namespace {

constexpr const char* kDirectory = "/data/log-3";

TEST(SealedLogTest, retention_takes_its_segments_and_at_last_all_of_it) {
  sim::SimWorld world{1};
  sim::WorldOnFailure on_failure{world};
  sim::SimStorage disk{world};
  LogHarness harness{world, disk, small_log()};
  ASSERT_TRUE(harness.start()) << harness.violation;
  std::vector<int64_t> times;  // before each of three parts, a second apart, each longer than a segment
  for (int part = 0; part < 3; ++part) {
    world.clock().jump_wall(1'000'000);
    times.push_back(world.clock().wall_us());
    for (int i = 0; i < 100; ++i) {
      while (harness.append("t", std::string(1000, 'x')) != AppendRoom::kRoom) harness.turn(4);
      ASSERT_TRUE(harness.settle());
    }
  }
  bool done = false;
  harness.log->finish(done);
  world.run_until(done);
  harness.stop();
  const int64_t sealed_us = world.clock().wall_us();

  auto opened = SealedLog::open(disk, kDirectory, LogId(3), sealed_us);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  SealedLog& log = **opened;
  const auto segment_files = [&] {
    return std::ranges::count_if(disk.files(kDirectory), [](const std::string& name) {
      return parse_segment_file_name(name.substr(name.rfind('/') + 1)).has_value();
    });
  };
  const auto all = segment_files();
  ASSERT_TRUE(log.retire(times[0]).has_value());
  EXPECT_EQ(segment_files(), all) << "nothing is older than the first record";
  ASSERT_TRUE(log.retire(times[2]).has_value());
  EXPECT_LT(segment_files(), all);
  EXPECT_GT(segment_files(), 0);
  EXPECT_GT(log.shared().segments.load()->front().begin.value(), 0u);
  {
    // A reader holds the list: the files stay until it lets go.
    const auto held = log.shared().segments.load();
    ASSERT_TRUE(log.retire(sealed_us + 1).has_value());
    EXPECT_TRUE(log.gone());
    EXPECT_GT(segment_files(), 0);
  }
  ASSERT_TRUE(log.retire(sealed_us + 1).has_value());
  EXPECT_EQ(segment_files(), 0);
}

// Checkpoints speak of its records from then on.
TEST(SealedLogTest, what_a_kill_has_left_of_it_outlasts_a_power_cut_once_it_is_open) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    sim::SimWorld world{seed};
    sim::SimStorage disk{world};
    LogOptions options = small_log();
    options.durability = Durability::kWrite;
    LogHarness harness{world, disk, options};
    ASSERT_TRUE(harness.start()) << harness.violation;
    for (int i = 0; i < 10; ++i) ASSERT_EQ(harness.append("t", std::string(100, 'x')), AppendRoom::kRoom);
    ASSERT_TRUE(harness.settle());
    const LogOffset end = harness.log->appended_end();
    disk.kill();
    harness.stop();
    disk.restart();
    auto opened = SealedLog::open(disk, kDirectory, LogId(3), world.clock().wall_us());
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    disk.crash();
    opened->reset();
    disk.restart();
    const auto recovered =
        recover_log(disk, kDirectory, LogId(3), LogOffset(0), [](LogOffset, RecordView) { return true; });
    ASSERT_TRUE(recovered.has_value()) << recovered.error().message;
    EXPECT_EQ(recovered->start.end, end) << "seed " << seed;
  }
}

}  // namespace
}  // namespace penstock::log
