// Diagnostics: what an operator reads. One line per event on stderr, with UTC time and level; thread-safe. Never called
// per message: whoever reports what a peer can cause at will goes through a RateLimit.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::core {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);
// Control characters in `text` are escaped, so that no peer can forge lines; a line ends after 2 KiB. Never waits:
// where nobody takes the line it is lost.
void log_line(LogLevel level, std::string_view text);

// Lets `burst` events through per period and counts the rest. One thread.
class RateLimit {
 public:
  RateLimit(uint32_t burst, int64_t period_ns) : burst_(burst), period_ns_(period_ns) {}

  // True when this event may be reported; `suppressed` is then how many were not since the last one.
  bool allow(int64_t now_ns, uint64_t& suppressed) {
    if (now_ns - period_start_ns_ >= period_ns_) {
      period_start_ns_ = now_ns;
      passed_ = 0;
    }
    if (passed_ >= burst_) {
      ++suppressed_;
      return false;
    }
    ++passed_;
    suppressed = suppressed_;
    suppressed_ = 0;
    return true;
  }

 private:
  uint32_t burst_;
  int64_t period_ns_;
  int64_t period_start_ns_ = INT64_MIN / 2;
  uint32_t passed_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace penstock::core
