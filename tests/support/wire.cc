#include "tests/support/wire.h"

namespace penstock::test {
namespace {

constexpr uint32_t kNeverExpires = 0xffffffff;

uint8_t connect_flags(const ConnectOptions& options) {
  uint8_t flags = options.extra_flags;
  if (options.clean_start.value_or(options.clean_session)) flags |= 0x02;
  if (options.will) flags |= 0x04 | options.will->qos << 3 | (options.will->retain ? 0x20 : 0);
  if (options.password) flags |= 0x40;
  if (options.user_name) flags |= 0x80;
  return flags;
}

Properties connect_properties(const ConnectOptions& options) {
  Properties properties = options.properties;
  const bool lasts = !options.clean_start && !options.clean_session;
  if (lasts && find(properties, PropertyId::kSessionExpiry) == nullptr) {
    properties.emplace_back(PropertyId::kSessionExpiry, kNeverExpires);
  }
  return properties;
}

}  // namespace

const char* name_of(Type type) {
  static constexpr const char* kNames[] = {"nothing", "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
                                           "PUBREL",  "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
                                           "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"};
  return kNames[static_cast<size_t>(type) & 15];
}

uint32_t Packet::number(PropertyId id, uint32_t otherwise) const {
  const Property* property = find(properties, id);
  return property != nullptr ? property->number : otherwise;
}

std::string Packet::text(PropertyId id) const {
  const Property* property = find(properties, id);
  return property != nullptr ? property->text : std::string();
}

std::ostream& operator<<(std::ostream& out, const Packet& packet) {
  out << name_of(packet.type);
  if (packet.packet_id != 0) out << " id " << packet.packet_id;
  if (packet.type == Type::kConnack) out << " code " << int{packet.return_code};
  if (packet.type == Type::kPublish) {
    out << " qos " << int{packet.qos()} << (packet.dup() ? " dup" : "") << (packet.retain() ? " retain" : "") << " '"
        << packet.topic << "' '" << packet.payload.substr(0, 60) << "' (" << packet.payload.size() << " bytes)";
  }
  if (packet.reason_code != 0) out << " reason 0x" << to_hex(std::string(1, static_cast<char>(packet.reason_code)));
  if (!packet.codes.empty()) out << " codes " << to_hex(packet.codes);
  for (const Property& property : packet.properties) out << ", " << property;
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
  bytes += variable_byte_integer(static_cast<uint32_t>(body.size()));
  return bytes.append(body);
}

std::string connect_packet(const ConnectOptions& options) {
  const uint8_t level = options.protocol_level.value_or(kLevel311);
  std::string body = field(options.protocol_name.value_or(level == kLevel31 ? "MQIsdp" : "MQTT"));
  body += static_cast<char>(level);
  body += static_cast<char>(connect_flags(options));
  body += u16(options.keepalive_s);
  if (level == kLevel5) body += encode_properties(connect_properties(options));
  body += field(options.client_id);
  if (options.will && level == kLevel5) body += encode_properties(options.will->properties);
  if (options.will) body += field(options.will->topic) + field(options.will->payload);
  if (options.user_name) body += field(*options.user_name);
  if (options.password) body += field(*options.password);
  return framed(0x10, body);
}

std::string publish_packet(std::string_view topic, std::string_view payload, const PublishOptions& options,
                           uint8_t level) {
  std::string body = field(topic);
  if (options.qos > 0) body += u16(options.packet_id);
  if (level == kLevel5) body += encode_properties(options.properties);
  body += payload;
  return framed(0x30 | (options.dup ? 8 : 0) | options.qos << 1 | (options.retain ? 1 : 0), body);
}

std::string acknowledge_packet(Type type, uint16_t packet_id) {
  return framed(static_cast<uint8_t>(static_cast<uint8_t>(type) << 4 | (type == Type::kPubrel ? 2 : 0)),
                u16(packet_id));
}

std::string acknowledge_packet(Type type, uint16_t packet_id, uint8_t reason_code, const Properties& properties) {
  std::string body = u16(packet_id);
  body += static_cast<char>(reason_code);
  body += encode_properties(properties);
  return framed(static_cast<uint8_t>(static_cast<uint8_t>(type) << 4 | (type == Type::kPubrel ? 2 : 0)), body);
}

std::string subscribe_packet(uint16_t packet_id, const FilterList& filters, const Properties& properties,
                             uint8_t level) {
  std::string body = u16(packet_id);
  if (level == kLevel5) body += encode_properties(properties);
  for (const auto& [filter, options] : filters) {
    body += field(filter);
    body += static_cast<char>(options);
  }
  return framed(0x82, body);
}

std::string unsubscribe_packet(uint16_t packet_id, const std::vector<std::string>& filters,
                               const Properties& properties, uint8_t level) {
  std::string body = u16(packet_id);
  if (level == kLevel5) body += encode_properties(properties);
  for (const std::string& filter : filters) body += field(filter);
  return framed(0xa2, body);
}

std::string pingreq_packet() {
  return framed(0xc0, {});
}

std::string disconnect_packet() {
  return framed(0xe0, {});
}

std::string disconnect_packet(uint8_t reason_code, const Properties& properties) {
  return framed(0xe0, std::string(1, static_cast<char>(reason_code)) + encode_properties(properties));
}

std::string auth_packet(uint8_t reason_code, const Properties& properties) {
  return framed(0xf0, std::string(1, static_cast<char>(reason_code)) + encode_properties(properties));
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

}  // namespace penstock::test
