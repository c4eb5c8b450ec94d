#include "core/diagnostics.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <string>

namespace penstock::core {
namespace {

std::atomic<LogLevel> minimum_level{LogLevel::kInfo};

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "?";
}

}  // namespace

void set_log_level(LogLevel level) {
  minimum_level = level;
}
bool log_enabled(LogLevel level) {
  return level >= minimum_level.load(std::memory_order_relaxed);
}

void log_line(LogLevel level, std::string_view text) {
  if (!log_enabled(level)) return;
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  tm calendar;
  gmtime_r(&now.tv_sec, &calendar);
  char stamp[48];
  const size_t stamp_bytes = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &calendar);
  std::string line(stamp, stamp_bytes);
  char milliseconds[32];
  std::snprintf(milliseconds, sizeof milliseconds, ".%03dZ %s: ", static_cast<int>(now.tv_nsec / 1'000'000),
                name_of(level));
  line += milliseconds;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      line += c;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
    line += escaped;
  }
  line += '\n';
  // One write per line, so that lines of several threads do not mix. A closed stderr is nobody's problem here.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace penstock::core
