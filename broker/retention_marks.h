// RetentionMarks: sparse notes of which entry of a queue points where, so that entries whose records have been retired
// can be dropped without reading them. One note per 65,536 entries. Lost at a restart, which only delays the dropping.
#pragma once

#include <cstdint>
#include <deque>

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
    log::QueueIndex end(0);
    while (!marks_.empty() && marks_.front().offset < begin_of(marks_.front().log)) {
      end = marks_.front().index;
      marks_.pop_front();
    }
    return end;
  }

 private:
  static constexpr uint64_t kEntriesPerMark = 65'536;
  struct Mark {
    log::QueueIndex index;
    log::LogId log;
    log::LogOffset offset;
  };
  std::deque<Mark> marks_;
};

}  // namespace penstock::broker
