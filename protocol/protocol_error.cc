// Labels of the error reasons: metric names, so they never change their spelling. And what each is called in 5.0.
#include "protocol/protocol_error.h"

#include <string_view>

namespace penstock::protocol {
namespace {

struct SameRule {
  std::string_view in_311;
  const char* in_5;
};

// The statements that our decoders name, where 5.0 keeps the rule of 3.1.1.
constexpr SameRule kSameRules[] = {
    // CONNECT and CONNACK.
    {"MQTT-3.1.2-1", "MQTT5-3.1.2-1"},
    {"MQTT-3.1.2-2", "MQTT5-3.1.2-2"},
    {"MQTT-3.1.2-3", "MQTT5-3.1.2-3"},
    {"MQTT-3.1.2-9", "MQTT5-3.1.2-9"},
    {"MQTT-3.1.2-13", "MQTT5-3.1.2-11"},
    {"MQTT-3.1.2-14", "MQTT5-3.1.2-12"},
    {"MQTT-3.1.2-15", "MQTT5-3.1.2-13"},
    {"MQTT-3.1.2-19", "MQTT5-3.1.2-17"},
    {"MQTT-3.1.2-21", "MQTT5-3.1.2-19"},
    {"MQTT-3.1.3-3", "MQTT5-3.1.3-3"},
    {"MQTT-3.1.3-4", "MQTT5-3.1.3-4"},
    {"MQTT-3.1.3-10", "MQTT5-3.1.3-11"},
    {"MQTT-3.1.3-11", "MQTT5-3.1.3-12"},
    {"MQTT-3.1.4-1", "MQTT5-3.1.4-1"},
    {"MQTT-3.2.2-4", "MQTT5-3.2.2-6"},
    // PUBLISH and whatever has a packet id.
    {"MQTT-2.3.1-1", "MQTT5-2.2.1-3"},
    {"MQTT-3.3.1-2", "MQTT5-3.3.1-2"},
    {"MQTT-3.3.1-4", "MQTT5-3.3.1-4"},
    {"MQTT-3.3.2-1", "MQTT5-3.3.2-1"},
    {"MQTT-3.3.2-2", "MQTT5-3.3.2-2"},
    // SUBSCRIBE, UNSUBSCRIBE, SUBACK.
    {"MQTT-3.8.3-1", "MQTT5-3.8.3-1"},
    {"MQTT-3.8.3-3", "MQTT5-3.8.3-2"},
    {"MQTT-3.8.4-5", "MQTT5-3.8.4-6"},
    {"MQTT-3.9.3-2", "MQTT5-3.9.3-2"},
    {"MQTT-3.10.3-1", "MQTT5-3.10.3-1"},
    {"MQTT-3.10.3-2", "MQTT5-3.10.3-2"},
    // Topics.
    {"MQTT-4.7.1-2", "MQTT5-4.7.1-1"},
    {"MQTT-4.7.1-3", "MQTT5-4.7.1-2"},
    {"MQTT-4.7.3-1", "MQTT5-4.7.3-1"},
    {"MQTT-4.7.3-2", "MQTT5-4.7.3-2"},
    {"MQTT-4.7.3-3", "MQTT5-4.7.3-3"},
};

}  // namespace

const char* to_string(ProtocolErrorReason reason) {
  switch (reason) {
    case ProtocolErrorReason::kReservedPacketType:
      return "reserved_packet_type";
    case ProtocolErrorReason::kReservedFlags:
      return "reserved_flags";
    case ProtocolErrorReason::kRemainingLength:
      return "remaining_length";
    case ProtocolErrorReason::kPacketTooLarge:
      return "packet_too_large";
    case ProtocolErrorReason::kTruncatedField:
      return "truncated_field";
    case ProtocolErrorReason::kTrailingBytes:
      return "trailing_bytes";
    case ProtocolErrorReason::kInvalidUtf8:
      return "invalid_utf8";
    case ProtocolErrorReason::kInvalidTopicName:
      return "invalid_topic_name";
    case ProtocolErrorReason::kInvalidTopicFilter:
      return "invalid_topic_filter";
    case ProtocolErrorReason::kInvalidQoS:
      return "invalid_qos";
    case ProtocolErrorReason::kDupAtQoS0:
      return "dup_at_qos0";
    case ProtocolErrorReason::kPacketIdZero:
      return "packet_id_zero";
    case ProtocolErrorReason::kNoTopicFilter:
      return "no_topic_filter";
    case ProtocolErrorReason::kProtocolName:
      return "protocol_name";
    case ProtocolErrorReason::kProtocolLevel:
      return "protocol_level";
    case ProtocolErrorReason::kConnectFlags:
      return "connect_flags";
    case ProtocolErrorReason::kClientId:
      return "client_id";
    case ProtocolErrorReason::kReturnCode:
      return "return_code";
    case ProtocolErrorReason::kSubscriptionOptions:
      return "subscription_options";
    case ProtocolErrorReason::kPropertyLength:
      return "property_length";
    case ProtocolErrorReason::kUnknownProperty:
      return "unknown_property";
    case ProtocolErrorReason::kForbiddenProperty:
      return "forbidden_property";
    case ProtocolErrorReason::kRepeatedProperty:
      return "repeated_property";
    case ProtocolErrorReason::kMissingProperty:
      return "missing_property";
    case ProtocolErrorReason::kPropertyValue:
      return "property_value";
    case ProtocolErrorReason::kTopicAlias:
      return "topic_alias";
    case ProtocolErrorReason::kReceiveMaximum:
      return "receive_maximum";
    case ProtocolErrorReason::kPayloadFormat:
      return "payload_format";
    case ProtocolErrorReason::kUnexpectedPacket:
      return "unexpected_packet";
  }
  return "unknown";
}

// The standard says of most errors which one they are, "malformed packet" or "protocol error": what cannot be read, and
// what can be read and is forbidden.
ReasonCode reason_code(ProtocolErrorReason reason) {
  switch (reason) {
    case ProtocolErrorReason::kReservedPacketType:
    case ProtocolErrorReason::kReservedFlags:
    case ProtocolErrorReason::kRemainingLength:
    case ProtocolErrorReason::kTruncatedField:
    case ProtocolErrorReason::kTrailingBytes:
    case ProtocolErrorReason::kInvalidUtf8:
    case ProtocolErrorReason::kInvalidQoS:
    case ProtocolErrorReason::kDupAtQoS0:
    case ProtocolErrorReason::kConnectFlags:
    case ProtocolErrorReason::kPropertyLength:
    case ProtocolErrorReason::kUnknownProperty:
      return ReasonCode::kMalformedPacket;
    case ProtocolErrorReason::kPacketIdZero:
    case ProtocolErrorReason::kNoTopicFilter:
    case ProtocolErrorReason::kReturnCode:
    case ProtocolErrorReason::kSubscriptionOptions:
    case ProtocolErrorReason::kForbiddenProperty:
    case ProtocolErrorReason::kRepeatedProperty:
    case ProtocolErrorReason::kMissingProperty:
    case ProtocolErrorReason::kPropertyValue:
    case ProtocolErrorReason::kUnexpectedPacket:
      return ReasonCode::kProtocolError;
    case ProtocolErrorReason::kPacketTooLarge:
      return ReasonCode::kPacketTooLarge;
    case ProtocolErrorReason::kInvalidTopicName:
      return ReasonCode::kTopicNameInvalid;
    case ProtocolErrorReason::kInvalidTopicFilter:
      return ReasonCode::kTopicFilterInvalid;
    case ProtocolErrorReason::kProtocolName:
    case ProtocolErrorReason::kProtocolLevel:
      return ReasonCode::kUnsupportedProtocolVersion;
    case ProtocolErrorReason::kClientId:
      return ReasonCode::kClientIdNotValid;
    case ProtocolErrorReason::kTopicAlias:
      return ReasonCode::kTopicAliasInvalid;
    case ProtocolErrorReason::kReceiveMaximum:
      return ReasonCode::kReceiveMaximumExceeded;
    case ProtocolErrorReason::kPayloadFormat:
      return ReasonCode::kPayloadFormatInvalid;
  }
  return ReasonCode::kUnspecifiedError;
}

ProtocolError in_mqtt5(ProtocolError error) {
  const std::string_view clause = error.clause;
  for (const SameRule& rule : kSameRules) {
    if (rule.in_311 == clause) error.clause = rule.in_5;
  }
  return error;
}

}  // namespace penstock::protocol
