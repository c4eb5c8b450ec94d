// The central promise on a real kernel and a real file system: the power is cut under load, at a random moment, again
// and again, on one disk (tests/support/power_cut_disk.h). No acknowledged message is lost, no QoS 2 message comes
// twice, order is kept. The canaries show that the disk loses what was not synced, and that the tests see it.
//
// PENSTOCK_SEED repeats a run's choices, PENSTOCK_CUTS sets the number of cuts of one test. Needs root and xfsprogs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>

#include "tests/support/broker_process.h"
#include "tests/support/environment.h"
#include "tests/support/power_cut_disk.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_client.h"
#include "tests/system/client_crowd.h"

namespace penstock::test {
namespace {

constexpr size_t kBlockBytes = 4096;

// One block of this letter at the begin of the file, past the page cache.
void write_directly(const std::string& path, char letter, int more_flags) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_DIRECT | O_CLOEXEC | more_flags, 0600);
  ASSERT_GE(file, 0) << path << ": " << strerror(errno);
  const std::unique_ptr<void, decltype(&free)> block(std::aligned_alloc(kBlockBytes, kBlockBytes), free);
  memset(block.get(), letter, kBlockBytes);
  EXPECT_EQ(pwrite(file, block.get(), kBlockBytes, 0), static_cast<ssize_t>(kBlockBytes));
  close(file);
}

