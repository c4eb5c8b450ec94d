// The table of the properties, and their check in one pass over hostile bytes: the first broken rule ends it.
#include "protocol/property.h"

#include <array>

#include "protocol/topic_name.h"
#include "protocol/utf8.h"

namespace penstock::protocol {
namespace {

using Reason = ProtocolErrorReason;
using Id = PropertyId;
using Type = PropertyType;
using Range = PropertyRange;

constexpr uint16_t in(PropertyPlace place) {
  return static_cast<uint16_t>(1u << static_cast<unsigned>(place));
}
constexpr uint16_t kConnect = in(PropertyPlace::kConnect);
constexpr uint16_t kWill = in(PropertyPlace::kWill);
constexpr uint16_t kConnack = in(PropertyPlace::kConnack);
constexpr uint16_t kPublishFromServer = in(PropertyPlace::kPublishFromServer);
constexpr uint16_t kPublish = in(PropertyPlace::kPublishFromClient) | kPublishFromServer;
constexpr uint16_t kAcknowledge = in(PropertyPlace::kAcknowledge);
constexpr uint16_t kSubscribe = in(PropertyPlace::kSubscribe);
constexpr uint16_t kSubacks = in(PropertyPlace::kSuback) | in(PropertyPlace::kUnsuback);
constexpr uint16_t kDisconnectFromClient = in(PropertyPlace::kDisconnectFromClient);
constexpr uint16_t kDisconnect = kDisconnectFromClient | in(PropertyPlace::kDisconnectFromServer);
constexpr uint16_t kAuth = in(PropertyPlace::kAuth);
constexpr uint16_t kAnywhere = 0xffff;

// Table 2-4. [MQTT5-3.3.4-6] a client sends no subscription identifier with a message, [MQTT5-3.14.2-2] a server no
// session expiry with DISCONNECT.
constexpr PropertyRule kRules[] = {
    {Id::kPayloadFormatIndicator, "payload format indicator", Type::kByte, Range::kZeroOrOne, kPublish | kWill},
    {Id::kMessageExpiryInterval, "message expiry interval", Type::kFourBytes, Range::kAny, kPublish | kWill},
    {Id::kContentType, "content type", Type::kText, Range::kAny, kPublish | kWill},
    {Id::kResponseTopic, "response topic", Type::kText, Range::kAny, kPublish | kWill},
    {Id::kCorrelationData, "correlation data", Type::kBinary, Range::kAny, kPublish | kWill},
    {Id::kSubscriptionId, "subscription identifier", Type::kVariableInteger, Range::kNotZero,
     kPublishFromServer | kSubscribe, kPublishFromServer},
    {Id::kSessionExpiryInterval, "session expiry interval", Type::kFourBytes, Range::kAny,
     kConnect | kConnack | kDisconnectFromClient},
    {Id::kAssignedClientId, "assigned client identifier", Type::kText, Range::kAny, kConnack},
    {Id::kServerKeepAlive, "server keep alive", Type::kTwoBytes, Range::kAny, kConnack},
    {Id::kAuthenticationMethod, "authentication method", Type::kText, Range::kAny, kConnect | kConnack | kAuth},
    {Id::kAuthenticationData, "authentication data", Type::kBinary, Range::kAny, kConnect | kConnack | kAuth},
    {Id::kRequestProblemInformation, "request problem information", Type::kByte, Range::kZeroOrOne, kConnect},
    {Id::kWillDelayInterval, "will delay interval", Type::kFourBytes, Range::kAny, kWill},
    {Id::kRequestResponseInformation, "request response information", Type::kByte, Range::kZeroOrOne, kConnect},
    {Id::kResponseInformation, "response information", Type::kText, Range::kAny, kConnack},
    {Id::kServerReference, "server reference", Type::kText, Range::kAny, kConnack | kDisconnect},
    {Id::kReasonString, "reason string", Type::kText, Range::kAny,
     kConnack | kAcknowledge | kSubacks | kDisconnect | kAuth},
    {Id::kReceiveMaximum, "receive maximum", Type::kTwoBytes, Range::kNotZero, kConnect | kConnack},
    {Id::kTopicAliasMaximum, "topic alias maximum", Type::kTwoBytes, Range::kAny, kConnect | kConnack},
    {Id::kTopicAlias, "topic alias", Type::kTwoBytes, Range::kNotZero, kPublish},
    {Id::kMaximumQoS, "maximum QoS", Type::kByte, Range::kZeroOrOne, kConnack},
    {Id::kRetainAvailable, "retain available", Type::kByte, Range::kZeroOrOne, kConnack},
    {Id::kUserProperty, "user property", Type::kTextPair, Range::kAny, kAnywhere, kAnywhere},
    {Id::kMaximumPacketSize, "maximum packet size", Type::kFourBytes, Range::kNotZero, kConnect | kConnack},
    {Id::kWildcardSubscriptionAvailable, "wildcard subscription available", Type::kByte, Range::kZeroOrOne, kConnack},
    {Id::kSubscriptionIdsAvailable, "subscription identifiers available", Type::kByte, Range::kZeroOrOne, kConnack},
    {Id::kSharedSubscriptionAvailable, "shared subscription available", Type::kByte, Range::kZeroOrOne, kConnack},
};
static_assert(std::size(kRules) == 27);
static_assert(kPropertyIdEnd <= 64, "PropertyChecker keeps one bit per identifier");

constexpr uint8_t kNone = 0xff;
// Index of the rule of each identifier.
constexpr auto kRuleOf = [] {
  std::array<uint8_t, kPropertyIdEnd> rule_of{};
  rule_of.fill(kNone);
  for (uint8_t i = 0; i < std::size(kRules); ++i) rule_of[static_cast<uint8_t>(kRules[i].id)] = i;
  return rule_of;
}();

// One property of `rule`, whose identifier `fields` have given already. Where it is cut, `fields` say so. Field by
// field: a whole one assigned would be copied in wide pieces right behind the narrow stores that it is made of.
void take_value(FieldReader& fields, const PropertyRule& rule, Property& out) {
  const std::byte* const begin = fields.rest().data() - 1;
  out.id = rule.id;
  out.number = 0;
  out.bytes = {};
  out.value = {};
  switch (rule.type) {
    case Type::kByte:
      out.number = fields.take_u8();
      break;
    case Type::kTwoBytes:
      out.number = fields.take_u16();
      break;
    case Type::kFourBytes:
      out.number = fields.take_u32();
      break;
    case Type::kVariableInteger:
      out.number = fields.take_variable();
      break;
    case Type::kBinary:
    case Type::kText:
      out.bytes = fields.take_sized();
      break;
    case Type::kTextPair:
      out.bytes = fields.take_sized();
      out.value = fields.take_sized();
      break;
  }
  out.wire = {begin, fields.rest().data()};
}

std::unexpected<ProtocolError> bad_length(const char* clause, const char* text) {
  return std::unexpected(ProtocolError{Reason::kPropertyLength, clause, text});
}

}  // namespace

const PropertyRule* property_rule(uint8_t id) {
  if (id >= kPropertyIdEnd || kRuleOf[id] == kNone) return nullptr;
  return &kRules[kRuleOf[id]];
}

bool PropertyReader::next(Property& out) {
  if (fields_.at_end()) return false;
  const PropertyRule* rule = property_rule(fields_.take_u8());
  if (rule == nullptr) return false;  // not checked before: nothing can be said of the rest
  take_value(fields_, *rule, out);
  return !fields_.truncated();
}

bool PropertyChecker::fail(Reason reason, const char* clause, const char* text) {
  error_ = ProtocolError{reason, clause, text};
  return false;
}

// An identifier is a variable byte integer, but all that there are have one byte.
bool PropertyChecker::may_begin(const PropertyRule* rule) {
  if (rule == nullptr) return fail(Reason::kUnknownProperty, "", "a property that the standard does not know");
  const uint16_t here = in(place_);
  if ((rule->places & here) == 0) {
    if (rule->id == Id::kSubscriptionId && place_ == PropertyPlace::kPublishFromClient) {
      return fail(Reason::kForbiddenProperty, "MQTT5-3.3.4-6", "a client's PUBLISH with a subscription identifier");
    }
    if (rule->id == Id::kSessionExpiryInterval && place_ == PropertyPlace::kDisconnectFromServer) {
      return fail(Reason::kForbiddenProperty, "MQTT5-3.14.2-2", "a server's DISCONNECT with a session expiry interval");
    }
    return fail(Reason::kUnknownProperty, "", "a property that does not belong into this packet");
  }
  if (has_seen(rule->id) && (rule->repeats_in & here) == 0) {
    return fail(Reason::kRepeatedProperty, "", "a property that may stand there once stands there again");
  }
  seen_ |= uint64_t{1} << static_cast<unsigned>(rule->id);
  return true;
}

bool PropertyChecker::next(Property& out) {
  if (error_.has_value() || fields_.at_end()) return false;
  const PropertyRule* rule = property_rule(fields_.take_u8());
  if (!may_begin(rule)) return false;
  take_value(fields_, *rule, out);
  if (fields_.malformed_integer()) {
    return fail(Reason::kTruncatedField, "MQTT5-1.5.5-1",
                "a property's number is too long or not in its shortest form");
  }
  if (fields_.truncated()) return fail(Reason::kTruncatedField, "", "a property reaches past the end of its section");
  return check_value(*rule, out);
}

bool PropertyChecker::check_value(const PropertyRule& rule, const Property& property) {
  if (rule.range == Range::kNotZero && property.number == 0) {
    if (rule.id == Id::kTopicAlias) return fail(Reason::kTopicAlias, "MQTT5-3.3.2-8", "topic alias 0");
    return fail(Reason::kPropertyValue, "", "a property that must not be 0 is 0");
  }
  if (rule.range == Range::kZeroOrOne && property.number > 1) {
    return fail(Reason::kPropertyValue, "", "a property that is 0 or 1 is something else");
  }
  if (rule.type == Type::kText) return check_text(property);
  if (rule.type == Type::kTextPair) {
    if (!is_mqtt_utf8(property.text()) || !is_mqtt_utf8(property.value_text())) {
      return fail(Reason::kInvalidUtf8, "MQTT5-1.5.7-1", "a user property is not UTF-8");
    }
    const std::byte* begin = user_properties_.empty() ? property.wire.data() : user_properties_.data();
    user_properties_ = {begin, property.wire.data() + property.wire.size()};
  }
  return true;
}

bool PropertyChecker::check_text(const Property& property) {
  if (property.id == Id::kResponseTopic) {  // a topic name like any other [MQTT5-3.3.2-13] [MQTT5-3.3.2-14]
    const Decoded<TopicName> topic = TopicName::parse(property.text());
    if (topic.has_value()) return true;
    if (topic.error().reason == Reason::kInvalidUtf8) {
      return fail(Reason::kInvalidUtf8, "MQTT5-3.3.2-13", "the response topic is not UTF-8");
    }
    const char* clause = property.bytes.empty() ? "MQTT5-4.7.3-1" : "MQTT5-3.3.2-14";
    return fail(Reason::kPropertyValue, clause, "the response topic is empty or holds a wildcard");
  }
  if (is_mqtt_utf8(property.text())) return true;
  const bool is_content_type = property.id == Id::kContentType;
  return fail(Reason::kInvalidUtf8, is_content_type ? "MQTT5-3.3.2-19" : "MQTT5-1.5.4-1",
              "the text of a property is not UTF-8");
}

Decoded<core::Bytes> take_properties(FieldReader& fields) {
  const uint32_t bytes = fields.take_variable();
  if (fields.malformed_integer()) {
    return bad_length("MQTT5-1.5.5-1", "the length of the properties is too long or not in its shortest form");
  }
  if (fields.truncated()) return bad_length("MQTT5-2.2.2-1", "the length of the properties is missing");
  const core::Bytes section = fields.take_bytes(bytes);
  if (fields.truncated()) return bad_length("", "the properties reach past the packet's end");
  return section;
}

Decoded<core::Bytes> take_checked_properties(FieldReader& fields, PropertyPlace place) {
  const Decoded<core::Bytes> section = take_properties(fields);
  if (!section.has_value()) return section;
  PropertyChecker checker(*section, place);
  for (Property property; checker.next(property);) {
  }
  if (checker.error().has_value()) return std::unexpected(*checker.error());
  return section;
}

std::string_view text_property(core::Bytes checked, PropertyId id) {
  PropertyReader reader(checked);
  for (Property property; reader.next(property);) {
    if (property.id == id) return property.text();
  }
  return {};
}

}  // namespace penstock::protocol
