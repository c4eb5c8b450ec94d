// take_packet of wire.h: packets that a server sends.
#include "tests/support/wire.h"

namespace penstock::test {
namespace {

constexpr size_t kRemainingLengthBytesMax = 4;

uint16_t load_u16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 | static_cast<uint8_t>(bytes[at + 1]));
}

// The property list at `at`.
bool decode_properties(std::string_view body, size_t& at, Packet& packet) {
  std::optional<Properties> properties = take_properties(body, at);
  if (!properties) return false;
  packet.properties = std::move(*properties);
  return true;
}

bool decode_publish(std::string_view body, Packet& packet, uint8_t level) {
  if (packet.qos() == 3 || body.size() < 2) return false;
  const size_t topic_bytes = load_u16(body, 0);
  size_t at = 2 + topic_bytes;
  if (at + (packet.qos() > 0 ? 2 : 0) > body.size()) return false;
  packet.topic = body.substr(2, topic_bytes);
  if (packet.qos() > 0) {
    packet.packet_id = load_u16(body, at);
    if (packet.packet_id == 0) return false;  // [MQTT-2.3.1-1] [MQTT5-2.2.1-4]
    at += 2;
  }
  if (level == kLevel5 && !decode_properties(body, at, packet)) return false;
  packet.payload = body.substr(at);
  return true;
}

bool decode_connack(std::string_view body, Packet& packet, uint8_t level) {
  if (body.size() < 2) return false;
  packet.acknowledge_flags = static_cast<uint8_t>(body[0]);
  packet.session_present = (body[0] & 1) != 0;
  packet.return_code = static_cast<uint8_t>(body[1]);
  if (level != kLevel5) return body.size() == 2 && packet.acknowledge_flags <= 1 && packet.return_code <= 5;
  packet.reason_code = packet.return_code;
  size_t at = 2;
  return packet.acknowledge_flags <= 1 && decode_properties(body, at, packet) && at == body.size();
}

// PUBACK, PUBREC, PUBREL, PUBCOMP. In 5.0 the reason code and the properties may be left out.
bool decode_acknowledge(std::string_view body, Packet& packet, uint8_t level) {
  if (body.size() < 2 || (level != kLevel5 && body.size() != 2)) return false;
  packet.packet_id = load_u16(body, 0);
  if (body.size() > 2) packet.reason_code = static_cast<uint8_t>(body[2]);
  size_t at = 3;
  return body.size() < 4 || (decode_properties(body, at, packet) && at == body.size());
}

bool decode_suback(std::string_view body, Packet& packet, uint8_t level) {
  if (body.size() < 3) return false;
  packet.packet_id = load_u16(body, 0);
  size_t at = 2;
  if (level == kLevel5 && !decode_properties(body, at, packet)) return false;
  packet.codes = body.substr(at);
  return !packet.codes.empty();
}

bool decode_unsuback(std::string_view body, Packet& packet, uint8_t level) {
  if (level == kLevel5) return decode_suback(body, packet, level);
  if (body.size() != 2) return false;
  packet.packet_id = load_u16(body, 0);
  return true;
}

// DISCONNECT and AUTH of 5.0: the reason code and the properties may be left out.
bool decode_reason(std::string_view body, Packet& packet) {
  if (!body.empty()) packet.reason_code = static_cast<uint8_t>(body[0]);
  size_t at = 1;
  return body.size() < 2 || (decode_properties(body, at, packet) && at == body.size());
}

bool decode_body(std::string_view body, Packet& packet, uint8_t level) {
  const uint8_t flags_expected = packet.type == Type::kPubrel ? 2 : 0;
  // [MQTT-2.2.2-1] [MQTT5-2.1.3-1]
  if (packet.type != Type::kPublish && packet.flags != flags_expected) return false;
  switch (packet.type) {
    case Type::kConnack:
      return decode_connack(body, packet, level);
    case Type::kPublish:
      return decode_publish(body, packet, level);
    case Type::kPuback:
    case Type::kPubrec:
    case Type::kPubrel:
    case Type::kPubcomp:
      return decode_acknowledge(body, packet, level);
    case Type::kSuback:
      return decode_suback(body, packet, level);
    case Type::kUnsuback:
      return decode_unsuback(body, packet, level);
    case Type::kPingresp:
      return body.empty();
    case Type::kDisconnect:
    case Type::kAuth:
      return level == kLevel5 && decode_reason(body, packet);
    default:
      return false;  // a client's packet, or reserved
  }
}

}  // namespace

Take take_packet(std::string_view bytes, size_t& begin, Packet& packet, uint8_t level) {
  if (begin >= bytes.size()) return Take::kMore;
  size_t at = begin + 1;
  size_t remaining = 0;
  for (size_t i = 0;; ++i, ++at) {
    if (i == kRemainingLengthBytesMax) return Take::kBroken;
    if (at >= bytes.size()) return Take::kMore;
    const auto byte = static_cast<uint8_t>(bytes[at]);
    remaining |= static_cast<size_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    if (level == kLevel5 && i > 0 && byte == 0) return Take::kBroken;  // [MQTT5-1.5.5-1]
    break;
  }
  ++at;
  if (bytes.size() - at < remaining) return Take::kMore;
  packet = Packet();
  const auto first = static_cast<uint8_t>(bytes[begin]);
  packet.type = static_cast<Type>(first >> 4);
  packet.flags = first & 15;
  packet.bytes = at + remaining - begin;
  if (!decode_body(bytes.substr(at, remaining), packet, level)) return Take::kBroken;
  begin = at + remaining;
  return Take::kPacket;
}

}  // namespace penstock::test