std::string begin_of(const std::string& path) {
  std::string begin(4, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(begin.data(), 4);
  begin.resize(static_cast<size_t>(file.gcount()));
  return begin;
}

TEST(PowerCutDisk, loses_all_that_was_not_synced_and_nothing_else) {
  TempDir dir;
  PowerCutDisk disk(dir / "power");
  if (!disk.ready()) GTEST_SKIP() << disk.reason();
  for (int round = 0; round < 2; ++round) {
    for (const char* name : {"/overwritten", "/over-synced"}) write_directly(disk.path() + name, 'a', 0);
    ::sync();
    std::ofstream(disk.path() + "/plain") << "text";
    // A sync empties the cache of the whole disk: so it comes before what must get lost.
    write_directly(disk.path() + "/over-synced", 'b', O_DSYNC);
    write_directly(disk.path() + "/overwritten", 'b', 0);
    write_directly(disk.path() + "/direct", 'b', 0);
    EXPECT_EQ(begin_of(disk.path() + "/overwritten"), "bbbb");
    disk.cut();
    ASSERT_TRUE(disk.power_on());
    EXPECT_EQ(begin_of(disk.path() + "/plain"), "");
    EXPECT_EQ(begin_of(disk.path() + "/direct"), "");
    EXPECT_EQ(begin_of(disk.path() + "/overwritten"), "aaaa");
    EXPECT_EQ(begin_of(disk.path() + "/over-synced"), "bbbb");
  }
}

// How many of the messages that a broker acknowledged under this policy a cut right behind them takes.
int acknowledged_and_lost(const char* durability) {
  constexpr int kMessages = 100;
  TempDir dir;
  PowerCutDisk disk(dir / "power");
  BrokerProcess broker({.data_dir = disk.path(), .shards = 1, .more = {"--durability", durability}});
  TestClient(broker.port(), ConnectOptions{.client_id = "s", .clean_session = false}).subscribe("x", 1);
  EXPECT_EQ(broker.stop(), 0);  // the subscription is on the disk, whatever the policy
  if (!broker.restart()) return 0;
  TestClient publisher(broker.port(), ConnectOptions{.client_id = "p"});
  for (int i = 0; i < kMessages; ++i) publisher.publish("x", std::to_string(i), 1);
  disk.cut();
  broker.kill9();
  if (!disk.power_on() || !broker.restart()) return 0;
  TestClient(broker.port(), ConnectOptions{.client_id = "q"}).publish("x", "fence", 1);
  TestClient subscriber(broker.port(), ConnectOptions{.client_id = "s", .clean_session = false});
  int found = 0;
  while (!subscriber.broken() && subscriber.take_message().payload != "fence") ++found;
  EXPECT_EQ(broker.stop(), 0);
  return kMessages - found;
}

TEST(PowerCutDisk, canary_that_acknowledges_before_the_sync_is_caught) {
  if (runs_mosquitto()) GTEST_SKIP() << "a flag of Penstock";
  TempDir dir;
  if (const PowerCutDisk disk(dir / "power"); !disk.ready()) GTEST_SKIP() << disk.reason();
  int lost = 0;
  int cuts = 0;
  // One cut may come right behind the sync of each second.
  for (; cuts < 5 && lost == 0 && !HasFailure(); ++cuts) lost = acknowledged_and_lost("memory");
  std::cout << lost << " of 100 lost in cut " << cuts << '\n';
  EXPECT_GT(lost, 0) << "the disk keeps what was not synced, or the test does not see it";
  EXPECT_EQ(acknowledged_and_lost("sync"), 0);
}

struct Parameters {
  int shards;
  Load load;
};

class PowerCut : public testing::TestWithParam<Parameters> {
 protected:
  static constexpr uint64_t kCuts = 9;  // six tests: 54 in all
  static constexpr uint64_t kMessagesPerCutMax = 1500;

  PowerCut()
      : seed_(number_from_environment("PENSTOCK_SEED", std::random_device()())),
        random_(seed_),
        disk_(dir_ / "power"),
        crowd_(GetParam().load, random_) {}

  void load_and_cut() {
    crowd_.allow(kMessagesPerCutMax);
    // Mostly under full load; sometimes while clients still connect.
    crowd_.run_for_ms(static_cast<int64_t>(random_.chance(1, 6) ? random_.below(8) : 20 + random_.below(230)));
    disk_.cut();
    // The broker may live on for a moment without a disk: what it acknowledges then, it must have had.
    if (random_.chance(1, 2)) crowd_.run_for_ms(static_cast<int64_t>(random_.below(30)));
    broker_.kill9();
    crowd_.lose_all();
  }

  const uint64_t seed_;
  core::SeededRandom random_;
  TempDir dir_;
  PowerCutDisk disk_;
  BrokerProcess broker_;
  ClientCrowd crowd_;
};

TEST_P(PowerCut, loses_nothing_acknowledged_and_doubles_no_qos_2_message) {
  if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's log";
  if (!disk_.ready()) GTEST_SKIP() << disk_.reason();
  const uint64_t cuts = number_from_environment("PENSTOCK_CUTS", kCuts);
  SCOPED_TRACE("PENSTOCK_SEED=" + std::to_string(seed_));
  const std::string& data_dir = disk_.path();  // its stderr lies beside it, outside the disk
  // Small segments: the log rolls many times in a run.
  ASSERT_TRUE(
      broker_.start({.data_dir = data_dir, .shards = GetParam().shards, .more = {"--segment-bytes", "1048576"}}));
  crowd_.subscribe_all(broker_);
  for (uint64_t cut = 0; cut < cuts && !HasFailure(); ++cut) {
    SCOPED_TRACE("before cut " + std::to_string(cut));
    load_and_cut();
    ASSERT_TRUE(disk_.power_on());
    expect_log_verifies(data_dir);
    ASSERT_TRUE(broker_.restart());
    crowd_.connect_all_but_offline(broker_);
  }
  crowd_.drain(broker_, 1);
  std::cout << "seed " << seed_ << ", " << cuts << " cuts, " << crowd_.published_text() << "messages\n";
  crowd_.lose_all();
  EXPECT_EQ(broker_.stop(), 0);
  expect_log_verifies(data_dir);
}

std::vector<Parameters> all_parameters() {
  std::vector<Parameters> all;
  for (const int shards : {1, 2, 8}) {
    for (const Load& load : {kQos1Load, kMixedLoad}) all.push_back({shards, load});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(, PowerCut, testing::ValuesIn(all_parameters()), [](const auto& parameter) {
  return std::string(parameter.param.load.name) + "_shards_" + std::to_string(parameter.param.shards);
});

}  // namespace
}  // namespace penstock::test
