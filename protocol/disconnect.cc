// Decoding of DISCONNECT and AUTH.
#include "protocol/disconnect.h"

#include "protocol/empty_packet.h"
#include "protocol/field_reader.h"
#include "protocol/property.h"

namespace penstock::protocol {
namespace {

using Reason = ProtocolErrorReason;

std::unexpected<ProtocolError> fail(Reason reason, const char* clause, const char* text) {
  return std::unexpected(ProtocolError{reason, clause, text});
}

// The properties behind a reason, up to the packet's end; none where the packet ends with the reason. `keep` is called
// with each. Gives the user properties.
template <typename Keep>
Decoded<core::Bytes> read_properties(FieldReader& reader, PropertyPlace place, Keep keep) {
  if (reader.at_end()) return core::Bytes();
  const Decoded<core::Bytes> section = take_properties(reader);
  if (!section.has_value()) return section;
  if (!reader.at_end()) return fail(Reason::kTrailingBytes, "", "bytes after the properties of DISCONNECT or AUTH");
  PropertyChecker checker(*section, place);
  for (Property property; checker.next(property);) keep(property);
  if (checker.error().has_value()) return std::unexpected(*checker.error());
  return checker.user_properties();
}

}  // namespace

Decoded<Disconnect> decode_disconnect(const PacketBytes& packet, ProtocolVersion version, Sender sender) {
  Disconnect disconnect;
  if (packet.body.empty()) return disconnect;
  if (version != ProtocolVersion::kMqtt5) return std::unexpected(decode_empty(packet).error());
  FieldReader reader(packet.body);
  disconnect.reason = static_cast<ReasonCode>(reader.take_u8());
  if (!may_carry(PacketType::kDisconnect, disconnect.reason, sender)) {
    return fail(Reason::kReturnCode, "MQTT5-3.14.2-1", "DISCONNECT with a reason that is not for its sender");
  }
  const PropertyPlace place =
      sender == Sender::kClient ? PropertyPlace::kDisconnectFromClient : PropertyPlace::kDisconnectFromServer;
  const auto user_properties = read_properties(reader, place, [&disconnect](const Property& property) {
    if (property.id == PropertyId::kSessionExpiryInterval) disconnect.session_expiry_s = property.number;
    if (property.id == PropertyId::kReasonString) disconnect.reason_string = property.text();
    if (property.id == PropertyId::kServerReference) disconnect.server_reference = property.text();
  });
  if (!user_properties.has_value()) return std::unexpected(user_properties.error());
  disconnect.user_properties = *user_properties;
  return disconnect;
}

Decoded<Auth> decode_auth(const PacketBytes& packet, Sender sender) {
  FieldReader reader(packet.body);
  Auth auth;
  if (!reader.at_end()) auth.reason = static_cast<ReasonCode>(reader.take_u8());
  if (!may_carry(PacketType::kAuth, auth.reason, sender)) {
    return fail(Reason::kReturnCode, "MQTT5-3.15.2-1", "AUTH with a reason that is not for its sender");
  }
  const auto user_properties = read_properties(reader, PropertyPlace::kAuth, [&](const Property& property) {
    if (property.id == PropertyId::kAuthenticationMethod) auth.method = property.text();
    if (property.id == PropertyId::kAuthenticationData) auth.data = property.bytes;
    if (property.id == PropertyId::kReasonString) auth.reason_string = property.text();
  });
  if (!user_properties.has_value()) return std::unexpected(user_properties.error());
  if (auth.method.empty() && !packet.body.empty()) {
    return fail(Reason::kMissingProperty, "", "AUTH without an authentication method");
  }
  auth.user_properties = *user_properties;
  return auth;
}

}  // namespace penstock::protocol
