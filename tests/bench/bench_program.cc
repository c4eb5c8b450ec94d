#include "tests/bench/bench_program.h"

#include <filesystem>
#include <fstream>

#include "tests/support/broker_process.h"

namespace penstock::bench {

using Json = nlohmann::json;

Outcome run_bench(const test::TempDir& directory, const std::string& target, std::vector<std::string> flags) {
  const std::string json_file = directory / "report.json";
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "penstock-bench";
  flags.insert(flags.begin(), program);
  for (const std::string& flag :
       {"--target=" + target, "--json=" + json_file, std::string("--quiet"), std::string("--warmup=100ms")}) {
    flags.push_back(flag);
  }
  std::filesystem::remove(json_file);
  const auto finished = test::run_program(flags);
  Outcome outcome{finished.exit_code, finished.out, finished.err, nullptr};
  if (std::ifstream file(json_file); file) outcome.json = Json::parse(file, nullptr, false);
  return outcome;
}

Outcome run_bench(const test::TempDir& directory, uint16_t port, std::vector<std::string> flags) {
  return run_bench(directory, "127.0.0.1:" + std::to_string(port), std::move(flags));
}

void expect_everything_delivered(const Json& json) {
  ASSERT_TRUE(json.contains("check")) << json;
  const Json& check = json["check"];
  EXPECT_GT(check["expected"], 0);
  EXPECT_EQ(check["expected"], json["delivered"]["total"]);
  for (const char* name : {"lost", "duplicates", "reordered", "corrupt", "unacknowledged", "connections_lost"}) {
    EXPECT_EQ(check[name], 0) << name;
  }
  EXPECT_TRUE(json["problems"].empty());
}

}  // namespace penstock::bench
