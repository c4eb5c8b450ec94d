// ReasonCode: what became of a request, in one byte. MQTT 5.0 has one set for all its packets (table 2-6). The few
// codes that CONNACK and SUBACK have in 3.1 and 3.1.1 are said in the same words here; encoding and decoding translate.
#pragma once

#include <cstdint>

#include "protocol/types.h"

namespace penstock::protocol {

// From 0x80 on it is a failure. Some values have a name for each packet that they mean something else in.
enum class ReasonCode : uint8_t {
  kSuccess = 0x00,
  kNormalDisconnection = 0x00,
  kGrantedAtMostOnce = 0x00,
  kGrantedAtLeastOnce = 0x01,
  kGrantedExactlyOnce = 0x02,
  kDisconnectWithWill = 0x04,
  kNoMatchingSubscribers = 0x10,
  kNoSubscriptionExisted = 0x11,
  kContinueAuthentication = 0x18,
  kReauthenticate = 0x19,
  kUnspecifiedError = 0x80,
  kMalformedPacket = 0x81,
  kProtocolError = 0x82,
  kImplementationSpecificError = 0x83,
  kUnsupportedProtocolVersion = 0x84,
  kClientIdNotValid = 0x85,
  kBadUserNameOrPassword = 0x86,
  kNotAuthorized = 0x87,
  kServerUnavailable = 0x88,
  kServerBusy = 0x89,
  kBanned = 0x8a,
  kServerShuttingDown = 0x8b,
  kBadAuthenticationMethod = 0x8c,
  kKeepAliveTimeout = 0x8d,
  kSessionTakenOver = 0x8e,
  kTopicFilterInvalid = 0x8f,
  kTopicNameInvalid = 0x90,
  kPacketIdInUse = 0x91,
  kPacketIdNotFound = 0x92,
  kReceiveMaximumExceeded = 0x93,
  kTopicAliasInvalid = 0x94,
  kPacketTooLarge = 0x95,
  kMessageRateTooHigh = 0x96,
  kQuotaExceeded = 0x97,
  kAdministrativeAction = 0x98,
  kPayloadFormatInvalid = 0x99,
  kRetainNotSupported = 0x9a,
  kQoSNotSupported = 0x9b,
  kUseAnotherServer = 0x9c,
  kServerMoved = 0x9d,
  kSharedSubscriptionsNotSupported = 0x9e,
  kConnectionRateExceeded = 0x9f,
  kMaximumConnectTime = 0xa0,
  kSubscriptionIdsNotSupported = 0xa1,
  kWildcardSubscriptionsNotSupported = 0xa2,
};

// "not authorized"; "unknown" for a number that the standard does not name.
const char* to_string(ReasonCode code);

constexpr bool is_failure(ReasonCode code) {
  return static_cast<uint8_t>(code) >= 0x80;
}

constexpr ReasonCode granted(QoS qos) {
  return static_cast<ReasonCode>(qos);
}

// Whether a packet of this type may carry the code in 5.0. `sender` counts for DISCONNECT and AUTH. False for the types
// that carry none.
bool may_carry(PacketType type, ReasonCode code, Sender sender = Sender::kServer);

// The return code of a CONNACK of 3.1 and 3.1.1: the one that comes closest.
uint8_t connack_return_code(ReasonCode code);
// The reverse, for clients. kUnspecifiedError for the reserved ones, from 6 on.
ReasonCode from_connack_return_code(uint8_t return_code);

}  // namespace penstock::protocol
