// The packets that begin, prove and end a connection: CONNECT, CONNACK, AUTH, DISCONNECT.
#include "protocol/encode.h"
#include "protocol/field_writer.h"

namespace penstock::protocol {
namespace {

std::string_view protocol_name(ProtocolVersion version) {
  return version == ProtocolVersion::kMqtt31 ? "MQIsdp" : "MQTT";
}

// What differs from its default, of each section of properties.

void put(PropertyWriter& writer, const ConnectProperties& properties) {
  const ConnectProperties defaults;
  if (properties.session_expiry_s != defaults.session_expiry_s) {
    writer.u32(PropertyId::kSessionExpiryInterval, properties.session_expiry_s);
  }
  if (properties.receive_maximum != defaults.receive_maximum) {
    writer.u16(PropertyId::kReceiveMaximum, properties.receive_maximum);
  }
  if (properties.packet_bytes_max != defaults.packet_bytes_max) {
    writer.u32(PropertyId::kMaximumPacketSize, properties.packet_bytes_max);
  }
  if (properties.topic_alias_maximum != defaults.topic_alias_maximum) {
    writer.u16(PropertyId::kTopicAliasMaximum, properties.topic_alias_maximum);
  }
  if (properties.request_response_information) writer.flag(PropertyId::kRequestResponseInformation, true);
  if (!properties.request_problem_information) writer.flag(PropertyId::kRequestProblemInformation, false);
  if (properties.authentication_method) {
    writer.text(PropertyId::kAuthenticationMethod, *properties.authentication_method);
  }
  if (properties.authentication_data) writer.binary(PropertyId::kAuthenticationData, *properties.authentication_data);
  writer.wire(properties.user_properties);
}

void put(PropertyWriter& writer, const WillMessage& will) {
  if (will.delay_s != 0) writer.u32(PropertyId::kWillDelayInterval, will.delay_s);
  writer.wire(will.properties);
}

void put_text(PropertyWriter& writer, PropertyId id, std::string_view text) {
  if (!text.empty()) writer.text(id, text);
}

void put(PropertyWriter& writer, const ConnackProperties& properties) {
  const ConnackProperties defaults;
  if (properties.session_expiry_s) writer.u32(PropertyId::kSessionExpiryInterval, *properties.session_expiry_s);
  if (properties.receive_maximum != defaults.receive_maximum) {
    writer.u16(PropertyId::kReceiveMaximum, properties.receive_maximum);
  }
  if (properties.maximum_qos != defaults.maximum_qos) {
    writer.u8(PropertyId::kMaximumQoS, static_cast<uint8_t>(properties.maximum_qos));
  }
  if (!properties.retain_available) writer.flag(PropertyId::kRetainAvailable, false);
  if (properties.packet_bytes_max != defaults.packet_bytes_max) {
    writer.u32(PropertyId::kMaximumPacketSize, properties.packet_bytes_max);
  }
  put_text(writer, PropertyId::kAssignedClientId, properties.assigned_client_id);
  if (properties.topic_alias_maximum != defaults.topic_alias_maximum) {
    writer.u16(PropertyId::kTopicAliasMaximum, properties.topic_alias_maximum);
  }
  put_text(writer, PropertyId::kReasonString, properties.reason_string);
  if (!properties.wildcard_subscription_available) writer.flag(PropertyId::kWildcardSubscriptionAvailable, false);
  if (!properties.subscription_ids_available) writer.flag(PropertyId::kSubscriptionIdsAvailable, false);
  if (!properties.shared_subscription_available) writer.flag(PropertyId::kSharedSubscriptionAvailable, false);
  if (properties.server_keepalive_s) writer.u16(PropertyId::kServerKeepAlive, *properties.server_keepalive_s);
  put_text(writer, PropertyId::kResponseInformation, properties.response_information);
  put_text(writer, PropertyId::kServerReference, properties.server_reference);
  if (properties.authentication_method) {
    writer.text(PropertyId::kAuthenticationMethod, *properties.authentication_method);
  }
  if (properties.authentication_data) writer.binary(PropertyId::kAuthenticationData, *properties.authentication_data);
  writer.wire(properties.user_properties);
}

void put(PropertyWriter& writer, const Disconnect& disconnect) {
  if (disconnect.session_expiry_s) writer.u32(PropertyId::kSessionExpiryInterval, *disconnect.session_expiry_s);
  put_text(writer, PropertyId::kReasonString, disconnect.reason_string);
  put_text(writer, PropertyId::kServerReference, disconnect.server_reference);
  writer.wire(disconnect.user_properties);
}

void put(PropertyWriter& writer, const Auth& auth) {
  if (!auth.method.empty()) writer.text(PropertyId::kAuthenticationMethod, auth.method);
  if (auth.data) writer.binary(PropertyId::kAuthenticationData, *auth.data);
  put_text(writer, PropertyId::kReasonString, auth.reason_string);
  writer.wire(auth.user_properties);
}

// The properties of `fields` for FieldWriter::section() and section_bytes().
template <typename T>
auto properties_of(const T& fields) {
  return [&fields](PropertyWriter& writer) { put(writer, fields); };
}

bool has_properties(const auto& fields) {
  return section_bytes(properties_of(fields)) > 1;
}

size_t connect_remaining_length(const Connect& connect) {
  constexpr size_t kLevelFlagsKeepalive = 4;
  const bool is_5 = connect.version == ProtocolVersion::kMqtt5;
  size_t bytes = 2 + protocol_name(connect.version).size() + kLevelFlagsKeepalive + 2 + connect.client_id.size();
  if (is_5) bytes += section_bytes(properties_of(connect.properties));
  if (connect.will) {
    if (is_5) bytes += section_bytes(properties_of(*connect.will));
    bytes += 2 + connect.will->topic.size() + 2 + connect.will->payload.size();
  }
  if (connect.user_name) bytes += 2 + connect.user_name->size();
  if (connect.password) bytes += 2 + connect.password->size();
  return bytes;
}

uint8_t connect_flags(const Connect& connect) {
  uint32_t flags = connect.clean_session ? 0x02 : 0;
  if (connect.will) {
    flags |= 0x04u | static_cast<uint32_t>(connect.will->qos) << 3 | (connect.will->retain ? 0x20u : 0);
  }
  if (connect.password) flags |= 0x40;
  if (connect.user_name) flags |= 0x80;
  return static_cast<uint8_t>(flags);
}

size_t connack_remaining_length(const Connack& connack, ProtocolVersion version) {
  return version == ProtocolVersion::kMqtt5 ? 2 + section_bytes(properties_of(connack.properties)) : 2;
}

// A success without properties is not said at all, and a reason may stand alone.
size_t disconnect_remaining_length(const Disconnect& disconnect) {
  if (has_properties(disconnect)) return 1 + section_bytes(properties_of(disconnect));
  return disconnect.reason == ReasonCode::kNormalDisconnection ? 0 : 1;
}

size_t auth_remaining_length(const Auth& auth) {
  if (auth.reason == ReasonCode::kSuccess && !has_properties(auth)) return 0;
  return 1 + section_bytes(properties_of(auth));
}

}  // namespace

size_t connect_bytes(const Connect& connect) {
  return packet_bytes(connect_remaining_length(connect));
}

size_t encode_connect(core::MutableBytes to, const Connect& connect) {
  const bool is_5 = connect.version == ProtocolVersion::kMqtt5;
  CHECK(is_5 || connect.user_name.has_value() || !connect.password.has_value());  // [MQTT-3.1.2-22]
  CHECK(connect.properties.authentication_method.has_value() || !connect.properties.authentication_data.has_value());
  CHECK_NE(connect.properties.receive_maximum, 0);
  CHECK_NE(connect.properties.packet_bytes_max, 0u);
  FieldWriter writer(to, PacketType::kConnect, 0, connect_remaining_length(connect));
  writer.sized(protocol_name(connect.version));
  writer.u8(static_cast<uint8_t>(connect.version));
  writer.u8(connect_flags(connect));
  writer.u16(connect.keepalive_s);
  if (is_5) writer.section(properties_of(connect.properties));
  writer.sized(connect.client_id);
  if (connect.will) {
    if (is_5) writer.section(properties_of(*connect.will));
    writer.sized(connect.will->topic.text());
    writer.sized(connect.will->payload);
  }
  if (connect.user_name) writer.sized(*connect.user_name);
  if (connect.password) writer.sized(*connect.password);
  return writer.bytes();
}

size_t connack_bytes(const Connack& connack, ProtocolVersion version) {
  return packet_bytes(connack_remaining_length(connack, version));
}

size_t encode_connack(core::MutableBytes to, const Connack& connack, ProtocolVersion version) {
  // [MQTT-3.2.2-4] [MQTT5-3.2.2-6]
  CHECK(!connack.session_present || connack.code == ReasonCode::kSuccess);
  CHECK(may_carry(PacketType::kConnack, connack.code));  // [MQTT5-3.2.2-8]
  FieldWriter writer(to, PacketType::kConnack, 0, connack_remaining_length(connack, version));
  writer.u8(connack.session_present ? 1 : 0);  // [MQTT5-3.2.2-1]
  if (version == ProtocolVersion::kMqtt5) {
    writer.u8(static_cast<uint8_t>(connack.code));
    writer.section(properties_of(connack.properties));
  } else {
    writer.u8(connack_return_code(connack.code));
  }
  return writer.bytes();
}

size_t disconnect_bytes(const Disconnect& disconnect) {
  return packet_bytes(disconnect_remaining_length(disconnect));
}

size_t encode_disconnect(core::MutableBytes to, const Disconnect& disconnect, Sender sender) {
  CHECK(may_carry(PacketType::kDisconnect, disconnect.reason, sender));          // [MQTT5-3.14.2-1]
  CHECK(sender == Sender::kClient || !disconnect.session_expiry_s.has_value());  // [MQTT5-3.14.2-2]
  const size_t remaining_length = disconnect_remaining_length(disconnect);
  FieldWriter writer(to, PacketType::kDisconnect, 0, remaining_length);
  if (remaining_length > 0) writer.u8(static_cast<uint8_t>(disconnect.reason));
  if (remaining_length > 1) writer.section(properties_of(disconnect));
  return writer.bytes();
}

size_t auth_bytes(const Auth& auth) {
  return packet_bytes(auth_remaining_length(auth));
}

size_t encode_auth(core::MutableBytes to, const Auth& auth, Sender sender) {
  CHECK(may_carry(PacketType::kAuth, auth.reason, sender));  // [MQTT5-3.15.2-1]
  const size_t remaining_length = auth_remaining_length(auth);
  CHECK(!auth.method.empty() || remaining_length == 0);
  FieldWriter writer(to, PacketType::kAuth, 0, remaining_length);  // [MQTT5-3.15.1-1]
  if (remaining_length > 0) {
    writer.u8(static_cast<uint8_t>(auth.reason));
    writer.section(properties_of(auth));
  }
  return writer.bytes();
}

}  // namespace penstock::protocol
