// The cold half of framing: incomplete headers, long lengths, errors. Right for every input by itself; the inline half
// only answers the common ones sooner.
#include "protocol/packet_framer.h"

namespace penstock::protocol {
namespace {

using Reason = ProtocolErrorReason;

constexpr ProtocolError kReservedType{Reason::kReservedPacketType, "", "packet type 0, or 15 before MQTT 5.0"};
constexpr ProtocolError kLongLength{Reason::kRemainingLength, "", "the remaining length has more than four bytes"};
constexpr ProtocolError kPaddedLength{Reason::kRemainingLength, "MQTT5-1.5.5-1",
                                      "the remaining length is not in its shortest form"};
// [MQTT5-3.2.2-15]
constexpr ProtocolError kTooLarge{Reason::kPacketTooLarge, "", "the packet is larger than allowed here"};

// The same words with the statement of 3.1.1 and with that of 5.0.
struct FlagsError {
  ProtocolError in_311;
  ProtocolError in_5;

  constexpr FlagsError(const char* clause_311, const char* clause_5, const char* text)
      : in_311{Reason::kReservedFlags, clause_311, text}, in_5{Reason::kReservedFlags, clause_5, text} {}
};
constexpr FlagsError kBadFlags{"MQTT-2.2.2-2", "MQTT5-2.1.3-1", "wrong flag bits in the fixed header"};
constexpr FlagsError kBadPubrelFlags{"MQTT-3.6.1-1", "MQTT5-3.6.1-1", "flag bits of PUBREL are not 0010"};
constexpr FlagsError kBadSubscribeFlags{"MQTT-3.8.1-1", "MQTT5-3.8.1-1", "flag bits of SUBSCRIBE are not 0010"};
constexpr FlagsError kBadUnsubscribeFlags{"MQTT-3.10.1-1", "MQTT5-3.10.1-1", "flag bits of UNSUBSCRIBE are not 0010"};
constexpr FlagsError kBadDisconnectFlags{"MQTT-3.14.1-1", "MQTT5-3.14.1-1", "flag bits of DISCONNECT are not 0000"};
constexpr FlagsError kBadAuthFlags{"", "MQTT5-3.15.1-1", "flag bits of AUTH are not 0000"};

const FlagsError& flags_error(PacketType type) {
  switch (type) {
    case PacketType::kPubrel:
      return kBadPubrelFlags;
    case PacketType::kSubscribe:
      return kBadSubscribeFlags;
    case PacketType::kUnsubscribe:
      return kBadUnsubscribeFlags;
    case PacketType::kDisconnect:
      return kBadDisconnectFlags;
    case PacketType::kAuth:
      return kBadAuthFlags;
    default:
      return kBadFlags;
  }
}

// Null when the first byte is allowed.
const ProtocolError* first_byte_error(uint8_t first, ProtocolVersion version) {
  const uint32_t type = first >> 4;
  const bool is_5 = version == ProtocolVersion::kMqtt5;
  if (type == 0 || (type == static_cast<uint32_t>(PacketType::kAuth) && !is_5)) return &kReservedType;
  if (type == static_cast<uint32_t>(PacketType::kPublish) || version == ProtocolVersion::kMqtt31) return nullptr;
  // [MQTT-2.2.2-2] [MQTT5-2.1.3-1]
  if ((first & 0x0f) == (kRequiredFlags >> 4 * type & 0x0f)) return nullptr;
  const FlagsError& error = flags_error(static_cast<PacketType>(type));
  return is_5 ? &error.in_5 : &error.in_311;
}

Framing fail(const ProtocolError* error, PacketBytes& out) {
  out.error = error;
  return Framing::kError;
}

}  // namespace

Framing next_packet_slow(core::Bytes input, uint32_t packet_bytes_max, ProtocolVersion version, PacketBytes& out) {
  out.packet_bytes = 0;
  if (input.empty()) return Framing::kNeedMore;
  const auto first = std::to_integer<uint8_t>(input[0]);
  if (const ProtocolError* error = first_byte_error(first, version)) return fail(error, out);
  uint32_t length = 0;
  uint32_t header_bytes = 1;
  for (bool more = true; more; ++header_bytes) {
    if (header_bytes == kFixedHeaderBytesMax) return fail(&kLongLength, out);
    if (header_bytes == input.size()) return Framing::kNeedMore;
    const auto byte = std::to_integer<uint32_t>(input[header_bytes]);
    length |= (byte & 0x7f) << 7 * (header_bytes - 1);
    more = byte >= 0x80;
    // 3.1.1 says nothing against "80 00".
    if (byte == 0 && header_bytes > 1 && version == ProtocolVersion::kMqtt5) return fail(&kPaddedLength, out);
  }
  const uint32_t packet_bytes = header_bytes + length;
  if (packet_bytes > packet_bytes_max) return fail(&kTooLarge, out);
  out.packet_bytes = packet_bytes;
  if (packet_bytes > input.size()) return Framing::kNeedMore;
  out.type = static_cast<PacketType>(first >> 4);
  out.flags = first & 0x0f;
  out.body = input.subspan(header_bytes, length);
  return Framing::kPacket;
}

}  // namespace penstock::protocol
