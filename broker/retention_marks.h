// RetentionMarks: sparse notes of which entry of a queue points where, so that entries whose records have been retired
// can be dropped without reading them. One note per 65,536 entries. Lost at a restart, which only delays the dropping.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "log/position.h"
#include "log/queue_format.h"

namespace penstock::broker {

class RetentionMarks {
 public:
  // Called with each entry that is appended, and its index.
  void note(log::QueueIndex index, const log::QueueEntry& entry) {
    if (index.value() % kEntriesPerMark == 0) marks_.push_back({index, entry.log(), entry.offset()});
  }

  // Entries before the result point to records that are gone. `begin_of(log)`: first offset that a log still has.
  template <typename BeginOf>
  log::QueueIndex retired_end(BeginOf&& begin_of) {
    const auto kept = std::ranges::find_if(marks_, [&](const Mark& mark) { return mark.offset >= begin_of(mark.log); });
    const log::QueueIndex end = kept == marks_.begin() ? log::QueueIndex(0) : std::prev(kept)->index;
    marks_.erase(marks_.begin(), kept);
    return end;
  }

 private:
  static constexpr uint64_t kEntriesPerMark = 65'536;
  struct Mark {
    log::QueueIndex index;
    log::LogId log;
    log::LogOffset offset;
  };
  std::vector<Mark> marks_;
};

}  // namespace penstock::broker
