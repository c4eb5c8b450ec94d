// LogProgress: how far something has come, per log. A vector of these is a shard's or a session's logical clock.
// The sequence is what lasts; the offset is this machine's short cut to it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "log/position.h"
#include "log/record_format.h"

namespace penstock::broker {

struct LogProgress {
  log::LogId log;
  log::Sequence sequence;  // of the last record that counts as passed
  log::LogOffset offset;   // where that record begins
  bool operator==(const LogProgress&) const = default;
};

// At most a handful of logs: searched linearly.
class LogClock {
 public:
  // Everything of `log` up to and with this record has been passed. Never goes back.
  void advance(log::LogId log, log::Sequence sequence, log::LogOffset offset) {
    for (LogProgress& progress : progress_) {
      if (progress.log != log) continue;
      if (progress.offset < offset) progress = {log, sequence, offset};
      return;
    }
    progress_.push_back({log, sequence, offset});
  }
  // Everything of `log` before `end` has been passed. Which sequence that is, is not known here.
  void advance_to(log::LogId log, uint64_t end) {
    if (end > 0) advance(log, log::Sequence(0), log::LogOffset(end - log::kRecordAlignment));
  }
  // `log` ends here, whatever was passed of it: what lies behind is something else now. False: nothing was.
  bool cut(log::LogId log, uint64_t end) {
    for (LogProgress& progress : progress_) {
      if (progress.log != log || progress.offset.value() < end) continue;
      progress = {log, log::Sequence(0), log::LogOffset(end - std::min<uint64_t>(end, log::kRecordAlignment))};
      return true;
    }
    return false;
  }
  bool has_passed(log::LogId log, log::LogOffset offset) const {
    for (const LogProgress& progress : progress_)
      if (progress.log == log) return offset <= progress.offset;
    return false;
  }
  // Where a replay of `log` must begin: at or before the first record not passed.
  log::LogOffset offset_of(log::LogId log) const {
    for (const LogProgress& progress : progress_)
      if (progress.log == log) return progress.offset;
    return log::LogOffset(0);
  }
  bool operator==(const LogClock&) const = default;
  bool empty() const { return progress_.empty(); }
  const std::vector<LogProgress>& entries() const { return progress_; }
  std::vector<LogProgress>& entries() { return progress_; }

 private:
  std::vector<LogProgress> progress_;
};

}  // namespace penstock::broker
