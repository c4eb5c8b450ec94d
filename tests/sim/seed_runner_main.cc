// penstock-sim: what ./dev sim starts. Seeds of whole brokers in the simulator: one with its trace, many, or as many as
// a time allows; of those that fail, the smallest story that still does. With --canary it has to find a failing one.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <fstream>
#include <iostream>
#include <random>

#include "core/diagnostics.h"
#include "tests/sim/broker_scenario.h"
#include "tests/sim/broker_tally.h"
#include "tests/sim/seed_runner.h"

namespace penstock::sim {
namespace {

constexpr const char* kWholeTrace = "10000000";  // lines, more than any story has

struct Flags {
  std::optional<uint64_t> seed;
  std::optional<uint64_t> first;
  std::optional<uint64_t> seeds;
  std::string duration;  // "90s", "20m", "8h"
  size_t jobs = 0;
  std::vector<std::string> off;
  ScenarioLimits limits;
  bool no_shrinking = false;
  bool canary = false;
  std::string program;
  std::string trace_path;
};

std::chrono::seconds parse_duration(const std::string& text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  if (error == std::errc() && number > 0) {
    if (unit == "s" || unit.empty()) return std::chrono::seconds(number);
    if (unit == "m") return std::chrono::minutes(number);
    if (unit == "h") return std::chrono::hours(number);
  }
  throw CLI::ValidationError("--for", text + " is no duration like 90s, 20m or 8h");
}

std::string last_lines(const std::string& text, size_t count) {
  size_t at = text.size();
  while (at > 0 && (text[at - 1] != '\n' || at == text.size() || count-- > 0)) --at;
  return text.substr(at);
}

// What the oracle or a CHECK has said; the trace is for --seed.
std::string without_trace(const std::string& printed) {
  return last_lines(printed.substr(0, printed.find("--- world of seed")), 12);
}

int replay(const Flags& flags) {
  if (!flags.trace_path.empty()) setenv("PENSTOCK_TRACE", kWholeTrace, 0);
  core::set_log_level(core::LogLevel::kInfo);
  std::cout << "seed " << *flags.seed << "\n" << draw_plan(*flags.seed, flags.limits).describe() << std::flush;
  ScenarioTally tally;
  BrokerScenario scenario(*flags.seed, flags.limits, tally);
  scenario.run();
  if (!flags.trace_path.empty()) {
    std::ofstream trace(flags.trace_path);
    scenario.print_trace(trace);
  }
  std::cout << describe(tally) << "\ntrace hash " << std::hex << scenario.trace_hash() << std::dec << "\n";
  return testing::Test::HasFailure() ? 1 : 0;
}

void report_failure(uint64_t seed, const Flags& flags) {
  std::cout << "\nseed " << seed << " fails:\n"
            << without_trace(failure_of(seed, flags.limits).value_or("(not when it is run again)\n"))
            << draw_plan(seed, flags.limits).describe();
  if (flags.no_shrinking) return;
  const ScenarioLimits least = shrink(seed, flags.limits);
  std::cout << "the smallest story that still fails:\n"
            << without_trace(failure_of(seed, least).value_or("")) << draw_plan(seed, least).describe()
            << "its trace: " << flags.program << " --seed " << seed << flags_of(least) << "\n"
            << std::flush;
}

int run_many(const Flags& flags) {
  SeedRun run{.limits = flags.limits, .jobs = flags.jobs};
  run.first = flags.first.value_or(uint64_t{std::random_device()()} << 20);
  if (flags.seeds.has_value()) run.count = *flags.seeds;
  if (!flags.duration.empty()) run.until = std::chrono::steady_clock::now() + parse_duration(flags.duration);
  if (flags.canary) run.failures_max = 1;
  const auto begin = std::chrono::steady_clock::now();
  std::cout << "seeds from " << run.first << " on, " << run.jobs << " at a time" << std::endl;
  const SeedResults results = run_seeds(run);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::cout << results.run << " seeds in " << took.count() << " s, " << results.failed.size() << " failed\n"
            << std::flush;
  if (flags.canary) {
    if (results.failed.empty()) std::cout << "the planted bug was not found\n";
    for (const uint64_t seed : results.failed)
      std::cout << "found with seed " << seed << ":\n" << without_trace(failure_of(seed, flags.limits).value_or("?\n"));
    return results.failed.empty() ? 1 : 0;
  }
  for (const uint64_t seed : results.failed) report_failure(seed, flags);
  return results.failed.empty() ? 0 : 1;
}

int run(int argc, char** argv) {
  Flags flags{.program = "./dev sim"};
  CLI::App app("Whole Penstock brokers in the simulator (tests/sim/README.md)");
  app.add_option("--seed", flags.seed, "Run this one, with its plan and, if it fails, its trace");
  app.add_option("--seeds", flags.seeds, "Run so many seeds");
  app.add_option("--for", flags.duration, "Run seeds for this time: 90s, 20m, 8h");
  app.add_option("--first", flags.first, "The first seed of many (drawn)")->envname("PENSTOCK_FIRST_SEED");
  app.add_option("--jobs", flags.jobs, "Processes at once")->default_val(std::thread::hardware_concurrency());
  app.add_option("--off", flags.off, "Features that are switched off")->delimiter(',');
  app.add_option("--clients", flags.limits.clients_max, "At most so many clients");
  app.add_option("--lives", flags.limits.lives_max, "At most so many lives before the last one");
  app.add_option("--shards", flags.limits.shards_max, "At most so many shards");
  app.add_option("--trace", flags.trace_path, "With --seed: writes the whole trace to this file");
  app.add_flag("--no-shrinking", flags.no_shrinking, "Print failing seeds as they are");
  app.add_flag("--canary", flags.canary, "Succeed only if a seed fails");
  try {
    app.parse(argc, argv);
    for (const std::string& name : flags.off) {
      const auto feature = feature_named(name);
      if (!feature.has_value()) throw CLI::ValidationError("--off", "there is no feature " + name);
      flags.limits.off.add(*feature);
    }
    if (flags.seed.has_value()) return replay(flags);
    if (!flags.seeds.has_value() && flags.duration.empty()) throw CLI::RequiredError("--seed, --seeds or --for");
    return run_many(flags);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
}

}  // namespace
}  // namespace penstock::sim

int main(int argc, char** argv) {
  int one = 1;
  testing::InitGoogleTest(&one, argv);  // for the assertions of the oracle; the flags are ours
  return penstock::sim::run(argc, argv);
}
