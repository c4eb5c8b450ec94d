// Everything at once for a long time: reliable clients of all kinds, generators at every QoS with slow readers among
// them, sessions that come and go with wills and retained messages, small segments that retention takes away, and
// checkpoints. Nothing is lost, and after the first third the broker's memory and files stay where they are.
//
// PENSTOCK_SOAK_S sets the seconds (./dev soak: an hour), PENSTOCK_SEED repeats the choices.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <iostream>
#include <map>
#include <random>

#include "tests/support/broker_process.h"
#include "tests/support/environment.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_client.h"
#include "tests/system/client_crowd.h"

namespace penstock::test {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr uint64_t kMiB = 1 << 20;
constexpr int kShards = 2;
constexpr uint64_t kSegmentBytes = 4 * kMiB;
constexpr uint64_t kRetentionBytes = 96 * kMiB;
constexpr int kPieceS = 20;  // generators run so long, and again
// Below this a run has not filled tails, pools and pages: too short to say anything about growth.
constexpr uint64_t kFlatFromS = 300;
constexpr uint64_t kGrowthMax = 16 * kMiB;
constexpr uint64_t kShortRunBytesMax = 256 * kMiB;

// One kind of generator after the other until the end; what the first that failed had to say.
std::future<std::string> keep_running(uint16_t port, std::vector<std::string> arguments, SteadyClock::time_point end) {
  arguments.insert(arguments.begin(), std::filesystem::path(broker_binary()).parent_path() / "penstock-bench");
  arguments.insert(arguments.end(),
                   {"--target", "127.0.0.1:" + std::to_string(port), "--timeout", "60s", "--drain", "60s", "--quiet"});
  return std::async(std::launch::async, [arguments, end] {
    do {
      const Finished finished = run_program(arguments, {}, std::chrono::seconds(kPieceS + 300));
      if (finished.exit_code != 0) return arguments[1] + ": " + finished.out + finished.err;
    } while (SteadyClock::now() < end);
    return std::string();
  });
}

// Sessions that come, find the retained message of their topic, set a new one, and die: their will is published.
class SessionChurn {
 public:
  explicit SessionChurn(uint16_t port) : port_(port), observer_(port, ConnectOptions{.client_id = "observer"}) {
    observer_.subscribe("will/+", 2);
  }

  void step() {
    const std::string number = std::to_string(++steps_);
    const std::string id = "visitor" + number;
    const std::string topic = "retained/" + std::to_string(steps_ % kTopics);
    const auto qos = static_cast<uint8_t>(1 + steps_ % 2);
    TestClient visitor(port_,
                       {.client_id = id, .clean_session = false, .will = Will{"will/" + id, number, qos, false}});
    visitor.subscribe(topic, 2);
    if (const auto last = retained_.find(topic); last != retained_.end()) visitor.expect_message(topic, last->second);
    visitor.publish(topic, number, qos, true);
    visitor.expect_message(topic, number);
    retained_[topic] = number;
    visitor.drop();
    observer_.expect_message("will/" + id, number);
    TestClient(port_, ConnectOptions{.client_id = id}).disconnect();  // ends the session
  }
  uint64_t steps() const { return steps_; }

 private:
  static constexpr uint64_t kTopics = 50;

  uint16_t port_;
  TestClient observer_;
  uint64_t steps_ = 0;
  std::map<std::string, std::string> retained_;
};

uint64_t bytes_of_logs(const std::string& data_dir) {
  uint64_t bytes = 0;
  std::error_code gone;
  for (std::filesystem::recursive_directory_iterator it(data_dir, gone), end; !gone && it != end; it.increment(gone)) {
    std::error_code retired;
    const uint64_t size = it->path().extension() == ".segment" ? it->file_size(retired) : 0;
    if (!retired) bytes += size;
  }
  return bytes;
}

struct Sample {
  double second;
  uint64_t memory;
  size_t descriptors;
  uint64_t logs;
};

class Soak : public testing::Test {
 protected:
  Soak()
      : seconds_(number_from_environment("PENSTOCK_SOAK_S", 12)),
        seed_(number_from_environment("PENSTOCK_SEED", std::random_device()())),
        random_(seed_),
        crowd_(kMixedLoad, random_) {}

