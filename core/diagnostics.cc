#include "core/diagnostics.h"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <string>

namespace penstock::core {
namespace {

// Names that a peer has chosen may be 64 KiB long. And where poll() says that a pipe takes something, it takes 4 KiB.
constexpr size_t kLineBytesMax = 2048;

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

// One write per line, so that lines of several threads do not mix. Who reads them may be gone, or may have stopped to:
// no shard waits for that, the line is lost.
void write_line(std::string_view line) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  pollfd output{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&output, 1, 0) != 1 || (output.revents & POLLOUT) == 0) return;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
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
    if (line.size() >= kLineBytesMax) {
      line += "...";
      break;
    }
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      line += c;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
    line += escaped;
  }
  line += '\n';
  write_line(line);
}

}  // namespace penstock::core
