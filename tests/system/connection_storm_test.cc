// Thousands of connections from several processes come and go, idle ones and a storm of short ones, while somebody else
// publishes and receives: nothing is refused, the others are served all the time, and when they are gone so are their
// descriptors and their memory.
//
// PENSTOCK_STORM_CLIENTS (connections of each of three processes) and PENSTOCK_STORM_ROUNDS make it longer: 6000 and 20
// come close to 20,000 descriptors.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <iostream>
#include <thread>

#include "tests/support/broker_suite.h"
#include "tests/support/environment.h"

namespace penstock::test {
namespace {

BROKER_SUITE(ConnectionStorm);

constexpr uint64_t kMiB = 1 << 20;
constexpr int kIdleGenerators = 3;
constexpr std::chrono::seconds kGeneratorPatience{600};
// The log of the one who publishes opens its next segments meanwhile.
constexpr size_t kSpareDescriptors = 8;
// Ring, segments, queue pages, directories; the process has a few more.
constexpr size_t kDescriptorsPerShardMax = 20;

std::string bench_binary() {
  return std::filesystem::path(broker_binary()).parent_path() / "penstock-bench";
}

std::future<Finished> start_generator(const BrokerProcess& broker, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), bench_binary());
  const std::string target = "127.0.0.1:" + std::to_string(broker.port());
  arguments.insert(arguments.end(), {"--target", target, "--source-addresses", "3", "--warmup", "0s", "--quiet"});
  return std::async(std::launch::async, [arguments] { return run_program(arguments, {}, kGeneratorPatience); });
}

bool are_running(const std::vector<std::future<Finished>>& generators) {
  return std::ranges::any_of(generators, [](const std::future<Finished>& generator) {
    return generator.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
  });
}

// Until no more than so many are open; how many are.
size_t await_descriptors(const BrokerProcess& broker, size_t count_max) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  size_t count = broker.descriptor_count();
  while (count > count_max && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    count = broker.descriptor_count();
  }
  return count;
}

TEST_P(ConnectionStorm, leaves_no_descriptor_and_no_memory_behind_and_delays_nobody_for_ever) {
  if (runs_mosquitto()) GTEST_SKIP() << "looks at Penstock's memory";
  if (!std::filesystem::exists(bench_binary())) GTEST_SKIP() << "penstock-bench is not built";
  const std::string clients = std::to_string(number_from_environment("PENSTOCK_STORM_CLIENTS", 1500));
  const uint64_t rounds = number_from_environment("PENSTOCK_STORM_ROUNDS", 3);
  BrokerProcess& broker = own_broker({"--tail-bytes", "2097152"});
  TestClient subscriber = client("s");
  subscriber.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "first", 1);
  subscriber.expect_message(topic("x"), "first");
  size_t descriptors = kDescriptorsPerShardMax * static_cast<size_t>(shards());
  const uint64_t before = broker.resident_bytes();
  uint64_t warm = 0;
  for (uint64_t round = 1; round <= rounds && !HasFailure(); ++round) {
    std::vector<std::future<Finished>> generators;
    for (int i = 0; i < kIdleGenerators; ++i) {
      generators.push_back(start_generator(broker, {"idle", "--clients", clients, "--duration", "1s", "--timeout",
                                                    "60s", "--client-prefix", "i" + std::to_string(i)}));
    }
    generators.push_back(start_generator(
        broker, {"connect", "--clients", "500", "--inflight", "64", "--duration", "1s", "--timeout", "60s"}));
    uint64_t served = 0;
    size_t descriptors_most = 0;
    do {
      publisher.publish(topic("x"), std::to_string(++served), 1);
      subscriber.expect_message(topic("x"), std::to_string(served));
      if (served % 64 == 0) descriptors_most = std::max(descriptors_most, broker.descriptor_count());
    } while (are_running(generators) && !subscriber.broken());
    for (auto& generator : generators) {
      const Finished finished = generator.get();
      EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
    }
    EXPECT_LE(await_descriptors(broker, descriptors + kSpareDescriptors), descriptors + kSpareDescriptors);
    const uint64_t after = broker.resident_bytes();
    if (round == 1) {  // buffers and pools have got their size, every shard has its files
      warm = after;
      descriptors = broker.descriptor_count();
    }
    std::cout << "round " << round << ": " << served << " messages beside it, up to " << descriptors_most
              << " descriptors, afterwards " << broker.descriptor_count() << " and " << after / 1024 << " KiB (before "
              << before / 1024 << ")\n";
    EXPECT_LT(after, warm + 4 * kMiB);
  }
}

// Those beyond the descriptors that the process may have are kept waiting or closed, not half served.
TEST_P(ConnectionStorm, beyond_the_descriptors_nobody_is_harmed_and_places_come_back) {
  if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's descriptors";
  constexpr rlim_t kDescriptors = 256;
  TempDir dir;
  BrokerProcess broker({.data_dir = dir / "data", .shards = shards(), .in_child = [] {
                          const rlimit limit{kDescriptors, kDescriptors};
                          setrlimit(RLIMIT_NOFILE, &limit);
                        }});
  ASSERT_TRUE(broker.running());
  TestClient first(broker.port(), ConnectOptions{.client_id = "first"});
  first.subscribe("x", 1);
  for (int round = 0; round < 3; ++round) {
    std::vector<TestClient> crowd;
    for (rlim_t i = 0; i < 2 * kDescriptors; ++i) {
      crowd.emplace_back(broker.port());
      crowd.back().try_send(connect_packet({.client_id = "c" + std::to_string(i)}));
    }
    first.publish("x", "full", 1);
    first.expect_message("x", "full");
    EXPECT_LE(broker.descriptor_count(), kDescriptors);
    crowd.clear();
    // As long as the broker has not seen that they left, it closes whoever comes.
    Packet answer;
    for (int tries = 0; answer.type != Type::kConnack; ++tries) {
      ASSERT_LT(tries, 10'000);
      TestClient late(broker.port());
      if (!late.try_send(connect_packet({.client_id = "late"}))) continue;
      answer = late.next_or_end();
      if (answer.type != Type::kConnack) continue;
      late.publish("x", "late", 1);
      first.expect_message("x", "late");
    }
  }
  EXPECT_EQ(broker.stop(), 0);
}

}  // namespace
}  // namespace penstock::test
