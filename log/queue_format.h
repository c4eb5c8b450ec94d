// QueueEntry and QueuePage: how a ConsumeQueue lies in memory, in a checkpoint and in the index files.
//
// entry, 16 bytes:      63              16 15       0
//                      +------------------+----------+
//                      | arrival (48)     | log (16) |   arrival: ordinal of the message's arrival at this shard
//                      +------------------+----+-----+
//                      | place / 8 (52)   |flags (12)|   place: LogOffset; flags: QoS of the message in bits 0-1
//                      +------------------+----------+
//
// page, 4,096 bytes: { u64 checksum of [8, 4096); u64 queue id; u64 index of the first entry; u32 count; u32 magic;
//                      254 entries }
#pragma once

#include <cstddef>
#include <cstdint>

#include "log/position.h"

namespace penstock::log {

class QueueEntry {
 public:
  QueueEntry() = default;
  QueueEntry(uint64_t arrival, LogId log, LogOffset offset, uint8_t qos)
      : first_(arrival << 16 | log.value()), second_((offset.value() / 8) << 12 | qos) {}

  uint64_t arrival() const { return first_ >> 16; }
  LogId log() const { return LogId(static_cast<uint16_t>(first_)); }
  LogOffset offset() const { return LogOffset((second_ >> 12) * 8); }
  uint8_t qos() const { return second_ & 3; }
  bool operator==(const QueueEntry&) const = default;

 private:
  uint64_t first_ = 0;
  uint64_t second_ = 0;
};
static_assert(sizeof(QueueEntry) == 16);

constexpr size_t kQueuePageBytes = 4096;
constexpr size_t kQueuePageEntries = 254;
constexpr uint32_t kQueuePageMagic = 0x51505350;  // "PSPQ"

struct QueuePage {
  uint64_t checksum;  // XXH3-64 of the bytes after it
  uint64_t queue;
  uint64_t first_index;
  uint32_t count;
  uint32_t magic;
  QueueEntry entries[kQueuePageEntries];
};
static_assert(sizeof(QueuePage) == kQueuePageBytes);
static_assert(offsetof(QueuePage, entries) == 32);

}  // namespace penstock::log
