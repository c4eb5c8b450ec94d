// SharedLog: what other shards may see of one log. The owner shard publishes watermarks; a reader on any shard takes
// records straight from the owner's tail memory, and finds older ones in the segment files.
//
// Reclaiming the tail: a reader shard pins the log before it reads a batch from the tail and unpins after it. The owner
// raises tail_begin first, then looks at the pins, and overwrites nothing at or after a pin. Both sides use seq_cst, so
// one of them sees the other (Dekker). A pin lasts at most one turn, so the owner waits at most a turn.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/storage.h"
#include "log/position.h"

namespace penstock::log {

constexpr size_t kShardsMax = 64;
constexpr uint64_t kNotPinned = UINT64_MAX;

// One segment file as a reader needs it. The file closes when the last list that names it is gone.
struct SegmentFile {
  core::FileId file;        // opened for reading, buffered; any shard
  LogOffset begin;          // log offset of the segment's first byte (its header block)
  LogOffset end;            // one past its last byte
  Sequence first_sequence;  // of its first record
};
using SegmentList = std::vector<SegmentFile>;  // by offset, without holes

struct alignas(64) Pin {
  std::atomic<uint64_t> offset{kNotPinned};  // log offset; everything from here on is in use
};

// The list in force. Any shard may read it, the owner replaces it; looked at only where the disk is, so a lock costs
// nothing that counts. std::atomic<std::shared_ptr> of GCC 12 unlocks a read without release, which is a data race.
class SharedSegments {
 public:
  std::shared_ptr<const SegmentList> load() const {
    const std::lock_guard lock(mutex_);
    return list_;
  }
  void store(std::shared_ptr<const SegmentList> list) { exchange(std::move(list)); }
  std::shared_ptr<const SegmentList> exchange(std::shared_ptr<const SegmentList> list) {
    const std::lock_guard lock(mutex_);
    return std::exchange(list_, std::move(list));
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const SegmentList> list_;
};

struct SharedLog {
  LogId id;
  Epoch epoch = 0;
  const std::byte* tail = nullptr;  // mirrored ring: tail + (offset & tail_mask) is contiguous for any record
  uint64_t tail_mask = 0;

  alignas(64) std::atomic<uint64_t> tail_begin{0};  // oldest offset that is still in the tail
  std::atomic<uint64_t> appended_end{0};
  std::atomic<uint64_t> durable_end{0};  // as the durability policy says
  std::atomic<uint64_t> synced_end{0};   // what a power cut leaves, whatever the policy
  SharedSegments segments;               // cold path only
  std::array<Pin, kShardsMax> pins;
  // Per reader shard: everything routed to it up to here has been taken out of its mailbox. The owner does not reclaim
  // what it has routed and the other has not yet looked at.
  std::array<Pin, kShardsMax> routed;

  const std::byte* tail_at(uint64_t offset) const { return tail + (offset & tail_mask); }
};

}  // namespace penstock::log
