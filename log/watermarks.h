// Watermarks of one log: appended_end >= written_end >= synced_end, each only ever rising. The order is checked at each
// change: an acknowledgement that runs ahead of the disk is the one thing that this program must never do.
#pragma once

#include <cstdint>

#include "core/check.h"

namespace penstock::log {

class Watermarks {
 public:
  uint64_t appended() const { return appended_; }
  uint64_t written() const { return written_; }
  uint64_t synced() const { return synced_; }

  // After recovery: all that is there is on the disk.
  void start_at(uint64_t end) { appended_ = written_ = synced_ = end; }
  void raise_appended(uint64_t end) {
    CHECK_GE(end, appended_);
    appended_ = end;
  }
  void raise_written(uint64_t end) {
    CHECK_GE(end, written_);
    CHECK_LE(end, appended_);
    written_ = end;
  }
  void raise_synced(uint64_t end) {
    CHECK_GE(end, synced_);
    CHECK_LE(end, written_);
    synced_ = end;
  }

 private:
  uint64_t appended_ = 0;
  uint64_t written_ = 0;
  uint64_t synced_ = 0;
};

}  // namespace penstock::log
