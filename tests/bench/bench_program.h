// penstock-bench as a child process: its exit code, what it prints and its report.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace penstock::bench {

struct Outcome {
  int exit_code = -1;
  std::string out, err;
  nlohmann::json json;  // null where it wrote no report
};

// `target` as in --target.
Outcome run_bench(const test::TempDir& directory, const std::string& target, std::vector<std::string> flags);
Outcome run_bench(const test::TempDir& directory, uint16_t port, std::vector<std::string> flags);

// Of a report of pair, fanout or fanin.
void expect_everything_delivered(const nlohmann::json& json);

}  // namespace penstock::bench
