#include "tests/support/properties.h"

#include "tests/support/wire.h"

namespace penstock::test {
namespace {

constexpr size_t kVariableBytesMax = 4;

std::string big_endian(uint32_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
  return text;
}

// Of a value; 0 for those whose size stands on the wire.
size_t fixed_bytes(PropertyKind kind) {
  switch (kind) {
    case PropertyKind::kByte:
      return 1;
    case PropertyKind::kTwoBytes:
      return 2;
    case PropertyKind::kFourBytes:
      return 4;
    default:
      return 0;
  }
}

bool take_field(std::string_view bytes, size_t& at, std::string& into) {
  if (bytes.size() - at < 2) return false;
  const size_t size = size_t{static_cast<uint8_t>(bytes[at])} << 8 | static_cast<uint8_t>(bytes[at + 1]);
  at += 2;
  if (bytes.size() - at < size) return false;
  into = bytes.substr(at, size);
  at += size;
  return true;
}

bool take_value(std::string_view bytes, size_t& at, Property& property) {
  const PropertyKind kind = kind_of(property.id);
  if (const size_t size = fixed_bytes(kind); size > 0) {
    if (bytes.size() - at < size) return false;
    for (size_t i = 0; i < size; ++i) property.number = property.number << 8 | static_cast<uint8_t>(bytes[at++]);
    return true;
  }
  if (kind == PropertyKind::kVariableByte) {
    const std::optional<uint32_t> number = take_variable_byte_integer(bytes, at);
    property.number = number.value_or(0);
    return number.has_value();
  }
  if (kind == PropertyKind::kUnknown || !take_field(bytes, at, property.text)) return false;
  return kind != PropertyKind::kTextPair || take_field(bytes, at, property.value);
}

std::string encode_value(const Property& property) {
  const PropertyKind kind = kind_of(property.id);
  if (const size_t size = fixed_bytes(kind); size > 0) return big_endian(property.number, static_cast<int>(size));
  if (kind == PropertyKind::kVariableByte) return variable_byte_integer(property.number);
  if (kind == PropertyKind::kTextPair) return field(property.text) + field(property.value);
  return field(property.text);
}

// The length of the sequence that begins with this byte; 0 where none may.
size_t sequence_bytes(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

}  // namespace

PropertyKind kind_of(PropertyId id) {
  switch (id) {
    case PropertyId::kPayloadFormat:
    case PropertyId::kRequestProblem:
    case PropertyId::kRequestResponse:
    case PropertyId::kMaximumQos:
    case PropertyId::kRetainAvailable:
    case PropertyId::kWildcardAvailable:
    case PropertyId::kSubscriptionIdAvailable:
    case PropertyId::kSharedAvailable:
      return PropertyKind::kByte;
    case PropertyId::kServerKeepAlive:
    case PropertyId::kReceiveMaximum:
    case PropertyId::kTopicAliasMaximum:
    case PropertyId::kTopicAlias:
      return PropertyKind::kTwoBytes;
    case PropertyId::kMessageExpiry:
    case PropertyId::kSessionExpiry:
    case PropertyId::kWillDelay:
    case PropertyId::kMaximumPacketSize:
      return PropertyKind::kFourBytes;
    case PropertyId::kSubscriptionId:
      return PropertyKind::kVariableByte;
    case PropertyId::kContentType:
    case PropertyId::kResponseTopic:
    case PropertyId::kAssignedClientId:
    case PropertyId::kAuthMethod:
    case PropertyId::kResponseInformation:
    case PropertyId::kServerReference:
    case PropertyId::kReasonString:
      return PropertyKind::kText;
    case PropertyId::kCorrelation:
    case PropertyId::kAuthBytes:
      return PropertyKind::kBinary;
    case PropertyId::kUserProperty:
      return PropertyKind::kTextPair;
    default:
      return PropertyKind::kUnknown;
  }
}

std::ostream& operator<<(std::ostream& out, PropertyId id) {
  return out << "property 0x" << to_hex(std::string(1, static_cast<char>(id)));
}

std::ostream& operator<<(std::ostream& out, const Property& property) {
  out << property.id << " ";
  switch (kind_of(property.id)) {
    case PropertyKind::kTextPair:
      return out << "'" << property.text << "' '" << property.value << "'";
    case PropertyKind::kText:
      return out << "'" << property.text << "'";
    case PropertyKind::kBinary:
    case PropertyKind::kUnknown:
      return out << to_hex(property.text);
    default:
      return out << property.number;
  }
}

const Property* find(const Properties& properties, PropertyId id) {
  for (const Property& property : properties) {
    if (property.id == id) return &property;
  }
  return nullptr;
}

Properties all_of(const Properties& properties, PropertyId id) {
  Properties found;
  for (const Property& property : properties) {
    if (property.id == id) found.push_back(property);
  }
  return found;
}

std::string variable_byte_integer(uint32_t value) {
  std::string bytes;
  do {
    const uint8_t low = value & 0x7f;
    value >>= 7;
    bytes += static_cast<char>(value > 0 ? low | 0x80 : low);
  } while (value > 0);
  return bytes;
}

std::optional<uint32_t> take_variable_byte_integer(std::string_view bytes, size_t& at) {
  uint32_t value = 0;
  for (size_t i = 0; i < kVariableBytesMax && at < bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[at++]);
    value |= uint32_t{byte & 0x7fu} << (7 * i);
    if ((byte & 0x80) == 0) return i > 0 && byte == 0 ? std::nullopt : std::optional(value);
  }
  return std::nullopt;
}

std::string encode_properties(const Properties& properties) {
  std::string bytes;
  for (const Property& property : properties) {
    if (property.id == PropertyId::kRaw) {
      bytes += property.text;
      continue;
    }
    bytes += static_cast<char>(property.id);
    bytes += encode_value(property);
  }
  return variable_byte_integer(static_cast<uint32_t>(bytes.size())) + bytes;
}

std::optional<Properties> take_properties(std::string_view bytes, size_t& at) {
  const std::optional<uint32_t> size = take_variable_byte_integer(bytes, at);
  if (!size || bytes.size() - at < *size) return std::nullopt;
  const std::string_view list = bytes.substr(0, at + *size);
  Properties properties;
  while (at < list.size()) {
    const std::optional<uint32_t> id = take_variable_byte_integer(list, at);
    if (!id || *id > 0x7f) return std::nullopt;
    Property property(static_cast<PropertyId>(*id), 0);
    if (!take_value(list, at, property)) return std::nullopt;
    properties.push_back(std::move(property));
  }
  return properties;
}

bool is_standard_text(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto first = static_cast<uint8_t>(text[at]);
    const size_t size = sequence_bytes(first);
    if (size == 0 || text.size() - at < size || first == 0) return false;
    uint32_t character = size == 1 ? first : first & (0x7fu >> size);
    for (size_t i = 1; i < size; ++i) {
      const auto byte = static_cast<uint8_t>(text[at + i]);
      if ((byte & 0xc0) != 0x80) return false;
      character = character << 6 | (byte & 0x3fu);
    }
    constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (character < kSmallest[size] || character > 0x10ffff) return false;
    if (character >= 0xd800 && character <= 0xdfff) return false;
    at += size;
  }
  return true;
}

}  // namespace penstock::test
