#include "core/settings.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "core/check.h"
#include "core/settings_sources.h"

namespace penstock::core {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};
constexpr Unit kByteUnits[] = {
    {"", 1},
    {"B", 1},
    {"KiB", 1u << 10},
    {"MiB", 1u << 20},
    {"GiB", 1u << 30},
    {"TiB", 1ull << 40},
    {"KB", 1'000},
    {"kB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
};
constexpr Unit kDurationUnits[] = {
    {"ms", 1'000},        {"s", 1'000'000},      {"m", 60'000'000},
    {"h", 3'600'000'000}, {"d", 86'400'000'000}, {"w", 604'800'000'000},
};

// A whole number and one of the units; `wanted` says how it should look.
Result<uint64_t> parse_number(std::string_view text, std::span<const Unit> units, std::string_view wanted) {
  const auto wrong = [&] { return failure(quoted_text(text) + " is not " + std::string(wanted)); };
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return failure(quoted_text(text) + " is too large");
  if (error != std::errc()) return wrong();
  const std::string_view name = text.substr(static_cast<size_t>(end - text.data()));
  const auto unit = std::ranges::find(units, name, &Unit::name);
  if (unit == units.end()) return wrong();
  uint64_t product;
  if (__builtin_mul_overflow(number, unit->factor, &product)) return failure(quoted_text(text) + " is too large");
  return product;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == text.npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string joined(std::string_view choices, std::string_view with) {
  std::string result;
  for (const std::string_view choice : split(choices, '|')) {
    if (!result.empty()) result += with;
    result += choice;
  }
  return result;
}

Result<uint64_t> parse_choice(const Setting& setting, std::string_view text) {
  const auto choices = split(setting.choices, '|');
  const auto found = std::ranges::find(choices, text);
  if (found == choices.end()) return failure(quoted_text(text) + " is none of " + joined(setting.choices, ", "));
  return static_cast<uint64_t>(found - choices.begin());
}

Result<uint64_t> parse_switch(std::string_view text) {
  if (text == "true" || text == "1") return 1;
  if (text == "false" || text == "0") return 0;
  return failure(quoted_text(text) + " is neither true nor false");
}

// A limit in the unit that people write it in.
std::string limit_text(SettingKind kind, uint64_t limit) {
  const std::span<const Unit> units = kind == SettingKind::kBytes      ? std::span<const Unit>(kByteUnits).first(6)
                                      : kind == SettingKind::kDuration ? std::span<const Unit>(kDurationUnits)
                                                                       : std::span<const Unit>(kByteUnits).first(1);
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (unit.factor > best->factor && limit % unit.factor == 0 && limit >= unit.factor) best = &unit;
  }
  return std::to_string(limit / best->factor) + std::string(limit == 0 ? "" : best->name);
}

Result<uint64_t> parse_unsigned_duration_us(std::string_view text) {
  if (text == "0") return 0;
  Result<uint64_t> us = parse_number(text, kDurationUnits, "a duration like 90s, 15m, 12h or 3d");
  if (us && *us > static_cast<uint64_t>(INT64_MAX)) return failure(quoted_text(text) + " is too large");
  return us;
}

Result<uint64_t> parse_value(const Setting& setting, std::string_view text) {
  Result<uint64_t> number = 0;
  switch (setting.kind) {
    case SettingKind::kText:
      return text.empty() ? Result<uint64_t>(failure("is empty")) : 0;
    case SettingKind::kSwitch:
      return parse_switch(text);
    case SettingKind::kChoice:
      return parse_choice(setting, text);
    case SettingKind::kCount:
      number = parse_count(text);
      break;
    case SettingKind::kBytes:
      number = parse_bytes(text);
      break;
    case SettingKind::kDuration:
      number = parse_unsigned_duration_us(text);
      break;
  }
  if (number && *number < setting.min) {
    return failure(quoted_text(text) + " is less than " + limit_text(setting.kind, setting.min));
  }
  if (number && *number > setting.max) {
    return failure(quoted_text(text) + " is more than " + limit_text(setting.kind, setting.max));
  }
  return number;
}

std::string environment_name(std::string_view prefix, std::string_view name) {
  std::string result(prefix);
  for (const char c : name) result += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return result;
}

RawSettings read_environment(std::span<const Setting> table, const SettingSources& sources) {
  RawSettings raw;
  if (!sources.environment) return raw;
  for (const Setting& setting : table) {
    if (setting.place == SettingPlace::kFlag) continue;
    const std::string name = environment_name(sources.environment_prefix, setting.name);
    const char* text = sources.environment(name.c_str());
    if (text == nullptr) continue;
    RawSetting value{{}, name};
    for (const std::string_view part : split(text, setting.repeatable ? ',' : '\0')) value.texts.emplace_back(part);
    raw.emplace(setting.name, std::move(value));
  }
  return raw;
}

}  // namespace

std::string quoted_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text.substr(0, 100)) result += static_cast<uint8_t>(c) < 0x20 || c == 0x7f ? '?' : c;
  return result + (text.size() > 100 ? "...\"" : "\"");
}

Result<uint64_t> parse_count(std::string_view text) {
  return parse_number(text, std::span(kByteUnits).first(1), "a whole number");
}

Result<uint64_t> parse_bytes(std::string_view text) {
  return parse_number(text, kByteUnits, "a size like 4096, 64KiB or 10GiB");
}

Result<int64_t> parse_duration_us(std::string_view text) {
  ASSIGN_OR_RETURN(const uint64_t us, parse_unsigned_duration_us(text));
  return static_cast<int64_t>(us);
}

Result<Settings> Settings::read(std::span<const Setting> table, const SettingSources& sources) {
  ASSIGN_OR_RETURN(RawSettings raw, read_arguments(table, sources.arguments));
  raw.merge(read_environment(table, sources));
  if (const auto config = raw.find("config"); config != raw.end()) {
    ASSIGN_OR_RETURN(RawSettings file, read_settings_file(table, config->second.texts.back()));
    raw.merge(std::move(file));
  }
  Settings settings;
  for (const Setting& setting : table) {
    Value value;
    if (const auto given = raw.find(setting.name); given != raw.end()) {
      value.texts = std::move(given->second.texts);
      value.origin = given->second.origin;
      value.is_given = true;
    } else if (!setting.default_text.empty()) {
      value.texts.emplace_back(setting.default_text);
      value.origin = "--" + std::string(setting.name);
    }
    if (!setting.repeatable && value.texts.size() > 1) value.texts.erase(value.texts.begin(), value.texts.end() - 1);
    for (const std::string& text : value.texts) {
      Result<uint64_t> number = parse_value(setting, text);
      if (!number) return failure(value.origin + ": " + number.error().message);
      value.number = *number;
    }
    settings.values_.emplace(setting.name, std::move(value));
  }
  return settings;
}

const Settings::Value& Settings::value(std::string_view name) const {
  const auto found = values_.find(name);
  CHECK(found != values_.end());
  return found->second;
}

bool Settings::is_given(std::string_view name) const {
  return value(name).is_given;
}
const std::vector<std::string>& Settings::texts(std::string_view name) const {
  return value(name).texts;
}
const std::string& Settings::text(std::string_view name) const {
  CHECK(!value(name).texts.empty());
  return value(name).texts.back();
}
bool Settings::is_on(std::string_view name) const {
  return value(name).number != 0;
}
uint64_t Settings::number(std::string_view name) const {
  return value(name).number;
}
int64_t Settings::duration_us(std::string_view name) const {
  return static_cast<int64_t>(value(name).number);
}
size_t Settings::choice(std::string_view name) const {
  return value(name).number;
}
const std::string& Settings::origin(std::string_view name) const {
  return value(name).origin;
}

std::string settings_help(std::span<const Setting> table) {
  constexpr size_t kHelpColumn = 34;
  constexpr size_t kLineMax = 110;
  std::string help;
  for (const Setting& setting : table) {
    std::string line = "  --" + std::string(setting.name);
    if (setting.kind != SettingKind::kSwitch) {
      line += ' ' + std::string(setting.choices.empty() ? setting.value_name : setting.choices);
    }
    if (line.size() + 2 > kHelpColumn) {
      help += line + '\n';
      line.clear();
    }
    line.resize(kHelpColumn - 1, ' ');
    std::string text(setting.help);
    if (!setting.default_text.empty()) text += " (default: " + std::string(setting.default_text) + ")";
    for (const std::string_view word : split(text, ' ')) {
      if (line.size() + 1 + word.size() > kLineMax) {
        help += line + '\n';
        line.assign(kHelpColumn - 1, ' ');
      }
      line.append(" ").append(word);
    }
    help += line + '\n';
  }
  return help;
}

std::string settings_markdown(std::span<const Setting> table, std::string_view environment_prefix) {
  std::string page = "| flag | environment | default | meaning |\n|---|---|---|---|\n";
  for (const Setting& setting : table) {
    std::string value;
    if (!setting.choices.empty()) value = joined(setting.choices, "\\|");
    if (setting.choices.empty() && setting.kind != SettingKind::kSwitch) value = setting.value_name;
    page += "| `--" + std::string(setting.name) + "`" + (value.empty() ? "" : " " + value) + " | ";
    if (setting.place != SettingPlace::kFlag) page += '`' + environment_name(environment_prefix, setting.name) + '`';
    page += " | " + std::string(setting.default_text) + " | " + std::string(setting.help) + " |\n";
  }
  return page;
}

}  // namespace penstock::core
