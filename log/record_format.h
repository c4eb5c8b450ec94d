// The record: how one message, or one change of durable state, lies in a segment. This file owns the whole format.
//
//      0        4    5     6         8                                  16
//      +--------+----+-----+---------+----------------------------------+
//      | bytes  |type|flags|publisher| checksum                         |
//      |        |    |     | bytes   | XXH3-64 of [16, bytes), seeded   |
//      |        |    |     |         | with [0, 8) as little-endian u64 |
//   16 +--------+----+-----+---------+-----+------------+---------------+
//      | sequence                    24    | epoch   28 | topic hash    |
//   32 +-----------------------------------+------------+---------------+
//      | wall time, us               40 topic| 42 packet|44 properties  |
//      |                                bytes|    id    |   bytes       |
//   48 +-----------------------------------+------------+---------------+
//      | publisher client id | u16 BE topic bytes, topic | properties | payload | zeros to a multiple of 8 |
//
// Topic with its length, properties and payload are in MQTT wire form, so that a delivery copies them as they are.
// Little-endian. The version stands in the segment header. `bytes` counts without the padding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/bytes.h"
#include "log/position.h"

namespace penstock::log {

// The log knows one type of its own; the rest belong to the broker (broker/state_records.h), which sees them in order
// at recovery.
using RecordType = uint8_t;
constexpr RecordType kEpochStart = 1;  // first record after each start of the log; nothing but the header
constexpr RecordType kMessage = 2;     // an application message

// Meaning of `flags` for kMessage.
constexpr uint8_t kRecordQosMask = 0x03;
constexpr uint8_t kRecordRetain = 0x04;

// Set by the log itself, in a record of any type: when this record was appended, the write of everything before it had
// ended, or the write that holds this record starts only after that. So in a log that syncs each write, finding this
// record proves that what lies before it was on the disk: a hole there is corruption, and not the trace of a torn
// write.
constexpr uint8_t kRecordStartsWrite = 0x80;

struct RecordHeader {
  uint32_t bytes;
  RecordType type;
  uint8_t flags;
  uint16_t publisher_bytes;
  uint64_t checksum;
  uint64_t sequence;
  uint32_t epoch;
  uint32_t topic_hash;
  int64_t wall_us;
  uint16_t topic_bytes;
  uint16_t packet_id;
  uint32_t properties_bytes;
};
static_assert(sizeof(RecordHeader) == 48);
static_assert(offsetof(RecordHeader, checksum) == 8);
static_assert(offsetof(RecordHeader, sequence) == 16);
static_assert(offsetof(RecordHeader, wall_us) == 32);
static_assert(offsetof(RecordHeader, properties_bytes) == 44);

constexpr uint64_t kRecordAlignment = 8;
constexpr uint32_t kRecordBytesMax = (256u << 20) + (1u << 20);  // an MQTT packet of the largest size, and our header

// What a caller gives to append. The views must live during the call only.
struct RecordParts {
  RecordType type = kMessage;
  uint8_t flags = 0;
  uint16_t packet_id = 0;
  uint32_t topic_hash = 0;
  std::string_view publisher;  // at most 65,535 bytes
  std::string_view topic;      // at most 65,535 bytes
  core::Bytes properties;
  core::Bytes payload;
};

constexpr uint64_t record_bytes(const RecordParts& parts) {
  return sizeof(RecordHeader) + parts.publisher.size() + 2 + parts.topic.size() + parts.properties.size() +
         parts.payload.size();
}
constexpr uint64_t padded_record_bytes(uint64_t bytes) {
  return core::align_up(bytes, kRecordAlignment);
}

// A view of a record in memory (tail, chunk of a cold read); lives as long as that memory is pinned.
class RecordView {
 public:
  RecordView() = default;
  explicit RecordView(const std::byte* at) : at_(at) {}

  const RecordHeader& header() const { return *reinterpret_cast<const RecordHeader*>(at_); }
  Sequence sequence() const { return Sequence(header().sequence); }
  uint8_t qos() const { return header().flags & kRecordQosMask; }
  bool retain() const { return (header().flags & kRecordRetain) != 0; }
  std::string_view publisher() const { return text(sizeof(RecordHeader), header().publisher_bytes); }
  std::string_view topic() const { return text(topic_at() + 2, header().topic_bytes); }
  core::Bytes topic_wire() const { return {at_ + topic_at(), size_t{2} + header().topic_bytes}; }
  core::Bytes properties() const { return {at_ + properties_at(), header().properties_bytes}; }
  core::Bytes payload() const {
    const size_t begin = properties_at() + header().properties_bytes;
    return {at_ + begin, header().bytes - begin};
  }
  // Topic with length, properties and payload as they lie: the body of a QoS 0 PUBLISH when there are no properties.
  core::Bytes wire() const { return {at_ + topic_at(), header().bytes - topic_at()}; }
  const std::byte* data() const { return at_; }

 private:
  size_t topic_at() const { return sizeof(RecordHeader) + header().publisher_bytes; }
  size_t properties_at() const { return topic_at() + 2 + header().topic_bytes; }
  std::string_view text(size_t begin, size_t size) const { return {reinterpret_cast<const char*>(at_ + begin), size}; }
  const std::byte* at_ = nullptr;
};

// Writes the record at `to` (8-byte aligned, padded_record_bytes(record_bytes(parts)) free) with its checksum.
// `log_flags`: kRecordStartsWrite or nothing.
void encode_record(const RecordParts& parts, Sequence sequence, Epoch epoch, int64_t wall_us, std::byte* to,
                   uint8_t log_flags = 0);

enum class RecordCheck : uint8_t {
  kValid,
  kEmpty,      // zeros: nothing was written here
  kTruncated,  // its length reaches past `available`
  kCorrupt,    // impossible lengths or wrong checksum
};

// Hostile-safe: decides whether the bytes at `at` are a whole valid record. `available` bytes may be read.
RecordCheck check_record(const std::byte* at, uint64_t available);

}  // namespace penstock::log
