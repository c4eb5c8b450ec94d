// Places in a log. LogPosition is logical and lives for ever; LogOffset is a byte place in this machine's copy and
// never leaves log/ and its indexes. QueueIndex is the ordinal of an entry of one ConsumeQueue.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/strong_id.h"

namespace penstock::log {

struct LogIdTag;
using LogId = core::StrongId<LogIdTag, uint16_t>;  // names a log within one data directory; never reused

struct SequenceTag;
using Sequence = core::StrongId<SequenceTag, uint64_t>;  // ordinal of a record in its log; the first is 1

struct LogOffsetTag;
using LogOffset = core::StrongId<LogOffsetTag, uint64_t>;  // bytes since the start of the log, multiple of 8

struct QueueIndexTag;
using QueueIndex = core::StrongId<QueueIndexTag, uint64_t>;

// Raised by each start of a log, so that a record cut off by a crash and a later one with its sequence differ.
using Epoch = uint32_t;

struct LogPosition {
  LogId log;
  Epoch epoch = 0;
  Sequence sequence;
  auto operator<=>(const LogPosition&) const = default;
};

// The message id that people see: "3-1-42" is log 3, epoch 1, sequence 42.
std::string to_string(LogPosition position);
std::optional<LogPosition> parse_position(std::string_view text);

}  // namespace penstock::log
