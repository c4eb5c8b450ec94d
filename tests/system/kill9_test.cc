// The central promise: the broker is killed with SIGKILL under load, at a random moment, again and again, on one data
// directory. No acknowledged message is lost, no QoS 2 message comes twice, and order is kept, for publishers of QoS 1
// and 2, and for subscribers that are online, that come and go, and that stay away until the end.
//
// PENSTOCK_SEED repeats a run's choices, PENSTOCK_KILLS sets the number of kills of one test.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>

#include "tests/support/broker_process.h"
#include "tests/support/temp_dir.h"
#include "tests/system/reliable_client.h"

namespace penstock::test {
namespace {

uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text != nullptr ? std::stoull(text) : otherwise;
}

// Who publishes and who subscribes.
struct Load {
  const char* name;
  uint8_t publish_qos;  // 1, 2, or 0 for both kinds together
  uint8_t subscribe_qos;
};

struct Parameters {
  int shards;
  Load load;
};

constexpr Load kLoads[] = {{"qos_1", 1, 1}, {"qos_2", 2, 2}, {"mixed", 0, 2}};

std::vector<Parameters> all_parameters() {
  std::vector<Parameters> all;
  for (const int shards : {1, 2, 8}) {
    for (const Load& load : kLoads) all.push_back({shards, load});
  }
  return all;
}

class Kill9 : public testing::TestWithParam<Parameters> {
 protected:
  static constexpr uint64_t kKills = 24;  // nine tests: 216 in all
  static constexpr uint64_t kMessagesPerKillMax = 1500;
  static constexpr int kDrainPatienceS = 60;

  Kill9()
      : seed_(number_from_environment("PENSTOCK_SEED", std::random_device()())),
        random_(seed_),
        online_("online", {{"k/#", GetParam().load.subscribe_qos}}),
        by_topic_("by topic", {{"k/0", GetParam().load.subscribe_qos},
                               {"k/1", GetParam().load.subscribe_qos},
                               {"k/2", GetParam().load.subscribe_qos},
                               {"k/3", GetParam().load.subscribe_qos}}),
        coming_and_going_("coming and going", {{"k/+", GetParam().load.subscribe_qos}}),
        offline_("offline", {{"k/#", GetParam().load.subscribe_qos}}) {
    for (uint64_t i = 0; i < 4; ++i) {
      const uint8_t qos = GetParam().load.publish_qos != 0 ? GetParam().load.publish_qos : i % 2 + 1;
      publishers_.push_back(std::make_unique<ReliablePublisher>("publisher" + std::to_string(i),
                                                                "k/" + std::to_string(i), qos, random_.next_u64()));
      for (ReliableSubscriber* subscriber : subscribers()) subscriber->expect_from(*publishers_.back());
      rig_.add(*publishers_.back());
    }
    for (ReliableSubscriber* subscriber : subscribers()) rig_.add(*subscriber);
  }

  std::vector<ReliableSubscriber*> subscribers() { return {&online_, &by_topic_, &coming_and_going_, &offline_}; }

  void subscribe_all() {
    rig_.open_all(broker_.port());
    ASSERT_TRUE(rig_.run_until(
        [&] {
          return std::ranges::all_of(subscribers(), &ReliableSubscriber::subscribed) &&
                 std::ranges::all_of(publishers_, [](const auto& publisher) { return publisher->established(); });
        },
        10));
    offline_.leave();
  }

  void connect_all_but_offline() {
    for (auto& publisher : publishers_) publisher->open(broker_.port());
    online_.open(broker_.port());
    by_topic_.open(broker_.port());
    if (random_.chance(1, 2)) coming_and_going_.open(broker_.port());
  }

  void load_and_kill() {
    for (auto& publisher : publishers_) publisher->allow(kMessagesPerKillMax);
    // Mostly under full load; sometimes while clients still connect.
    rig_.run_for_ms(static_cast<int64_t>(random_.chance(1, 6) ? random_.below(8) : 20 + random_.below(230)));
    broker_.kill9();
    rig_.lose_all();
  }

  uint64_t progress() {
    uint64_t sum = 0;
    for (const ReliableSubscriber* subscriber : subscribers()) sum += subscriber->received();
    for (const auto& publisher : publishers_) sum += publisher->acknowledged();
    return sum;
  }

