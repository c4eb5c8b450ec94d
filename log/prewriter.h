// Prewriter: writes zeros into segment files ahead of group commit, so that a commit overwrites blocks that the file
// system already knows: syncing into new blocks costs a journal commit each time, about double. Works in bursts, one
// write of 1 MiB under way at a time, on a descriptor of its own. One thread, the shard's.
//
// It must never touch a byte at or behind the end of what group commit writes: commits ask overlaps() first.
#pragma once

#include <cstdint>
#include <functional>

#include "core/storage.h"
#include "log/segment.h"

namespace penstock::log {

class Prewriter final : public core::StorageOperation {
 public:
  static constexpr uint64_t kWriteBytes = 1u << 20;

  // `ahead_bytes` 0: does nothing. `done` is called after each write.
  Prewriter(core::Storage& storage, uint64_t ahead_bytes, std::function<void(int32_t)> done)
      : storage_(storage), ahead_bytes_(ahead_bytes), done_(std::move(done)) {}
  Prewriter(const Prewriter&) = delete;

  // Everything before this offset needs no zeros: written, or recycled. Multiple of 4096.
  void skip_to(uint64_t offset) {
    if (offset > end_) end_ = offset;
  }
  // The file at `begin` was replaced by a new one.
  void restart_at(uint64_t begin) { end_ = begin; }
  uint64_t end() const { return end_; }

  // Starts a write if there is one to do: ahead of `append_end`, within `active` and then `next` (may be null).
  void advance(uint64_t append_end, const Segment& active, const Segment* next);

  // Is a write under way that touches [begin, end)?
  bool overlaps(uint64_t begin, uint64_t end) const { return busy_ && begin < write_end_ && end > write_begin_; }
  const bool& idle() const { return idle_; }

 private:
  void complete(int32_t result) override;

  core::Storage& storage_;
  const uint64_t ahead_bytes_;
  std::function<void(int32_t)> done_;
  uint64_t end_ = 0;        // zeroed, or otherwise done with, up to here
  uint64_t burst_end_ = 0;  // go on until here without asking
  uint64_t write_begin_ = 0;
  uint64_t write_end_ = 0;
  bool busy_ = false;
  bool idle_ = true;
};

}  // namespace penstock::log
