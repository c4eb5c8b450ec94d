// Decoding of CONNACK, for clients.
#include <algorithm>

#include "protocol/connect.h"
#include "protocol/field_reader.h"
#include "protocol/property.h"

namespace penstock::protocol {
namespace {

using Reason = ProtocolErrorReason;

std::unexpected<ProtocolError> fail(Reason reason, const char* clause, const char* text) {
  return std::unexpected(ProtocolError{reason, clause, text});
}

constexpr uint8_t kReturnCodeEnd = 6;  // before 5.0

Decoded<Connack> decode_connack_311(core::Bytes body) {
  if (body.size() != 2) return fail(Reason::kTruncatedField, "", "CONNACK whose body is not two bytes");
  const auto acknowledge_flags = std::to_integer<uint8_t>(body[0]);
  const auto code = std::to_integer<uint8_t>(body[1]);
  if (acknowledge_flags > 1) return fail(Reason::kReservedFlags, "", "reserved acknowledge flags of CONNACK are set");
  if (code >= kReturnCodeEnd) return fail(Reason::kReturnCode, "", "CONNACK with a reserved return code");
  if (acknowledge_flags != 0 && code != 0) {
    return fail(Reason::kReturnCode, "MQTT-3.2.2-4", "CONNACK that refuses and says that a session is present");
  }
  return Connack{.session_present = acknowledge_flags != 0, .code = from_connack_return_code(code)};
}

// The properties that are texts; null for another one.
std::string_view* text_of(PropertyId id, ConnackProperties& to) {
  switch (id) {
    case PropertyId::kAssignedClientId:
      return &to.assigned_client_id;
    case PropertyId::kReasonString:
      return &to.reason_string;
    case PropertyId::kResponseInformation:
      return &to.response_information;
    case PropertyId::kServerReference:
      return &to.server_reference;
    default:
      return nullptr;
  }
}

void keep_number(PropertyId id, uint32_t number, ConnackProperties& to) {
  switch (id) {
    case PropertyId::kSessionExpiryInterval:
      to.session_expiry_s = number;
      return;
    case PropertyId::kReceiveMaximum:
      to.receive_maximum = static_cast<uint16_t>(number);
      return;
    case PropertyId::kMaximumQoS:
      to.maximum_qos = static_cast<QoS>(number);
      return;
    case PropertyId::kRetainAvailable:
      to.retain_available = number != 0;
      return;
    case PropertyId::kMaximumPacketSize:
      to.packet_bytes_max = std::min(number, kPacketBytesMax);
      return;
    case PropertyId::kTopicAliasMaximum:
      to.topic_alias_maximum = static_cast<uint16_t>(number);
      return;
    case PropertyId::kWildcardSubscriptionAvailable:
      to.wildcard_subscription_available = number != 0;
      return;
    case PropertyId::kSubscriptionIdsAvailable:
      to.subscription_ids_available = number != 0;
      return;
    case PropertyId::kSharedSubscriptionAvailable:
      to.shared_subscription_available = number != 0;
      return;
    case PropertyId::kServerKeepAlive:
      to.server_keepalive_s = static_cast<uint16_t>(number);
      return;
    default:
      return;
  }
}

void keep(const Property& property, ConnackProperties& to) {
  if (std::string_view* text = text_of(property.id, to)) {
    *text = property.text();
  } else if (property.id == PropertyId::kAuthenticationMethod) {
    to.authentication_method = property.text();
  } else if (property.id == PropertyId::kAuthenticationData) {
    to.authentication_data = property.bytes;
  } else {
    keep_number(property.id, property.number, to);
  }
}

Decoded<Connack> decode_connack_5(core::Bytes body) {
  FieldReader reader(body);
  const uint8_t acknowledge_flags = reader.take_u8();
  const auto code = static_cast<ReasonCode>(reader.take_u8());
  if (reader.truncated()) return fail(Reason::kTruncatedField, "", "CONNACK without a reason code");
  if (acknowledge_flags > 1) {
    return fail(Reason::kReservedFlags, "MQTT5-3.2.2-1", "reserved acknowledge flags of CONNACK are set");
  }
  if (!may_carry(PacketType::kConnack, code)) {
    return fail(Reason::kReturnCode, "MQTT5-3.2.2-8", "CONNACK with a reason code that is not for it");
  }
  Connack connack{.session_present = acknowledge_flags != 0, .code = code};
  if (connack.session_present && code != ReasonCode::kSuccess) {
    return fail(Reason::kReturnCode, "MQTT5-3.2.2-6", "CONNACK that refuses and says that a session is present");
  }
  const Decoded<core::Bytes> section = take_properties(reader);
  if (!section.has_value()) return std::unexpected(section.error());
  if (!reader.at_end()) return fail(Reason::kTrailingBytes, "", "bytes after the properties of CONNACK");
  PropertyChecker checker(*section, PropertyPlace::kConnack);
  for (Property property; checker.next(property);) keep(property, connack.properties);
  if (checker.error().has_value()) return std::unexpected(*checker.error());
  connack.properties.user_properties = checker.user_properties();
  return connack;
}

}  // namespace

Decoded<Connack> decode_connack(const PacketBytes& packet, ProtocolVersion version) {
  return version == ProtocolVersion::kMqtt5 ? decode_connack_5(packet.body) : decode_connack_311(packet.body);
}

}  // namespace penstock::protocol
