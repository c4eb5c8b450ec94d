// Reason codes of MQTT 5.0, chapter 2.4, by name: those that tests speak of. Written from the standard alone.
#pragma once

#include <cstdint>

namespace penstock::test::reason {

constexpr uint8_t kSuccess = 0x00;
constexpr uint8_t kDisconnectWithWill = 0x04;
constexpr uint8_t kNoMatchingSubscribers = 0x10;
constexpr uint8_t kNoSubscriptionExisted = 0x11;
constexpr uint8_t kContinueAuthentication = 0x18;
constexpr uint8_t kReauthenticate = 0x19;

constexpr uint8_t kFirstFailure = 0x80;
constexpr uint8_t kUnspecifiedError = 0x80;
constexpr uint8_t kMalformedPacket = 0x81;
constexpr uint8_t kProtocolError = 0x82;
constexpr uint8_t kUnsupportedVersion = 0x84;
constexpr uint8_t kNotAuthorized = 0x87;
constexpr uint8_t kServerShuttingDown = 0x8b;
constexpr uint8_t kBadAuthMethod = 0x8c;
constexpr uint8_t kKeepAliveTimeout = 0x8d;
constexpr uint8_t kSessionTakenOver = 0x8e;
constexpr uint8_t kTopicFilterInvalid = 0x8f;
constexpr uint8_t kTopicNameInvalid = 0x90;
constexpr uint8_t kPacketIdNotFound = 0x92;
constexpr uint8_t kReceiveMaximumExceeded = 0x93;
constexpr uint8_t kTopicAliasInvalid = 0x94;
constexpr uint8_t kPacketTooLarge = 0x95;
constexpr uint8_t kQuotaExceeded = 0x97;
constexpr uint8_t kPayloadFormatInvalid = 0x99;

}  // namespace penstock::test::reason
