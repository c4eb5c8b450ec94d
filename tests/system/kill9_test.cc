// The central promise: the broker is killed with SIGKILL under load, at a random moment, again and again, on one data
// directory. No acknowledged message is lost, no QoS 2 message comes twice, and order is kept, for publishers of QoS 1
// and 2, and for subscribers that are online, that come and go, and that stay away until the end; each of them with
// clients of 3.1, 3.1.1 and 5.0 over each transport, all at one broker.
//
// PENSTOCK_SEED repeats a run's choices, PENSTOCK_KILLS sets the number of kills of one test,
// PENSTOCK_TEST_CLIENT=v5_wss and the like makes all clients of that kind.
#include <gtest/gtest.h>

#include <optional>
#include <random>

#include "tests/support/broker_process.h"
#include "tests/support/environment.h"
#include "tests/support/temp_dir.h"
#include "tests/system/client_crowd.h"

namespace penstock::test {
namespace {

struct Parameters {
  int shards;
  Load load;
};

std::vector<Parameters> all_parameters() {
  std::vector<Parameters> all;
  for (const int shards : {1, 2, 8}) {
    for (const Load& load : {kQos1Load, kQos2Load, kMixedLoad}) all.push_back({shards, load});
  }
  return all;
}

class Kill9 : public testing::TestWithParam<Parameters> {
 protected:
  static constexpr uint64_t kKills = 24;  // nine tests: 216 in all
  static constexpr uint64_t kMessagesPerKillMax = 1500;

  Kill9()
      : seed_(number_from_environment("PENSTOCK_SEED", std::random_device()())),
        random_(seed_),
        kinds_(client_kinds_under_test()),
        crowd_(GetParam().load, random_, kinds_) {}

  bool start(std::vector<std::string> flags) {
    const std::vector<std::string> listeners = listeners_for(kinds_, dir_ / "listener");
    flags.insert(flags.end(), listeners.begin(), listeners.end());
    // Less than a publisher would send by itself.
    if (!runs_mosquitto()) flags.insert(flags.end(), {"--receive-max", "10"});
    return broker_.start({.data_dir = dir_ / "data", .shards = GetParam().shards, .more = std::move(flags)});
  }

  void load_and_kill() {
    crowd_.allow(kMessagesPerKillMax);
    // Mostly under full load; sometimes while clients still connect.
    crowd_.run_for_ms(static_cast<int64_t>(random_.chance(1, 6) ? random_.below(8) : 20 + random_.below(230)));
    broker_.kill9();
    crowd_.lose_all();
  }

  const uint64_t seed_;
  core::SeededRandom random_;
  TempDir dir_;
  BrokerProcess broker_;
  const std::vector<ClientKind> kinds_;
  ClientCrowd crowd_;
};

TEST_P(Kill9, loses_nothing_acknowledged_and_doubles_no_qos_2_message) {
  const uint64_t kills = number_from_environment("PENSTOCK_KILLS", kKills);
  SCOPED_TRACE("PENSTOCK_SEED=" + std::to_string(seed_));
  // Small segments: the log rolls many times in a run.
  ASSERT_TRUE(start({"--segment-bytes", "1048576"}));
  crowd_.subscribe_all(broker_);
  crowd_.warm_up();
  for (uint64_t kill = 0; kill < kills && !HasFailure(); ++kill) {
    SCOPED_TRACE("before kill " + std::to_string(kill));
    load_and_kill();
    if (random_.chance(1, 6)) broker_.kill_while_starting(std::chrono::microseconds(random_.below(60'000)));
    ASSERT_TRUE(broker_.restart());
    crowd_.connect_all_but_offline(broker_);
  }
  crowd_.drain(broker_, 1);
  EXPECT_TRUE(broker_.alive()) << broker_.stderr_text();
  crowd_.expect_all_kinds_took_part();
  std::cout << "seed " << seed_ << ", " << kills << " kills, " << crowd_.published_text() << "messages\n";
  crowd_.lose_all();
  EXPECT_EQ(broker_.stop(), 0);
  expect_log_verifies(dir_ / "data");
}

INSTANTIATE_TEST_SUITE_P(, Kill9, testing::ValuesIn(all_parameters()), [](const auto& parameter) {
  return std::string(parameter.param.load.name) + "_shards_" + std::to_string(parameter.param.shards);
});

// The same clients against a broker that is stopped cleanly each time: then nothing at all may come twice.
TEST_P(Kill9, clean_stops_repeat_nothing) {
  SCOPED_TRACE("PENSTOCK_SEED=" + std::to_string(seed_));
  ASSERT_TRUE(start({}));
  crowd_.subscribe_all(broker_);
  for (int round = 0; round < 3 && !HasFailure(); ++round) {
    crowd_.connect_all_but_offline(broker_);
    crowd_.drain(broker_, 100);
    const uint64_t received = crowd_.received();
    crowd_.all_subscribers_leave();
    EXPECT_EQ(broker_.stop(), 0);
    crowd_.lose_all();
    ASSERT_TRUE(broker_.restart());
    crowd_.drain(broker_, 1);  // one more message of each publisher: all that would be repeated comes before it
    EXPECT_EQ(crowd_.received(), received + crowd_.received_of_one_each());
  }
  crowd_.lose_all();
  EXPECT_EQ(broker_.stop(), 0);
  expect_log_verifies(dir_ / "data");
}

// SIGTERM while everybody is busy: it ends with 0 within the patience of a test, and nothing is lost either.
TEST_P(Kill9, sigterm_under_load_ends_cleanly) {
  SCOPED_TRACE("PENSTOCK_SEED=" + std::to_string(seed_));
  ASSERT_TRUE(start({}));
  crowd_.subscribe_all(broker_);
  for (int round = 0; round < 4 && !HasFailure(); ++round) {
    crowd_.connect_all_but_offline(broker_);
    crowd_.allow(20'000);
    crowd_.run_for_ms(static_cast<int64_t>(random_.below(200)));
    broker_.terminate();
    std::optional<int> code;
    EXPECT_TRUE(crowd_.rig().run_until([&] { return (code = broker_.poll_exit()).has_value(); }, 60));
    EXPECT_EQ(code.value_or(-1), 0) << broker_.stderr_text();
    crowd_.lose_all();
    ASSERT_TRUE(broker_.restart());
  }
  crowd_.drain(broker_, 1);
  crowd_.lose_all();
  EXPECT_EQ(broker_.stop(), 0);
  expect_log_verifies(dir_ / "data");
}

}  // namespace
}  // namespace penstock::test
