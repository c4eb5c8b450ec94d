// The words of MQTT that every file of this folder shares: packet types, QoS, packet ids, versions, return codes and
// the limits that the wire format itself sets. Plain values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/strong_id.h"

namespace penstock::protocol {

// Values are the upper four bits of a packet's first byte; 0 and 15 are reserved.
enum class PacketType : uint8_t {
  kConnect = 1,
  kConnack = 2,
  kPublish = 3,
  kPuback = 4,
  kPubrec = 5,
  kPubrel = 6,
  kPubcomp = 7,
  kSubscribe = 8,
  kSuback = 9,
  kUnsubscribe = 10,
  kUnsuback = 11,
  kPingreq = 12,
  kPingresp = 13,
  kDisconnect = 14,
};

// "PUBLISH"
const char* to_string(PacketType type);

// False for the packets that only a server sends: from a client they break the protocol.
constexpr bool client_may_send(PacketType type) {
  constexpr uint32_t kServerOnly = 1u << 2 | 1u << 9 | 1u << 11 | 1u << 13;
  return (kServerOnly >> static_cast<uint8_t>(type) & 1) == 0;
}

enum class QoS : uint8_t {
  kAtMostOnce = 0,
  kAtLeastOnce = 1,
  kExactlyOnce = 2,
};

struct PacketIdTag;
using PacketId = core::StrongId<PacketIdTag, uint16_t>;  // 0 never travels; here it means "none" (QoS 0)

// Values are the protocol level byte of CONNECT.
enum class ProtocolVersion : uint8_t {
  kMqtt31 = 3,   // says "MQIsdp"
  kMqtt311 = 4,  // says "MQTT"
};

enum class ConnectReturnCode : uint8_t {
  kAccepted = 0,
  kUnacceptableProtocolLevel = 1,
  kIdentifierRejected = 2,
  kServerUnavailable = 3,
  kBadUserNameOrPassword = 4,
  kNotAuthorized = 5,
};

// One per filter of a SUBSCRIBE, in its order; the first three are the granted QoS. [MQTT-3.9.3-2]
enum class SubackCode : uint8_t {
  kGrantedAtMostOnce = 0,
  kGrantedAtLeastOnce = 1,
  kGrantedExactlyOnce = 2,
  kFailure = 0x80,
};

constexpr SubackCode granted(QoS qos) {
  return static_cast<SubackCode>(qos);
}

constexpr uint32_t kRemainingLengthMax = 268'435'455;
constexpr uint32_t kFixedHeaderBytesMax = 5;
constexpr uint32_t kPacketBytesMax = kRemainingLengthMax + kFixedHeaderBytesMax;
constexpr size_t kStringBytesMax = 65'535;  // any length-prefixed field

}  // namespace penstock::protocol
