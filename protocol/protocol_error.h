// ProtocolError: what a peer did wrong, as a value. Decoding hostile bytes never asserts, throws or allocates; it
// returns one of these, and the owner of the connection logs, counts by reason, and closes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "protocol/reason_code.h"

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
  kReturnCode,           // a return or reason code that is reserved, or not for this packet
  kSubscriptionOptions,  // 5.0 from here
  kPropertyLength,       // of a section of properties: missing, too long, or not in its shortest form
  kUnknownProperty,      // the standard has none with this number, or not in this packet
  kForbiddenProperty,    // not from this side
  kRepeatedProperty,
  kMissingProperty,  // one that another one, or an empty topic, calls for
  kPropertyValue,
  kTopicAlias,
  kReceiveMaximum,    // more unacknowledged messages than CONNACK allows
  kPayloadFormat,     // called UTF-8, and is not
  kUnexpectedPacket,  // a valid packet at the wrong moment or from the wrong side; in any version
};
constexpr size_t kProtocolErrorReasonCount = static_cast<size_t>(ProtocolErrorReason::kUnexpectedPacket) + 1;

// "reserved_flags": the label of the counter.
const char* to_string(ProtocolErrorReason reason);

// What a server of 5.0 says in CONNACK or DISCONNECT before it closes. [MQTT5-4.13.1-1]
ReasonCode reason_code(ProtocolErrorReason reason);

// All texts are literals: copying one is cheap and it never dangles.
struct ProtocolError {
  ProtocolErrorReason reason;
  const char* clause;  // "MQTT-2.2.2-2", in 5.0 "MQTT5-2.1.3-1", or "" where no numbered statement says it
  const char* text;    // one line for a person
};

// An error that was found by a rule of 3.1.1 and names its statement there: of 5.0, whose statements have other
// numbers.
ProtocolError in_mqtt5(ProtocolError error);

template <typename T>
using Decoded = std::expected<T, ProtocolError>;

}  // namespace penstock::protocol
