// Properties of MQTT 5.0: a list of (identifier, value) that nearly every packet has between its other fields, behind a
// length. This file holds the table of all 27, the check of hostile ones, and the walk over checked ones. Both work in
// place and allocate nothing. What is to be written: protocol/property_writer.h.
//
//   section: length (1 to 4 bytes, 7 bits each, low first), then properties      property: identifier (1 byte), value
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/bytes.h"
#include "protocol/field_reader.h"
#include "protocol/protocol_error.h"
#include "protocol/types.h"

namespace penstock::protocol {

enum class PropertyId : uint8_t {
  kPayloadFormatIndicator = 0x01,
  kMessageExpiryInterval = 0x02,
  kContentType = 0x03,
  kResponseTopic = 0x08,
  kCorrelationData = 0x09,
  kSubscriptionId = 0x0b,
  kSessionExpiryInterval = 0x11,
  kAssignedClientId = 0x12,
  kServerKeepAlive = 0x13,
  kAuthenticationMethod = 0x15,
  kAuthenticationData = 0x16,
  kRequestProblemInformation = 0x17,
  kWillDelayInterval = 0x18,
  kRequestResponseInformation = 0x19,
  kResponseInformation = 0x1a,
  kServerReference = 0x1c,
  kReasonString = 0x1f,
  kReceiveMaximum = 0x21,
  kTopicAliasMaximum = 0x22,
  kTopicAlias = 0x23,
  kMaximumQoS = 0x24,
  kRetainAvailable = 0x25,
  kUserProperty = 0x26,
  kMaximumPacketSize = 0x27,
  kWildcardSubscriptionAvailable = 0x28,
  kSubscriptionIdsAvailable = 0x29,
  kSharedSubscriptionAvailable = 0x2a,
};
constexpr uint8_t kPropertyIdEnd = 0x2b;

enum class PropertyType : uint8_t {
  kByte,
  kTwoBytes,
  kFourBytes,
  kVariableInteger,
  kBinary,    // two bytes of length, then as many
  kText,      // the same, and UTF-8
  kTextPair,  // two texts
};

// Where a section of properties stands. The four packets that acknowledge a PUBLISH have the same.
enum class PropertyPlace : uint8_t {
  kConnect,
  kWill,
  kConnack,
  kPublishFromClient,
  kPublishFromServer,
  kAcknowledge,  // PUBACK, PUBREC, PUBREL, PUBCOMP
  kSubscribe,
  kSuback,
  kUnsubscribe,
  kUnsuback,
  kDisconnectFromClient,
  kDisconnectFromServer,
  kAuth,
};

enum class PropertyRange : uint8_t { kAny, kNotZero, kZeroOrOne };

// One line of table 2-4.
struct PropertyRule {
  PropertyId id;
  const char* name;  // "message expiry interval"
  PropertyType type;
  PropertyRange range;
  uint16_t places;          // bit 1 << place for each PropertyPlace where it is legal
  uint16_t repeats_in = 0;  // and where it may stand more than once
};

// Null for a number that the standard does not name.
const PropertyRule* property_rule(uint8_t id);

struct Property {
  PropertyId id;
  uint32_t number = 0;  // of the integer types
  core::Bytes bytes;    // of binary and text; of a pair its name
  core::Bytes value;    // of a pair
  core::Bytes wire;     // all of it, from its identifier on

  std::string_view text() const { return core::as_text(bytes); }
  std::string_view value_text() const { return core::as_text(value); }
};

// Walks the properties of a section, without its length, that a check has accepted.
class PropertyReader {
 public:
  explicit PropertyReader(core::Bytes checked) : fields_(checked) {}
  // False at the end. Over bytes that nobody has checked it stops at the first thing it cannot read.
  bool next(Property& out);

 private:
  FieldReader fields_;
};

// The same over hostile bytes, each property judged before it is given out. After next() has said false, error() says
// whether that was the end.
class PropertyChecker {
 public:
  PropertyChecker(core::Bytes section, PropertyPlace place) : fields_(section), place_(place) {}

  bool next(Property& out);
  const std::optional<ProtocolError>& error() const { return error_; }
  bool has_seen(PropertyId id) const { return (seen_ >> static_cast<unsigned>(id) & 1) != 0; }
  // From the first to the last one that was seen; properties of other kinds may stand between them.
  core::Bytes user_properties() const { return user_properties_; }

 private:
  bool fail(ProtocolErrorReason reason, const char* clause, const char* text);
  bool may_begin(const PropertyRule* rule);
  bool check_value(const PropertyRule& rule, const Property& property);
  bool check_text(const Property& property);

  FieldReader fields_;
  PropertyPlace place_;
  uint64_t seen_ = 0;  // bit per identifier
  core::Bytes user_properties_;
  std::optional<ProtocolError> error_;
};

// Cuts a section with its length off the front of `fields`; gives it without the length, not yet checked.
Decoded<core::Bytes> take_properties(FieldReader& fields);
// The same, and checks all of it, for packets whose properties nobody asks for. Gives the section.
Decoded<core::Bytes> take_checked_properties(FieldReader& fields, PropertyPlace place);

// The value of a text property in a checked section; empty when it is not there.
std::string_view text_property(core::Bytes checked, PropertyId id);

}  // namespace penstock::protocol
