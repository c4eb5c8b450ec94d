// Settings: options as one table (name, kind, default, range, help), from which come the flags, the keys of a TOML
// file, the environment, --help and the table of the operations page. A value counts from the first of flag,
// environment, file and default that gives it. Start-up only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace penstock::core {

enum class SettingKind : uint8_t {
  kText,
  kSwitch,    // --name; true or false elsewhere
  kCount,     // whole number
  kBytes,     // 4096, 64KiB, 10GiB
  kDuration,  // 90s, 15m, 12h, 3d; 0
  kChoice,    // one of `choices`
};

enum class SettingPlace : uint8_t {
  kEverywhere,
  kNotInFile,  // flag and environment
  kFlag,       // for switches that ask for an answer instead of a run
};

struct Setting {
  std::string_view name;  // "data-dir": --data-dir, PENSTOCK_DATA_DIR, data-dir = "..."
  SettingKind kind = SettingKind::kText;
  std::string_view value_name;    // for --help: "DIR"
  std::string_view default_text;  // empty: there is none, and is_given() tells
  uint64_t min = 0;               // of a count, bytes, or microseconds
  uint64_t max = UINT64_MAX;
  std::string_view choices;  // "sync|write|memory"
  std::string_view help;
  bool repeatable = false;  // otherwise the last one counts
  SettingPlace place = SettingPlace::kEverywhere;
};

struct SettingSources {
  std::string_view environment_prefix;                  // "PENSTOCK_"
  std::span<const char* const> arguments;               // without the program's name
  std::function<const char*(const char*)> environment;  // like getenv(3); may be empty
};

class Settings {
 public:
  // Reads and checks everything that counts. An error is one line that names the flag, variable or line of the file.
  // The file is the one that a setting named "config" (kText) gives.
  static Result<Settings> read(std::span<const Setting> table, const SettingSources& sources);

  // The name must be in the table, with the right kind.
  bool is_given(std::string_view name) const;  // by any source but the default
  const std::string& text(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;
  bool is_on(std::string_view name) const;
  uint64_t number(std::string_view name) const;  // count or bytes
  int64_t duration_us(std::string_view name) const;
  size_t choice(std::string_view name) const;  // index into the setting's choices
  // Who gave it: "--shards", "PENSTOCK_SHARDS", "penstock.toml:3: shards". For errors that only the owner can see.
  const std::string& origin(std::string_view name) const;

 private:
  struct Value {
    std::vector<std::string> texts;
    std::string origin;
    uint64_t number = 0;  // count, bytes, microseconds, index of the choice, 0 or 1
    bool is_given = false;
  };
  const Value& value(std::string_view name) const;
  std::map<std::string, Value, std::less<>> values_;
};

// "  --data-dir DIR        help text (default: data)", wrapped, one setting after the other.
std::string settings_help(std::span<const Setting> table);
// A Markdown table: flag, environment, default, meaning.
std::string settings_markdown(std::span<const Setting> table, std::string_view environment_prefix);

// The text for an error message: in quotes, bounded, on one line.
std::string quoted_text(std::string_view text);

// The value formats; nullopt-like failure is an Error that says what is wrong with `text`.
Result<uint64_t> parse_count(std::string_view text);
Result<uint64_t> parse_bytes(std::string_view text);
Result<int64_t> parse_duration_us(std::string_view text);

}  // namespace penstock::core
