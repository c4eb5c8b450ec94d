// The cold half of acknowledgements: which rule was broken, and the longer forms of 5.0.
#include "protocol/acknowledge.h"

#include "protocol/field_reader.h"
#include "protocol/property.h"

namespace penstock::protocol {
namespace {

using Reason = ProtocolErrorReason;

std::unexpected<ProtocolError> fail(Reason reason, const char* clause, const char* text) {
  return std::unexpected(ProtocolError{reason, clause, text});
}

const char* reason_clause(PacketType type) {
  switch (type) {
    case PacketType::kPuback:
      return "MQTT5-3.4.2-1";
    case PacketType::kPubrec:
      return "MQTT5-3.5.2-1";
    case PacketType::kPubrel:
      return "MQTT5-3.6.2-1";
    case PacketType::kPubcomp:
      return "MQTT5-3.7.2-1";
    default:
      return "";
  }
}

// Packet id, reason, and properties where the packet is longer than these.
Decoded<Acknowledge> decode_long_form(const PacketBytes& packet) {
  FieldReader reader(packet.body);
  Acknowledge acknowledge{PacketId(reader.take_u16()), static_cast<ReasonCode>(reader.take_u8())};
  if (acknowledge.packet_id.value() == 0) {
    return fail(Reason::kPacketIdZero, "MQTT5-2.2.1-5", "an acknowledgement of packet id 0");
  }
  if (!may_carry(packet.type, acknowledge.reason)) {
    return fail(Reason::kReturnCode, reason_clause(packet.type), "an acknowledgement with a reason that is not for it");
  }
  if (reader.at_end()) return acknowledge;
  const Decoded<core::Bytes> section = take_checked_properties(reader, PropertyPlace::kAcknowledge);
  if (!section.has_value()) return std::unexpected(section.error());
  if (!reader.at_end()) return fail(Reason::kTrailingBytes, "", "bytes after the properties of an acknowledgement");
  return acknowledge;
}

}  // namespace

Decoded<Acknowledge> decode_acknowledge_slow(const PacketBytes& packet, ProtocolVersion version) {
  const bool is_5 = version == ProtocolVersion::kMqtt5;
  if (packet.body.size() < 2) return fail(Reason::kTruncatedField, "", "an acknowledgement without a packet id");
  if (packet.body.size() > 2) {
    if (is_5) return decode_long_form(packet);
    return fail(Reason::kTrailingBytes, "", "an acknowledgement with bytes after its packet id");
  }
  return fail(Reason::kPacketIdZero, is_5 ? "MQTT5-2.2.1-5" : "MQTT-2.3.1-1", "an acknowledgement of packet id 0");
}

}  // namespace penstock::protocol