  // Publishes so many more from each publisher, and waits until everybody has everything.
  void drain(uint64_t count) {
    for (auto& publisher : publishers_) publisher->allow(count);
    rig_.open_all(broker_.port());
    const auto finished = [&] {
      return std::ranges::all_of(publishers_, [](const auto& publisher) { return publisher->done(); }) &&
             std::ranges::all_of(subscribers(), [](const ReliableSubscriber* subscriber) {
               return subscriber->complete() && subscriber->settled();
             });
    };
    // As long as it goes on at all: how fast is not this test's question.
    for (uint64_t before = progress() - 1; before != progress();) {
      before = progress();
      if (rig_.run_until([&] { return finished() || HasFailure(); }, kDrainPatienceS)) return;
    }
    EXPECT_TRUE(broker_.alive()) << broker_.stderr_text();
    for (ReliableSubscriber* subscriber : subscribers()) {
      if (!subscriber->complete()) ADD_FAILURE() << "not everything arrived: " << subscriber->missing();
    }
    for (auto& publisher : publishers_) {
      EXPECT_TRUE(publisher->done()) << publisher->client_id() << ": " << publisher->acknowledged() << " of "
                                     << publisher->published() << " acknowledged";
    }
  }

  const uint64_t seed_;
  core::SeededRandom random_;
  TempDir dir_;
  BrokerProcess broker_;
  std::vector<std::unique_ptr<ReliablePublisher>> publishers_;
  ReliableSubscriber online_;
  ReliableSubscriber by_topic_;
  ReliableSubscriber coming_and_going_;
  ReliableSubscriber offline_;
  Rig rig_;
};

TEST_P(Kill9, loses_nothing_acknowledged_and_doubles_no_qos_2_message) {
  const uint64_t kills = number_from_environment("PENSTOCK_KILLS", kKills);
  SCOPED_TRACE("PENSTOCK_SEED=" + std::to_string(seed_));
  // Small segments: the log rolls many times in a run.
  ASSERT_TRUE(
      broker_.start({.data_dir = dir_ / "data", .shards = GetParam().shards, .more = {"--segment-bytes", "1048576"}}));
  subscribe_all();
  for (uint64_t kill = 0; kill < kills && !HasFailure(); ++kill) {
    SCOPED_TRACE("before kill " + std::to_string(kill));
    load_and_kill();
    if (random_.chance(1, 6)) broker_.kill_while_starting(std::chrono::microseconds(random_.below(60'000)));
    ASSERT_TRUE(broker_.restart());
    connect_all_but_offline();
  }
  drain(1);
  std::cout << "seed " << seed_ << ", " << kills << " kills, ";
  for (auto& publisher : publishers_) std::cout << publisher->published() << ' ';
  std::cout << "messages\n";
  rig_.lose_all();
  EXPECT_EQ(broker_.stop(), 0);
  expect_log_verifies(dir_ / "data");
}

INSTANTIATE_TEST_SUITE_P(, Kill9, testing::ValuesIn(all_parameters()), [](const auto& parameter) {
  return std::string(parameter.param.load.name) + "_shards_" + std::to_string(parameter.param.shards);
});

// The same clients against a broker that is stopped cleanly each time: then nothing at all may come twice.
TEST_P(Kill9, clean_stops_repeat_nothing) {
  SCOPED_TRACE("PENSTOCK_SEED=" + std::to_string(seed_));
  ASSERT_TRUE(broker_.start({.data_dir = dir_ / "data", .shards = GetParam().shards}));
  subscribe_all();
  for (int round = 0; round < 3 && !HasFailure(); ++round) {
    connect_all_but_offline();
    drain(300);
    const uint64_t received = online_.received() + by_topic_.received() + offline_.received();
    for (ReliableSubscriber* subscriber : subscribers()) subscriber->leave();
    EXPECT_EQ(broker_.stop(), 0);
    rig_.lose_all();
    ASSERT_TRUE(broker_.restart());
    drain(1);  // one more message from each publisher: everything that would be repeated comes before it
    EXPECT_EQ(online_.received() + by_topic_.received() + offline_.received(), received + 3 * publishers_.size());
  }
  rig_.lose_all();
  EXPECT_EQ(broker_.stop(), 0);
  expect_log_verifies(dir_ / "data");
}

// SIGTERM while everybody is busy: it ends with 0 within the patience of a test, and nothing is lost either.
TEST_P(Kill9, sigterm_under_load_ends_cleanly) {
  SCOPED_TRACE("PENSTOCK_SEED=" + std::to_string(seed_));
  ASSERT_TRUE(broker_.start({.data_dir = dir_ / "data", .shards = GetParam().shards}));
  subscribe_all();
  for (int round = 0; round < 4 && !HasFailure(); ++round) {
    connect_all_but_offline();
    for (auto& publisher : publishers_) publisher->allow(20'000);
    rig_.run_for_ms(static_cast<int64_t>(random_.below(200)));
    broker_.terminate();
    std::optional<int> code;
    EXPECT_TRUE(rig_.run_until([&] { return (code = broker_.poll_exit()).has_value(); }, kDrainPatienceS));
    EXPECT_EQ(code.value_or(-1), 0) << broker_.stderr_text();
    rig_.lose_all();
    ASSERT_TRUE(broker_.restart());
  }
  drain(1);
  rig_.lose_all();
  EXPECT_EQ(broker_.stop(), 0);
  expect_log_verifies(dir_ / "data");
}

}  // namespace
}  // namespace penstock::test
