#include "tests/support/wire.h"

namespace penstock::test {
namespace {

constexpr size_t kRemainingLengthBytesMax = 4;

uint16_t load_u16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 | static_cast<uint8_t>(bytes[at + 1]));
}

bool decode_publish(std::string_view body, Packet& packet) {
  if (packet.qos() == 3 || body.size() < 2) return false;
  const size_t topic_bytes = load_u16(body, 0);
  size_t at = 2 + topic_bytes;
  if (at + (packet.qos() > 0 ? 2 : 0) > body.size()) return false;
  packet.topic = body.substr(2, topic_bytes);
  if (packet.qos() > 0) {
    packet.packet_id = load_u16(body, at);
    if (packet.packet_id == 0) return false;  // [MQTT-2.3.1-1]
    at += 2;
  }
  packet.payload = body.substr(at);
  return true;
}

bool decode_body(std::string_view body, Packet& packet) {
  const uint8_t flags_expected = packet.type == Type::kPubrel ? 2 : 0;
  if (packet.type != Type::kPublish && packet.flags != flags_expected) return false;  // [MQTT-2.2.2-1]
  switch (packet.type) {
    case Type::kConnack:
      if (body.size() != 2) return false;
      packet.acknowledge_flags = static_cast<uint8_t>(body[0]);
      packet.session_present = (body[0] & 1) != 0;
      packet.return_code = static_cast<uint8_t>(body[1]);
      return packet.acknowledge_flags <= 1 && packet.return_code <= 5;
    case Type::kPublish:
      return decode_publish(body, packet);
    case Type::kPuback:
    case Type::kPubrec:
    case Type::kPubrel:
    case Type::kPubcomp:
    case Type::kUnsuback:
      if (body.size() != 2) return false;
      packet.packet_id = load_u16(body, 0);
      return true;
    case Type::kSuback:
      if (body.size() < 3) return false;
      packet.packet_id = load_u16(body, 0);
      packet.codes = body.substr(2);
      return true;
    case Type::kPingresp:
      return body.empty();
    default:
      return false;  // a client's packet, or reserved
  }
}

}  // namespace

const char* name_of(Type type) {
  static constexpr const char* kNames[] = {"nothing", "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
                                           "PUBREL",  "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
                                           "PINGREQ", "PINGRESP", "DISCONNECT", "RESERVED"};
  return kNames[static_cast<size_t>(type) & 15];
}

std::ostream& operator<<(std::ostream& out, const Packet& packet) {
  out << name_of(packet.type);
  if (packet.packet_id != 0) out << " id " << packet.packet_id;
  if (packet.type == Type::kConnack) out << " code " << int{packet.return_code};
  if (packet.type == Type::kPublish) {
    out << " qos " << int{packet.qos()} << (packet.dup() ? " dup" : "") << (packet.retain() ? " retain" : "") << " '"
        << packet.topic << "' '" << packet.payload.substr(0, 60) << "' (" << packet.payload.size() << " bytes)";
  }
  if (!packet.codes.empty()) out << " codes " << to_hex(packet.codes);
  return out;
}

std::string u16(uint16_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string field(std::string_view text) {
  std::string bytes = u16(static_cast<uint16_t>(text.size()));
  return bytes.append(text);
}

std::string framed(uint8_t first_byte, std::string_view body) {
  std::string bytes(1, static_cast<char>(first_byte));
  size_t rest = body.size();
  do {
    const uint8_t low = rest & 0x7f;
    rest >>= 7;
    bytes += static_cast<char>(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return bytes.append(body);
}

std::string connect_packet(const ConnectOptions& options) {
  uint8_t flags = options.extra_flags;
  if (options.clean_session) flags |= 0x02;
  if (options.will) flags |= 0x04 | options.will->qos << 3 | (options.will->retain ? 0x20 : 0);
  if (options.password) flags |= 0x40;
  if (options.user_name) flags |= 0x80;
  std::string body = field(options.protocol_name);
  body += static_cast<char>(options.protocol_level);
  body += static_cast<char>(flags);
  body += u16(options.keepalive_s);
  body += field(options.client_id);
  if (options.will) body += field(options.will->topic) + field(options.will->payload);
  if (options.user_name) body += field(*options.user_name);
  if (options.password) body += field(*options.password);
  return framed(0x10, body);
}

std::string publish_packet(std::string_view topic, std::string_view payload, const PublishOptions& options) {
  std::string body = field(topic);
  if (options.qos > 0) body += u16(options.packet_id);
  body += payload;
  return framed(0x30 | (options.dup ? 8 : 0) | options.qos << 1 | (options.retain ? 1 : 0), body);
}

std::string acknowledge_packet(Type type, uint16_t packet_id) {
  return framed(static_cast<uint8_t>(static_cast<uint8_t>(type) << 4 | (type == Type::kPubrel ? 2 : 0)),
                u16(packet_id));
}

std::string subscribe_packet(uint16_t packet_id, const FilterList& filters) {
  std::string body = u16(packet_id);
  for (const auto& [filter, qos] : filters) {
    body += field(filter);
    body += static_cast<char>(qos);
  }
  return framed(0x82, body);
}

std::string unsubscribe_packet(uint16_t packet_id, const std::vector<std::string>& filters) {
  std::string body = u16(packet_id);
  for (const std::string& filter : filters) body += field(filter);
  return framed(0xa2, body);
}

std::string pingreq_packet() {
  return framed(0xc0, {});
}
std::string disconnect_packet() {
  return framed(0xe0, {});
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  std::string digits;
  for (const char digit : hex) {
    if (digit == ' ') continue;
    digits += digit;
    if (digits.size() < 2) continue;
    bytes += static_cast<char>(std::stoi(digits, nullptr, 16));
    digits.clear();
  }
  return bytes;
}

std::string to_hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    if (!text.empty()) text += ' ';
    text += kDigits[static_cast<uint8_t>(byte) >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Take take_packet(std::string_view bytes, size_t& begin, Packet& packet) {
  if (begin >= bytes.size()) return Take::kMore;
  size_t at = begin + 1;
  size_t remaining = 0;
  for (size_t i = 0;; ++i, ++at) {
    if (i == kRemainingLengthBytesMax) return Take::kBroken;
    if (at >= bytes.size()) return Take::kMore;
    const auto byte = static_cast<uint8_t>(bytes[at]);
    remaining |= static_cast<size_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) break;
  }
  ++at;
  if (bytes.size() - at < remaining) return Take::kMore;
  packet = Packet();
  const auto first = static_cast<uint8_t>(bytes[begin]);
  packet.type = static_cast<Type>(first >> 4);
  packet.flags = first & 15;
  if (!decode_body(bytes.substr(at, remaining), packet)) return Take::kBroken;
  begin = at + remaining;
  return Take::kPacket;
}

}  // namespace penstock::test
