// Framing: cuts the next MQTT packet out of a contiguous run of received bytes. Keeps no state: the caller keeps the
// bytes and asks again when more came. Runs for every packet, so the common case (two-byte fixed header, valid flags,
// whole packet there) is a handful of instructions; everything else is out of line.
//
//   byte 0: type (4 bits) | flags (4 bits)     byte 1-4: remaining length, 7 bits each, low first     then the body
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "protocol/protocol_error.h"
#include "protocol/types.h"

namespace penstock::protocol {

// One packet as it lies in the receive buffer.
struct PacketBytes {
  PacketType type;
  uint8_t flags;          // lower four bits of the first byte
  uint32_t packet_bytes;  // whole packet with its fixed header
  core::Bytes body;       // after the fixed header
  const ProtocolError* error;
};

enum class Framing : uint8_t {
  kPacket,    // all of `out` but `error` is set; the next packet begins packet_bytes further on
  kNeedMore,  // out.packet_bytes is the size of the whole packet if that is known yet, else 0; the rest is not set
  kError,     // out.error says why; nothing else is set. Close the connection.
};

// Whatever next_packet cannot settle at once.
Framing next_packet_slow(core::Bytes input, uint32_t packet_bytes_max, ProtocolVersion version, PacketBytes& out);

// The required lower bits of the first byte by type, 4 bits each. [MQTT-2.2.2-1] [MQTT5-2.1.3-1]
// PUBLISH has its own meaning for them.
constexpr uint64_t kRequiredFlags = uint64_t{2} << 4 * 6 | uint64_t{2} << 4 * 8 | uint64_t{2} << 4 * 10;
// The types whose flags are fixed: all but PUBLISH, and not the reserved one. AUTH is one only in 5.0, and rare.
constexpr uint32_t kFixedFlagTypes = 0x7ffe & ~(1u << 3);

// `packet_bytes_max` counts the whole packet; a larger one is an error as soon as its fixed header is there, so nobody
// waits or reserves memory for it. Version 3.1 calls the flags of most packets "not used" and sets DUP on some, so they
// are checked from 3.1.1 on. AUTH is a packet in 5.0 only. Before CONNECT is decoded give kMqtt311.
[[gnu::always_inline]] inline Framing next_packet(core::Bytes input, uint32_t packet_bytes_max, ProtocolVersion version,
                                                  PacketBytes& out) {
  if (input.size() < 2) [[unlikely]]
    return next_packet_slow(input, packet_bytes_max, version, out);
  const auto first = std::to_integer<uint32_t>(input[0]);
  const auto length = std::to_integer<uint32_t>(input[1]);
  const uint32_t type = first >> 4;
  const uint32_t flags = first & 0x0f;
  const bool plain_type = type == 3 || ((kFixedFlagTypes >> type & 1) && flags == (kRequiredFlags >> 4 * type & 0x0f));
  const uint32_t bytes = length + 2;
  if (!plain_type || length >= 0x80 || bytes > packet_bytes_max || bytes > input.size()) [[unlikely]] {
    return next_packet_slow(input, packet_bytes_max, version, out);
  }
  out.type = static_cast<PacketType>(type);
  out.flags = static_cast<uint8_t>(flags);
  out.packet_bytes = bytes;
  out.body = input.subspan(2, length);
  return Framing::kPacket;
}

}  // namespace penstock::protocol
