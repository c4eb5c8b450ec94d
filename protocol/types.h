// The words of MQTT that every file of this folder shares: packet types, QoS, packet ids, versions and the limits that
// the wire format itself sets. Plain values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/strong_id.h"

namespace penstock::protocol {

// Values are the upper four bits of a packet's first byte; 0 is reserved, and 15 before 5.0.
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
  kAuth = 15,  // 5.0 only
};

// "PUBLISH"
const char* to_string(PacketType type);

// Some packets say different things in the two directions.
enum class Sender : uint8_t { kClient, kServer };

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
  kMqtt5 = 5,    // says "MQTT", too
};

constexpr uint32_t kRemainingLengthMax = 268'435'455;
constexpr uint32_t kFixedHeaderBytesMax = 5;
constexpr uint32_t kPacketBytesMax = kRemainingLengthMax + kFixedHeaderBytesMax;
constexpr size_t kStringBytesMax = 65'535;  // any length-prefixed field

}  // namespace penstock::protocol
