// What the subcommands of penstock-log share: the context, exit codes, finding logs, texts for people. The tool only
// reads, also while a broker writes the same files; so a file may vanish or get its final name between two looks at it.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/storage.h"
#include "log/position.h"
#include "log/recovery.h"
#include "log/segment_catalog.h"

namespace penstock::tools {

using Json = nlohmann::ordered_json;

enum ExitCode : int {
  kFine = 0,
  kTrouble = 1,   // damage was found, or what was asked for is not there
  kUnusable = 2,  // wrong usage, or there is no data to look at
};

struct Tool {
  core::Storage& storage;
  std::string directory;  // a data directory, or one log's own
  bool json;
  std::ostream& out;
  std::ostream& err;
};

struct LogPlace {
  log::LogId id;
  std::string directory;
};

// All logs of the data directory, or the one that the directory is; an error explains why there is none.
core::Result<std::vector<LogPlace>> find_logs(Tool& tool);
// Prints the error (as JSON too, where that was asked for) and gives the code.
int unusable(Tool& tool, const core::Error& error);

// A broker that renames or retires a file in this moment makes one attempt fail: tries again, a few times.
template <typename Attempt>
auto with_patience(const Attempt& attempt) {
  auto result = attempt();
  for (int i = 0; i < 5 && !result.has_value() && result.error().code == ENOENT; ++i) result = attempt();
  return result;
}
void sleep_ms(int ms);

// "2026-11-22T22:41:00.000123Z"
std::string time_text(int64_t wall_us);
// That, with parts left out from the right; seconds since 1970; "-2h", "-30m", "-3d", "-90s" before now. UTC.
std::optional<int64_t> parse_time(std::string_view text, int64_t now_us);
// One line without control characters, cut at `bytes_max`.
std::string printable(std::string_view text, size_t bytes_max = SIZE_MAX);
bool is_text(core::Bytes bytes);  // UTF-8 without control characters other than white space
std::string base64(core::Bytes bytes);
std::string bytes_text(uint64_t bytes);  // "3.2 MiB"
std::string to_line(const Json& value);  // safe on text that is not UTF-8
Json damage_json(const log::Damage& damage);
std::string damage_text(const log::Damage& damage);
// Prints what is not a torn end; true if there was any.
bool print_damage(Tool& tool, const std::vector<log::Damage>& damage);

// --- The subcommands, one file each. They return an ExitCode.
struct RecordFilter {
  std::optional<uint16_t> log;
  std::optional<int64_t> from_us;  // inclusive
  std::optional<int64_t> to_us;    // exclusive
  std::string type;                // a record type's name; empty: all
  std::string topic_filter;        // empty: all
  std::string client_id;           // empty: all
  uint64_t count_max = UINT64_MAX;
};
int run_ls(Tool& tool);
int run_dump(Tool& tool, const RecordFilter& filter);
int run_show(Tool& tool, const std::string& message_id);
int run_query(Tool& tool, const std::string& parent, const RecordFilter& filter);
int run_queues(Tool& tool);
int run_sessions(Tool& tool, const std::string& client_id);
int run_verify(Tool& tool);
int run_tail(Tool& tool, uint64_t count, bool follow, const RecordFilter& filter);

}  // namespace penstock::tools
