// Properties: the list of (identifier, value) that packets of MQTT 5.0 carry, chapter 2.2.2, as a test client sees it.
// Part of the wire (wire.h): written from the standard alone, able to build wrong lists too: in any order, repeated, in
// packets they do not belong to, and as raw bytes. Pure functions. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

enum class PropertyId : uint8_t {
  kRaw = 0x00,  // no identifier of the standard: the text is the bytes as they stand, identifier and all
  kPayloadFormat = 0x01,
  kMessageExpiry = 0x02,
  kContentType = 0x03,
  kResponseTopic = 0x08,
  kCorrelation = 0x09,
  kSubscriptionId = 0x0b,
  kSessionExpiry = 0x11,
  kAssignedClientId = 0x12,
  kServerKeepAlive = 0x13,
  kAuthMethod = 0x15,
  kAuthBytes = 0x16,
  kRequestProblem = 0x17,
  kWillDelay = 0x18,
  kRequestResponse = 0x19,
  kResponseInformation = 0x1a,
  kServerReference = 0x1c,
  kReasonString = 0x1f,
  kReceiveMaximum = 0x21,
  kTopicAliasMaximum = 0x22,
  kTopicAlias = 0x23,
  kMaximumQos = 0x24,
  kRetainAvailable = 0x25,
  kUserProperty = 0x26,
  kMaximumPacketSize = 0x27,
  kWildcardAvailable = 0x28,
  kSubscriptionIdAvailable = 0x29,
  kSharedAvailable = 0x2a,
};
std::ostream& operator<<(std::ostream& out, PropertyId id);

// How the value stands on the wire. kUnknown: the standard has no such identifier.
enum class PropertyKind : uint8_t { kUnknown, kByte, kTwoBytes, kFourBytes, kVariableByte, kText, kBinary, kTextPair };
PropertyKind kind_of(PropertyId id);

struct Property {
  Property(PropertyId which, uint32_t with_number) : id(which), number(with_number) {}
  Property(PropertyId which, std::string_view with_text) : id(which), text(with_text) {}
  Property(PropertyId which, std::string_view name, std::string_view with_value)
      : id(which), text(name), value(with_value) {}
  bool operator==(const Property&) const = default;

  PropertyId id;
  uint32_t number = 0;
  std::string text;   // of strings and binary ones; the name of a user property
  std::string value;  // of a user property
};
std::ostream& operator<<(std::ostream& out, const Property& property);

using Properties = std::vector<Property>;

// Null where there is none; the first where there are several.
const Property* find(const Properties& properties, PropertyId id);
// Those with this identifier, in their order.
Properties all_of(const Properties& properties, PropertyId id);

// The fewest bytes, as the standard wants it. [MQTT5-1.5.5-1]
std::string variable_byte_integer(uint32_t value);
// None where it is cut, longer than four bytes or longer than it need be. Moves `at` behind it.
std::optional<uint32_t> take_variable_byte_integer(std::string_view bytes, size_t& at);

// Length and all. [MQTT5-2.2.2-1]
std::string encode_properties(const Properties& properties);
// Takes a list with its length off `bytes` at `at`. None where it is cut or has an unknown identifier.
std::optional<Properties> take_properties(std::string_view bytes, size_t& at);

// As the standard wants a string: no surrogates, no overlong forms, nothing beyond U+10FFFF, no U+0000.
bool is_standard_text(std::string_view text);

}  // namespace penstock::test
