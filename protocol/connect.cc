// Decoding of CONNECT in the order of its fields; the first broken rule ends it. CONNACK: protocol/connack.cc.
#include "protocol/connect.h"

#include <algorithm>

#include "protocol/field_reader.h"
#include "protocol/property.h"
#include "protocol/utf8.h"

namespace penstock::protocol {
namespace {

using Reason = ProtocolErrorReason;

// The byte after the protocol level.
struct ConnectFlags {
  uint8_t bits;

  bool reserved() const { return (bits & 0x01) != 0; }
  bool clean_session() const { return (bits & 0x02) != 0; }
  bool will() const { return (bits & 0x04) != 0; }
  uint8_t will_qos() const { return bits >> 3 & 3; }
  bool will_retain() const { return (bits & 0x20) != 0; }
  bool password() const { return (bits & 0x40) != 0; }
  bool user_name() const { return (bits & 0x80) != 0; }
};

// Errors are named by the statements of 3.1.1 and put into the words of 5.0 where they are that version's. In 5.0 the
// client is told of every one; before it, only two have a return code.
std::unexpected<ConnectError> fail(ProtocolVersion version, ProtocolError error) {
  if (version == ProtocolVersion::kMqtt5) {
    return std::unexpected(ConnectError{in_mqtt5(error), reason_code(error.reason), version});
  }
  ConnectError refused{.error = error, .refusal = std::nullopt, .version = version};
  if (error.reason == Reason::kProtocolLevel || error.reason == Reason::kClientId) {
    refused.refusal = reason_code(error.reason);
  }
  return std::unexpected(refused);
}

std::unexpected<ConnectError> truncated(ProtocolVersion version, const char* clause) {
  return fail(version, {Reason::kTruncatedField, clause, "a field of CONNECT reaches past its end"});
}

// In whose words a client of an unknown level is told so: a later one has to understand those of 5.0, an earlier one
// those of 3.1.1. Bridges set the highest bit to say what they are, and ask again without it when they are told in
// their own words. [MQTT-3.1.2-2] [MQTT5-3.1.2-2]
ProtocolVersion refusing_version(bool is_mqtt_name, uint8_t level) {
  if (!is_mqtt_name) return ProtocolVersion::kMqtt31;
  return (level & 0x7f) < static_cast<uint8_t>(ProtocolVersion::kMqtt5) ? ProtocolVersion::kMqtt311
                                                                        : ProtocolVersion::kMqtt5;
}

std::expected<ProtocolVersion, ConnectError> read_version(FieldReader& reader) {
  constexpr ProtocolVersion kUnknown = ProtocolVersion::kMqtt311;
  const std::string_view name = core::as_text(reader.take_sized());
  if (reader.truncated()) return truncated(kUnknown, "MQTT-3.1.4-1");
  const bool is_mqtt_name = name == "MQTT";
  // [MQTT-3.1.2-1] [MQTT5-3.1.2-1] we may close at a wrong name, and do: it is no MQTT client.
  if (!is_mqtt_name && name != "MQIsdp") {
    return fail(kUnknown, {Reason::kProtocolName, "MQTT-3.1.2-1", "unknown protocol name"});
  }
  const uint8_t level = reader.take_u8();
  if (reader.truncated()) return truncated(kUnknown, "MQTT-3.1.4-1");
  const auto version = static_cast<ProtocolVersion>(level);
  const bool known = is_mqtt_name ? version == ProtocolVersion::kMqtt311 || version == ProtocolVersion::kMqtt5
                                  : version == ProtocolVersion::kMqtt31;
  if (!known) {
    return fail(refusing_version(is_mqtt_name, level),
                {Reason::kProtocolLevel, "MQTT-3.1.2-2", "unsupported protocol level"});
  }
  return version;
}

std::expected<void, ConnectError> check_flags(ConnectFlags flags, ProtocolVersion version) {
  // 3.1 calls the lowest bit "not used". [MQTT5-3.1.2-3]
  if (flags.reserved() && version != ProtocolVersion::kMqtt31) {
    return fail(version, {Reason::kConnectFlags, "MQTT-3.1.2-3", "the reserved flag of CONNECT is set"});
  }
  if (!flags.will() && flags.will_qos() != 0) {  // [MQTT5-3.1.2-11]
    return fail(version, {Reason::kConnectFlags, "MQTT-3.1.2-13", "a will QoS without a will"});
  }
  if (flags.will_qos() == 3) {  // [MQTT5-3.1.2-12]
    return fail(version, {Reason::kInvalidQoS, "MQTT-3.1.2-14", "will QoS 3"});
  }
  if (!flags.will() && flags.will_retain()) {  // [MQTT5-3.1.2-13]
    return fail(version, {Reason::kConnectFlags, "MQTT-3.1.2-15", "will retain without a will"});
  }
  if (flags.password() && !flags.user_name() && version != ProtocolVersion::kMqtt5) {
    return fail(version, {Reason::kConnectFlags, "MQTT-3.1.2-22", "a password without a user name"});
  }
  return {};
}

void keep(const Property& property, ConnectProperties& to) {
  switch (property.id) {
    case PropertyId::kSessionExpiryInterval:
      to.session_expiry_s = property.number;
      return;
    case PropertyId::kReceiveMaximum:
      to.receive_maximum = static_cast<uint16_t>(property.number);
      return;
    case PropertyId::kMaximumPacketSize:
      to.packet_bytes_max = std::min(property.number, kPacketBytesMax);
      return;
    case PropertyId::kTopicAliasMaximum:
      to.topic_alias_maximum = static_cast<uint16_t>(property.number);
      return;
    case PropertyId::kRequestResponseInformation:
      to.request_response_information = property.number != 0;
      return;
    case PropertyId::kRequestProblemInformation:
      to.request_problem_information = property.number != 0;
      return;
    case PropertyId::kAuthenticationMethod:
      to.authentication_method = property.text();
      return;
    case PropertyId::kAuthenticationData:
      to.authentication_data = property.bytes;
      return;
    default:  // user properties, which the checker collects
      return;
  }
}

std::expected<void, ConnectError> read_properties(FieldReader& reader, Connect& connect) {
  const Decoded<core::Bytes> section = take_properties(reader);
  if (!section.has_value()) return fail(connect.version, section.error());
  PropertyChecker checker(*section, PropertyPlace::kConnect);
  for (Property property; checker.next(property);) keep(property, connect.properties);
  if (checker.error().has_value()) return fail(connect.version, *checker.error());
  if (connect.properties.authentication_data && !connect.properties.authentication_method) {
    return fail(connect.version,
                {Reason::kMissingProperty, "", "authentication data without an authentication method"});
  }
  connect.properties.user_properties = checker.user_properties();
  return {};
}

// Any text is a client id. [MQTT-3.1.3-5] [MQTT5-3.1.3-5] Longer than 23 bytes at any version: 3.1 forbids it, but its
// clients send them.
std::expected<void, ConnectError> read_client_id(FieldReader& reader, Connect& connect) {
  const std::string_view client_id = core::as_text(reader.take_sized());
  // Must be present, as the first field of the payload. [MQTT5-3.1.3-3]
  if (reader.truncated()) return truncated(connect.version, "MQTT-3.1.3-3");
  if (!is_mqtt_utf8(client_id)) {  // [MQTT5-3.1.3-4]
    return fail(connect.version, {Reason::kInvalidUtf8, "MQTT-3.1.3-4", "the client id is not UTF-8"});
  }
  // [MQTT-3.1.3-7] [MQTT-3.1.3-8]; 3.1 has no empty client id at all, and 5.0 has it for any session [MQTT5-3.1.3-6]
  const bool may_be_empty = connect.version == ProtocolVersion::kMqtt5 ||
                            (connect.version == ProtocolVersion::kMqtt311 && connect.clean_session);
  if (client_id.empty() && !may_be_empty) {
    return fail(connect.version,
                {Reason::kClientId, "MQTT-3.1.3-8", "an empty client id for a session that is to be kept"});
  }
  connect.client_id = client_id;
  return {};
}

// Of 5.0.
std::expected<void, ConnectError> read_will_properties(FieldReader& reader, WillMessage& will) {
  const Decoded<core::Bytes> section = take_properties(reader);
  if (!section.has_value()) return fail(ProtocolVersion::kMqtt5, section.error());
  PropertyChecker checker(*section, PropertyPlace::kWill);
  for (Property property; checker.next(property);) {
    if (property.id == PropertyId::kWillDelayInterval) will.delay_s = property.number;
    if (property.id == PropertyId::kMessageExpiryInterval) will.message_expiry_s = property.number;
    if (property.id == PropertyId::kPayloadFormatIndicator) will.payload_is_text = property.number != 0;
  }
  if (checker.error().has_value()) return fail(ProtocolVersion::kMqtt5, *checker.error());
  will.properties = *section;
  return {};
}

// [MQTT-3.1.2-9] [MQTT5-3.1.2-9]
std::expected<void, ConnectError> read_will(FieldReader& reader, ConnectFlags flags, Connect& connect) {
  WillMessage will;
  if (connect.version == ProtocolVersion::kMqtt5) {
    if (const auto status = read_will_properties(reader, will); !status) return status;
  }
  const std::string_view text = core::as_text(reader.take_sized());
  will.payload = reader.take_sized();
  if (reader.truncated()) return truncated(connect.version, "MQTT-3.1.2-9");
  const Decoded<TopicName> topic = TopicName::parse(text);
  if (!topic.has_value()) {
    ProtocolError error = topic.error();
    if (error.reason == Reason::kInvalidUtf8) error.clause = "MQTT-3.1.3-10";  // [MQTT5-3.1.3-11]
    return fail(connect.version, error);
  }
  will.topic = *topic;
  will.qos = static_cast<QoS>(flags.will_qos());
  will.retain = flags.will_retain();
  connect.will = will;
  return {};
}

// Present when flagged. In 3.1 the packet's end counts more than the flags.
std::expected<void, ConnectError> read_credentials(FieldReader& reader, ConnectFlags flags, Connect& connect) {
  const bool may_be_missing = connect.version == ProtocolVersion::kMqtt31;
  if (flags.user_name() && !(may_be_missing && reader.at_end())) {
    connect.user_name = core::as_text(reader.take_sized());
    if (reader.truncated()) return truncated(connect.version, "MQTT-3.1.2-19");  // [MQTT5-3.1.2-17]
    if (!is_mqtt_utf8(*connect.user_name)) {                                     // [MQTT5-3.1.3-12]
      return fail(connect.version, {Reason::kInvalidUtf8, "MQTT-3.1.3-11", "the user name is not UTF-8"});
    }
  }
  if (flags.password() && !(may_be_missing && reader.at_end())) {
    connect.password = reader.take_sized();
    if (reader.truncated()) return truncated(connect.version, "MQTT-3.1.2-21");  // [MQTT5-3.1.2-19]
  }
  return {};
}

}  // namespace

std::expected<Connect, ConnectError> decode_connect(const PacketBytes& packet) {
  FieldReader reader(packet.body);
  const auto version = read_version(reader);
  if (!version.has_value()) return std::unexpected(version.error());
  const ConnectFlags flags{reader.take_u8()};
  Connect connect;
  connect.version = *version;
  connect.clean_session = flags.clean_session();
  connect.keepalive_s = reader.take_u16();
  if (reader.truncated()) return truncated(*version, "MQTT-3.1.4-1");
  if (const auto status = check_flags(flags, *version); !status) return std::unexpected(status.error());
  if (*version == ProtocolVersion::kMqtt5) {
    if (const auto status = read_properties(reader, connect); !status) return std::unexpected(status.error());
  }
  // [MQTT-3.1.3-1] [MQTT5-3.1.3-1] in this order
  if (const auto status = read_client_id(reader, connect); !status) return std::unexpected(status.error());
  if (flags.will()) {
    if (const auto status = read_will(reader, flags, connect); !status) return std::unexpected(status.error());
  }
  if (const auto status = read_credentials(reader, flags, connect); !status) return std::unexpected(status.error());
  // A will, user name or password without its flag. [MQTT-3.1.2-11] [MQTT-3.1.2-18] [MQTT-3.1.2-20]
  // [MQTT5-3.1.2-16] [MQTT5-3.1.2-18] [MQTT5-3.1.4-1]
  if (!reader.at_end()) {
    return fail(*version, {Reason::kTrailingBytes, "MQTT-3.1.4-1", "bytes after the last field of CONNECT"});
  }
  return connect;
}

}  // namespace penstock::protocol
