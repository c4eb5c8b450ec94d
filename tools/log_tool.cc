#include "tools/log_tool.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "log/file_names.h"
#include "protocol/utf8.h"

namespace penstock::tools {
namespace {

constexpr int64_t kUsPerSecond = 1'000'000;

std::string_view last_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

template <typename Integer>
bool parse_integer(std::string_view text, Integer& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<int64_t> parse_relative(std::string_view text, int64_t now_us) {
  if (text.size() < 3 || text.front() != '-') return std::nullopt;
  int64_t seconds_each = 0;
  switch (text.back()) {
    case 's':
      seconds_each = 1;
      break;
    case 'm':
      seconds_each = 60;
      break;
    case 'h':
      seconds_each = 3600;
      break;
    case 'd':
      seconds_each = 86400;
      break;
    default:
      return std::nullopt;
  }
  int64_t count = 0;
  if (!parse_integer(text.substr(1, text.size() - 2), count) || count < 0 || count > 1'000'000) return std::nullopt;
  return now_us - count * seconds_each * kUsPerSecond;
}

// "2026-11-22T22:41:00.5Z" and what is left of it when parts are missing.
std::optional<int64_t> parse_calendar(std::string_view text) {
  if (text.ends_with('Z')) text.remove_suffix(1);
  constexpr std::string_view kPattern = "0000-00-00T00:00:00";
  const std::string_view whole = text.substr(0, kPattern.size());
  if (whole.size() != 4 && whole.size() != 7 && whole.size() != 10 && whole.size() != 16 && whole.size() != 19) {
    return std::nullopt;
  }
  int fields[6] = {0, 1, 1, 0, 0, 0};
  int field = 0;
  int value = 0;
  for (size_t i = 0; i <= whole.size(); ++i) {
    if (i < whole.size() && kPattern[i] == '0') {
      if (whole[i] < '0' || whole[i] > '9') return std::nullopt;
      value = value * 10 + (whole[i] - '0');
      continue;
    }
    if (i < whole.size() && whole[i] != kPattern[i] && !(kPattern[i] == 'T' && whole[i] == ' ')) return std::nullopt;
    fields[field++] = value;
    value = 0;
  }
  if (fields[1] < 1 || fields[1] > 12 || fields[2] < 1 || fields[2] > 31 || fields[3] > 23 || fields[4] > 59 ||
      fields[5] > 60) {
    return std::nullopt;
  }
  tm calendar{};
  calendar.tm_year = fields[0] - 1900;
  calendar.tm_mon = fields[1] - 1;
  calendar.tm_mday = fields[2];
  calendar.tm_hour = fields[3];
  calendar.tm_min = fields[4];
  calendar.tm_sec = fields[5];
  int64_t us = static_cast<int64_t>(timegm(&calendar)) * kUsPerSecond;
  if (text.size() > kPattern.size()) {
    const std::string_view fraction = text.substr(kPattern.size());
    if (fraction.size() < 2 || fraction.front() != '.') return std::nullopt;
    int64_t scale = kUsPerSecond / 10;
    for (const char digit : fraction.substr(1)) {
      if (digit < '0' || digit > '9') return std::nullopt;
      us += (digit - '0') * scale;
      scale /= 10;
    }
  }
  return us;
}

}  // namespace

core::Result<std::vector<LogPlace>> find_logs(Tool& tool) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, tool.storage.list(tool.directory));
  if (const auto own = log::parse_log_directory_name(last_name(tool.directory))) {
    return std::vector<LogPlace>{{*own, tool.directory}};
  }
  std::vector<LogPlace> logs;
  for (const std::string& name : names) {
    if (const auto id = log::parse_log_directory_name(name)) logs.push_back({*id, log::path_in(tool.directory, name)});
  }
  if (logs.empty()) {
    return core::failure(tool.directory + ": no Penstock data directory: there is no folder log-<number> in it");
  }
  std::ranges::sort(logs, {}, &LogPlace::id);
  return logs;
}

int unusable(Tool& tool, const core::Error& error) {
  if (tool.json) tool.out << to_line({{"error", error.message}}) << "\n";
  tool.err << "penstock-log: " << printable(error.message) << "\n";
  return kUnusable;
}

void sleep_ms(int ms) {
  const timespec time{ms / 1000, (ms % 1000) * 1'000'000L};
  nanosleep(&time, nullptr);
}

std::string time_text(int64_t wall_us) {
  int64_t us = wall_us % kUsPerSecond;
  time_t seconds = wall_us / kUsPerSecond;
  if (us < 0) {
    us += kUsPerSecond;
    --seconds;
  }
  tm calendar{};
  if (gmtime_r(&seconds, &calendar) == nullptr) return std::to_string(wall_us) + "us";
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", calendar.tm_year + 1900,
                calendar.tm_mon + 1, calendar.tm_mday, calendar.tm_hour, calendar.tm_min, calendar.tm_sec,
                static_cast<int>(us));
  return text.data();
}

std::optional<int64_t> parse_time(std::string_view text, int64_t now_us) {
  if (const auto relative = parse_relative(text, now_us)) return relative;
  if (const auto calendar = parse_calendar(text)) return calendar;
  int64_t seconds = 0;
  if (text.size() > 4 && parse_integer(text, seconds) && seconds >= 0 && seconds < int64_t{1} << 40) {
    return seconds * kUsPerSecond;
  }
  return std::nullopt;
}

std::string printable(std::string_view text, size_t bytes_max) {
  std::string out;
  for (const char c : text.substr(0, bytes_max)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\x%02x", static_cast<unsigned char>(c));
      out += escaped.data();
    } else {
      out += c;
    }
  }
  if (text.size() > bytes_max) out += "...";
  return out;
}

bool is_text(core::Bytes bytes) {
  const std::string_view text = core::as_text(bytes);
  const bool plain = std::ranges::all_of(text, [](char c) {
    return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
  return plain && protocol::is_mqtt_utf8(text);
}

std::string base64(core::Bytes bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](size_t k) { return i + k < bytes.size() ? static_cast<uint32_t>(bytes[i + k]) : 0; };
    const uint32_t word = at(0) << 16 | at(1) << 8 | at(2);
    for (size_t k = 0; k < 4; ++k) {
      out += i + k > bytes.size() ? '=' : kDigits[word >> (18 - 6 * k) & 63];
    }
  }
  return out;
}

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string to_line(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json damage_json(const log::Damage& damage) {
  return {{"file", damage.file},
          {"offset", damage.file_offset},
          {"what", damage.what},
          {"bytes_lost", damage.bytes_lost},
          {"torn_end", damage.torn_end}};
}

std::string damage_text(const log::Damage& damage) {
  return damage.file + " at offset " + std::to_string(damage.file_offset) + ": " + damage.what;
}

bool print_damage(Tool& tool, const std::vector<log::Damage>& damage) {
  bool any = false;
  for (const log::Damage& each : damage) {
    if (each.torn_end) continue;
    any = true;
    tool.err << "penstock-log: DAMAGED: " << printable(damage_text(each)) << "\n";
  }
  return any;
}

}  // namespace penstock::tools
