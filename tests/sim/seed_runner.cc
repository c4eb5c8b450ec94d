#include "tests/sim/seed_runner.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <iostream>

#include "core/check.h"
#include "core/diagnostics.h"
#include "tests/sim/broker_scenario.h"
#include "tests/sim/broker_tally.h"

namespace penstock::sim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kJobsMax = 64;
constexpr unsigned kSecondsMax = 240;  // for one seed, by the real clock: longer is a loop without an end

// Between the processes.
struct Shared {
  std::atomic<uint64_t> next{0};
  std::atomic<uint64_t> done{0};
  std::array<std::atomic<uint64_t>, kJobsMax> under_way{};
};

Shared* make_shared_memory() {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  return new (memory) Shared;
}

bool run_scenario(uint64_t seed, const ScenarioLimits& limits, ScenarioTally& tally) {
  alarm(kSecondsMax);
  BrokerScenario(seed, limits, tally).run();
  return !testing::Test::HasFailure();
}

// Never returns. Ends with 1 at the first seed that fails.
[[noreturn]] void work(const SeedRun& run, Shared& shared, size_t job) {
  if (std::freopen("/dev/null", "w", stdout) == nullptr || std::freopen("/dev/null", "w", stderr) == nullptr) _exit(2);
  ScenarioTally tally;
  while (Clock::now() < run.until) {
    const uint64_t index = shared.next.fetch_add(1);
    if (index >= run.count) break;
    shared.under_way[job] = run.first + index;
    const bool fine = run_scenario(run.first + index, run.limits, tally);
    shared.done.fetch_add(1);
    if (!fine) _exit(1);
  }
  _exit(0);
}

pid_t start_worker(const SeedRun& run, Shared& shared, size_t job) {
  std::cout.flush();
  const pid_t child = fork();
  CHECK_GE(child, 0);
  if (child == 0) work(run, shared, job);
  return child;
}

std::string read_all(int file) {
  std::string all;
  char buffer[4096];
  for (ssize_t bytes; (bytes = read(file, buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(bytes));
  return all;
}

class Shrinker {
 public:
  Shrinker(uint64_t seed, ScenarioLimits limits) : seed_(seed), limits_(limits) {}

  ScenarioLimits run() {
    fewer(&ScenarioLimits::lives_max, draw_plan(seed_, limits_).lives, 0);
    for (bool less = true; less;) {
      less = false;
      for (size_t i = 0; i < kFeatures; ++i) less |= without(static_cast<Feature>(i));
    }
    fewer(&ScenarioLimits::clients_max, draw_plan(seed_, limits_).clients.size(), 1);
    fewer(&ScenarioLimits::shards_max, draw_plan(seed_, limits_).broker.shards_count, 1);
    return limits_;
  }

 private:
  bool fails(const ScenarioLimits& limits) const { return failure_of(seed_, limits).has_value(); }
  bool without(Feature feature) {
    if (!draw_plan(seed_, limits_).has(feature)) return false;
    ScenarioLimits less = limits_;
    less.off.add(feature);
    if (!fails(less)) return false;
    limits_ = less;
    return true;
  }
  void fewer(size_t ScenarioLimits::* limit, size_t now, size_t min) {
    for (; now > min; --now) {
      ScenarioLimits less = limits_;
      less.*limit = now - 1;
      if (!fails(less)) return;
      limits_ = less;
    }
  }

  uint64_t seed_;
  ScenarioLimits limits_;
};

}  // namespace

SeedResults run_seeds(const SeedRun& run) {
  core::set_log_level(core::LogLevel::kError);
  Shared& shared = *make_shared_memory();
  const size_t jobs = std::min(run.jobs, kJobsMax);
  std::array<pid_t, kJobsMax> workers{};
  for (size_t job = 0; job < jobs; ++job) workers[job] = start_worker(run, shared, job);
  SeedResults results;
  for (size_t left = jobs; left > 0;) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    CHECK_GT(ended, 0);
    const auto job = static_cast<size_t>(std::find(workers.begin(), workers.end(), ended) - workers.begin());
    CHECK_LT(job, jobs);
    --left;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    if (!WIFEXITED(status)) shared.done.fetch_add(1);
    results.failed.push_back(shared.under_way[job]);
    if (results.failed.size() >= run.failures_max) {
      shared.next = run.count;
      continue;
    }
    workers[job] = start_worker(run, shared, job);
    ++left;
  }
  results.run = shared.done;
  munmap(&shared, sizeof shared);
  return results;
}

std::optional<std::string> failure_of(uint64_t seed, const ScenarioLimits& limits) {
  int pipe_ends[2];
  CHECK_EQ(pipe(pipe_ends), 0);
  std::cout.flush();
  const pid_t child = fork();
  CHECK_GE(child, 0);
  if (child == 0) {
    dup2(pipe_ends[1], STDOUT_FILENO);
    dup2(pipe_ends[1], STDERR_FILENO);
    close(pipe_ends[0]);
    std::setvbuf(stdout, nullptr, _IONBF, 0);  // failures and trace in their order
    ScenarioTally tally;
    const bool fine = run_scenario(seed, limits, tally);
    std::cout.flush();
    std::fflush(nullptr);
    _exit(fine ? 0 : 1);
  }
  close(pipe_ends[1]);
  std::string printed = read_all(pipe_ends[0]);
  close(pipe_ends[0]);
  int status = 0;
  CHECK_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) printed += "it does not come to an end\n";
  return printed;
}

ScenarioLimits shrink(uint64_t seed, ScenarioLimits limits) {
  return Shrinker(seed, limits).run();
}

std::string flags_of(const ScenarioLimits& limits) {
  std::string flags;
  for (size_t i = 0; i < kFeatures; ++i)
    if (limits.off.has(static_cast<Feature>(i)))
      flags += (flags.empty() ? " --off " : ",") + std::string(name_of(static_cast<Feature>(i)));
  if (limits.clients_max != SIZE_MAX) flags += " --clients " + std::to_string(limits.clients_max);
  if (limits.lives_max != SIZE_MAX) flags += " --lives " + std::to_string(limits.lives_max);
  if (limits.shards_max != ScenarioLimits{}.shards_max) flags += " --shards " + std::to_string(limits.shards_max);
  return flags;
}

}  // namespace penstock::sim
