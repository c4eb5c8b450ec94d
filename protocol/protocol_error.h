// ProtocolError: what a peer did wrong, as a value. Decoding hostile bytes never asserts, throws or allocates; it
// returns one of these, and the owner of the connection logs, counts by reason, and closes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

namespace penstock::protocol {

// Few enough to be one counter each.
enum class ProtocolErrorReason : uint8_t {
  kReservedPacketType,
  kReservedFlags,
  kRemainingLength,  // five or more bytes
  kPacketTooLarge,   // over the configured limit
  kTruncatedField,   // a field reaches past the packet's end
  kTrailingBytes,    // bytes after the last field
  kInvalidUtf8,
  kInvalidTopicName,
  kInvalidTopicFilter,
  kInvalidQoS,
  kDupAtQoS0,
  kPacketIdZero,
  kNoTopicFilter,
  kProtocolName,
  kProtocolLevel,
  kConnectFlags,
  kClientId,
  kReturnCode,        // seen by clients only
  kUnexpectedPacket,  // a valid packet at the wrong moment or from the wrong side
};
constexpr size_t kProtocolErrorReasonCount = static_cast<size_t>(ProtocolErrorReason::kUnexpectedPacket) + 1;

// "reserved_flags": the label of the counter.
const char* to_string(ProtocolErrorReason reason);

// All texts are literals: copying one is cheap and it never dangles.
struct ProtocolError {
  ProtocolErrorReason reason;
  const char* clause;  // "MQTT-2.2.2-2", or "" where no numbered statement says it
  const char* text;    // one line for a person
};

template <typename T>
using Decoded = std::expected<T, ProtocolError>;

}  // namespace penstock::protocol
