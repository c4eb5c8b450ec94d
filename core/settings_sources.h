// Where settings are read from before anybody looks at their values: the command line (CLI11) and the TOML file
// (toml++). Both libraries stay inside settings_sources.cc. Start-up only.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/settings.h"

namespace penstock::core {

struct RawSetting {
  std::vector<std::string> texts;
  std::string origin;
};
using RawSettings = std::map<std::string, RawSetting, std::less<>>;

// Unknown flags, missing values and arguments that are no flag are errors.
Result<RawSettings> read_arguments(std::span<const Setting> table, std::span<const char* const> arguments);
// Unknown keys and values of a wrong type are errors.
Result<RawSettings> read_settings_file(std::span<const Setting> table, const std::string& path);

}  // namespace penstock::core