  void start() {
    begin_ = SteadyClock::now();
    end_ = begin_ + std::chrono::seconds(seconds_);
    ASSERT_TRUE(broker_.start({.data_dir = dir_ / "data",
                               .shards = kShards,
                               .more = {"--segment-bytes", std::to_string(kSegmentBytes), "--tail-bytes", "8388608",
                                        "--retention-bytes", std::to_string(kRetentionBytes)}}));
    const std::string piece = std::to_string(std::min<uint64_t>(seconds_, kPieceS)) + "s";
    for (std::vector<std::string> arguments : std::vector<std::vector<std::string>>{
             {"pair", "--clients", "4", "--qos", "0", "--payload", "512", "--rate", "2000"},
             {"pair", "--clients", "4", "--qos", "2", "--rate", "200", "--persistent"},
             {"fanout", "--clients", "20", "--slow-subscribers", "3", "--qos", "1", "--payload", "1024", "--rate",
              "100"},
             {"fanin", "--publishers", "20", "--qos", "1", "--payload", "256", "--rate", "400"},
             {"connect", "--clients", "200", "--rate", "50"},
             {"idle", "--clients", "300"}}) {
      arguments.insert(arguments.end(), {"--duration", piece, "--warmup", "0s"});
      generators_.push_back(keep_running(broker_.port(), arguments, end_));
    }
    generators_.push_back(
        keep_running(broker_.port(), {"replay", "--clients", "10", "--messages", "1000", "--qos", "1"}, end_));
  }

  // The reliable clients publish, lose their connections now and then, and get everything.
  void round(SessionChurn& churn) {
    crowd_.offline_leave();
    crowd_.connect_all_but_offline(broker_);
    crowd_.allow(1000);
    for (int i = 0; i < 3; ++i) {
      crowd_.run_for_ms(static_cast<int64_t>(random_.below(300)));
      churn.step();
    }
    if (random_.chance(1, 3)) crowd_.lose_all();
    crowd_.drain(broker_, 1);
  }

  void take_sample() {
    const std::chrono::duration<double> since = SteadyClock::now() - begin_;
    samples_.push_back({.second = since.count(),
                        .memory = broker_.resident_bytes(),
                        .descriptors = broker_.descriptor_count(),
                        .logs = bytes_of_logs(broker_.flags().data_dir)});
    if (since.count() < next_shown_s_) return;
    next_shown_s_ += static_cast<double>(std::max<uint64_t>(seconds_ / 60, 10));
    const Sample& sample = samples_.back();
    std::cout << static_cast<int>(sample.second) << " s: " << sample.memory / 1024 << " KiB, " << sample.descriptors
              << " descriptors, logs " << sample.logs / kMiB << " MiB" << std::endl;
  }

  template <typename T>
  T most(T Sample::* what, double from, double to) const {
    T result = 0;
    for (const Sample& sample : samples_) {
      if (sample.second >= from * samples_.back().second && sample.second <= to * samples_.back().second) {
        result = std::max(result, sample.*what);
      }
    }
    return result;
  }

  void expect_flat() const {
    if (seconds_ < kFlatFromS) {
      EXPECT_LT(most(&Sample::memory, 0, 1), kShortRunBytesMax);
      return;
    }
    const uint64_t middle = most(&Sample::memory, 1.0 / 3, 2.0 / 3);
    const uint64_t last = most(&Sample::memory, 2.0 / 3, 1);
    std::cout << "most memory: " << middle / 1024 << " KiB in the second third, " << last / 1024 << " in the last\n";
    EXPECT_LT(last, middle + kGrowthMax);
    EXPECT_LE(most(&Sample::descriptors, 2.0 / 3, 1), most(&Sample::descriptors, 1.0 / 3, 2.0 / 3) + 200);
    // Retention keeps up: what a checkpoint does not cover yet stays longer.
    EXPECT_LT(most(&Sample::logs, 1.0 / 3, 1), kShards * (kRetentionBytes + 96 * kMiB));
  }

  const uint64_t seconds_;
  const uint64_t seed_;
  core::SeededRandom random_;
  TempDir dir_;
  BrokerProcess broker_;
  ClientCrowd crowd_;
  std::vector<std::future<std::string>> generators_;
  std::vector<Sample> samples_;
  double next_shown_s_ = 0;
  SteadyClock::time_point begin_;
  SteadyClock::time_point end_;
};

TEST_F(Soak, loses_nothing_and_stays_flat_under_mixed_load) {
  if (runs_mosquitto()) GTEST_SKIP() << "looks at Penstock's memory";
  SCOPED_TRACE("PENSTOCK_SEED=" + std::to_string(seed_));
  start();
  crowd_.subscribe_all(broker_);
  SessionChurn churn(broker_.port());
  while (SteadyClock::now() < end_ && !HasFailure()) {
    round(churn);
    take_sample();
  }
  for (auto& generator : generators_) EXPECT_EQ(generator.get(), "");
  crowd_.drain(broker_, 1);
  take_sample();
  std::cout << "seed " << seed_ << ", " << crowd_.published_text() << "messages, " << churn.steps() << " visitors\n";
  expect_flat();
  crowd_.lose_all();
  EXPECT_EQ(broker_.stop(), 0);
  std::cout << broker_.stderr_text();
  expect_log_verifies(dir_ / "data");
}

}  // namespace
}  // namespace penstock::test
