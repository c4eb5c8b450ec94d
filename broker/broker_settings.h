// BrokerSettings: what the person who starts the broker can decide, from flags, environment and file (core/settings.h),
// checked as a whole. Start-up only.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "broker/listener_settings.h"
#include "broker/shard_options.h"
#include "core/diagnostics.h"
#include "core/result.h"
#include "core/settings.h"
#include "log/commit_log.h"

namespace penstock::broker {

constexpr const char* kVersion = "0.1.0";

struct BrokerSettings {
  std::vector<ListenerSettings> listen;
  std::string data_directory;
  uint16_t shards_count = 1;
  ShardOptions shard;
  log::LogOptions log;  // without directory and id
  core::LogLevel log_level = core::LogLevel::kInfo;
  bool allow_anonymous = false;
  std::string scram_users;  // path; empty: none
};

struct ParsedSettings {
  // Not empty: --help, --version or --check-config was asked for. Print it and exit with 0.
  std::string answer;
  BrokerSettings settings;
};

// The table that flags, file, environment, --help and docs/operations.md come from.
std::span<const core::Setting> broker_setting_table();

// `arguments` without the program's name; `environment` like getenv(3), may be empty. An error is one line that names
// the flag, variable or line of the file; the program then exits with 2.
core::Result<ParsedSettings> parse_broker_settings(std::span<const char* const> arguments,
                                                   const std::function<const char*(const char*)>& environment);

}  // namespace penstock::broker
