// What a match costs with 1, 1,000 and 1,000,000 filters, what a filter costs in memory, and what a cache hit costs.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/match_cache.h"
#include "broker/subscription_tree.h"
#include "core/random.h"
#include "protocol/topic_hash.h"

namespace penstock {
namespace {

using broker::FilterId;
using broker::SubscriptionTree;
using protocol::TopicFilter;
using protocol::TopicName;

constexpr const char* kShapes[] = {"/telemetry/temperature", "/telemetry/+", "/telemetry/#"};

std::string device(uint64_t i) {
  return "factory/device-" + std::to_string(1'000'000 + i);
}

// Arguments: filters, shape.
void match(benchmark::State& state) {
  const auto filters = static_cast<uint64_t>(state.range(0));
  malloc_trim(0);
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  auto tree = std::make_unique<SubscriptionTree>(42);
  for (uint64_t i = 0; i < filters; ++i) {
    tree->insert(TopicFilter::accepted(device(i) + kShapes[state.range(1)]));
  }
  const size_t used = mallinfo2().uordblks + mallinfo2().hblkhd - before;
  core::SeededRandom random(7);
  std::vector<std::string> names;
  for (int i = 0; i < 4096; ++i) names.push_back(device(random.below(filters)) + "/telemetry/temperature");
  std::vector<FilterId> found;
  size_t i = 0;
  for (auto _ : state) {
    tree->match(TopicName::accepted(names[i++ & 4095]), found);
    if (found.size() != 1) state.SkipWithError("a filter is missing");
  }
  state.SetLabel(kShapes[state.range(1)]);
  state.counters["bytes_per_filter"] = static_cast<double>(used) / static_cast<double>(filters);
}
BENCHMARK(match)->ArgsProduct({{1, 1000, 1'000'000}, {0, 1, 2}})->Name("subscription_tree_match");

void cache_hit(benchmark::State& state) {
  broker::MatchCache cache;
  std::vector<std::string> names;
  std::vector<uint32_t> hashes;
  for (uint64_t i = 0; i < 64; ++i) {
    names.push_back(device(i) + "/telemetry/temperature");
    const TopicName name = TopicName::accepted(names.back());
    hashes.push_back(protocol::topic_hash(name));
    cache.store(name, hashes.back(), std::vector<FilterId>{{1, 2}});
  }
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.find(TopicName::accepted(names[i & 63]), hashes[i & 63]));
    ++i;
  }
}
BENCHMARK(cache_hit)->Name("match_cache_hit");

}  // namespace
}  // namespace penstock
