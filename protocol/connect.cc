// Decoding of CONNECT in the order of its fields; the first broken rule ends it.
#include "protocol/connect.h"

#include "protocol/field_reader.h"
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

std::unexpected<ConnectError> fail(Reason reason, const char* clause, const char* text,
                                   ConnectReturnCode refusal = ConnectReturnCode::kAccepted) {
  return std::unexpected(ConnectError{{reason, clause, text}, refusal});
}

std::unexpected<ConnectError> truncated(const char* clause) {
  return fail(Reason::kTruncatedField, clause, "a field of CONNECT reaches past its end");
}

std::expected<ProtocolVersion, ConnectError> read_version(FieldReader& reader) {
  const std::string_view name = core::as_text(reader.take_sized());
  if (reader.truncated()) return truncated("MQTT-3.1.4-1");
  const bool is_311_name = name == "MQTT";
  // [MQTT-3.1.2-1] we may close at a wrong name, and do: it is no MQTT client.
  if (!is_311_name && name != "MQIsdp") return fail(Reason::kProtocolName, "MQTT-3.1.2-1", "unknown protocol name");
  const uint8_t level = reader.take_u8();
  if (reader.truncated()) return truncated("MQTT-3.1.4-1");
  const ProtocolVersion version = is_311_name ? ProtocolVersion::kMqtt311 : ProtocolVersion::kMqtt31;
  if (level != static_cast<uint8_t>(version)) {  // [MQTT-3.1.2-2]
    return fail(Reason::kProtocolLevel, "MQTT-3.1.2-2", "unsupported protocol level",
                ConnectReturnCode::kUnacceptableProtocolLevel);
  }
  return version;
}

std::expected<void, ConnectError> check_flags(ConnectFlags flags, ProtocolVersion version) {
  // 3.1 calls the lowest bit "not used".
  if (flags.reserved() && version != ProtocolVersion::kMqtt31) {
    return fail(Reason::kConnectFlags, "MQTT-3.1.2-3", "the reserved flag of CONNECT is set");
  }
  if (!flags.will() && flags.will_qos() != 0) {
    return fail(Reason::kConnectFlags, "MQTT-3.1.2-13", "a will QoS without a will");
  }
  if (flags.will_qos() == 3) return fail(Reason::kInvalidQoS, "MQTT-3.1.2-14", "will QoS 3");
  if (!flags.will() && flags.will_retain()) {
    return fail(Reason::kConnectFlags, "MQTT-3.1.2-15", "will retain without a will");
  }
  if (flags.password() && !flags.user_name()) {
    return fail(Reason::kConnectFlags, "MQTT-3.1.2-22", "a password without a user name");
  }
  return {};
}

// Any text is a client id. [MQTT-3.1.3-5] Longer than 23 bytes at any version: 3.1 forbids it, but its clients send
// them.
std::expected<void, ConnectError> read_client_id(FieldReader& reader, Connect& connect) {
  const std::string_view client_id = core::as_text(reader.take_sized());
  if (reader.truncated()) return truncated("MQTT-3.1.3-3");  // must be present, as the first field of the payload
  if (!is_mqtt_utf8(client_id)) return fail(Reason::kInvalidUtf8, "MQTT-3.1.3-4", "the client id is not UTF-8");
  // [MQTT-3.1.3-7] [MQTT-3.1.3-8]; 3.1 has no empty client id at all
  if (client_id.empty() && (!connect.clean_session || connect.version == ProtocolVersion::kMqtt31)) {
    return fail(Reason::kClientId, "MQTT-3.1.3-8", "an empty client id for a session that is to be kept",
                ConnectReturnCode::kIdentifierRejected);
  }
  connect.client_id = client_id;
  return {};
}

// [MQTT-3.1.2-9]
std::expected<void, ConnectError> read_will(FieldReader& reader, ConnectFlags flags, Connect& connect) {
  const std::string_view text = core::as_text(reader.take_sized());
  const core::Bytes payload = reader.take_sized();
  if (reader.truncated()) return truncated("MQTT-3.1.2-9");
  const Decoded<TopicName> topic = TopicName::parse(text);
  if (!topic.has_value()) {
    ProtocolError error = topic.error();
    if (error.reason == Reason::kInvalidUtf8) error.clause = "MQTT-3.1.3-10";
    return std::unexpected(ConnectError{error});
  }
  connect.will = WillMessage{*topic, payload, static_cast<QoS>(flags.will_qos()), flags.will_retain()};
  return {};
}

// Present when flagged. In 3.1 the packet's end counts more than the flags.
std::expected<void, ConnectError> read_credentials(FieldReader& reader, ConnectFlags flags, Connect& connect) {
  const bool may_be_missing = connect.version == ProtocolVersion::kMqtt31;
  if (flags.user_name() && !(may_be_missing && reader.at_end())) {
    connect.user_name = core::as_text(reader.take_sized());
    if (reader.truncated()) return truncated("MQTT-3.1.2-19");
    if (!is_mqtt_utf8(*connect.user_name)) {
      return fail(Reason::kInvalidUtf8, "MQTT-3.1.3-11", "the user name is not UTF-8");
    }
  }
  if (flags.password() && !(may_be_missing && reader.at_end())) {
    connect.password = reader.take_sized();
    if (reader.truncated()) return truncated("MQTT-3.1.2-21");
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
  if (reader.truncated()) return truncated("MQTT-3.1.4-1");
  if (const auto status = check_flags(flags, *version); !status) return std::unexpected(status.error());
  // [MQTT-3.1.3-1] in this order
  if (const auto status = read_client_id(reader, connect); !status) return std::unexpected(status.error());
  if (flags.will()) {
    if (const auto status = read_will(reader, flags, connect); !status) return std::unexpected(status.error());
  }
  if (const auto status = read_credentials(reader, flags, connect); !status) return std::unexpected(status.error());
  // A will, user name or password without its flag. [MQTT-3.1.2-11] [MQTT-3.1.2-18] [MQTT-3.1.2-20]
  if (!reader.at_end()) return fail(Reason::kTrailingBytes, "MQTT-3.1.4-1", "bytes after the last field of CONNECT");
  return connect;
}

Decoded<Connack> decode_connack(const PacketBytes& packet) {
  if (packet.body.size() != 2) {
    return std::unexpected(ProtocolError{Reason::kTruncatedField, "", "CONNACK whose body is not two bytes"});
  }
  const auto acknowledge_flags = std::to_integer<uint8_t>(packet.body[0]);
  const auto code = std::to_integer<uint8_t>(packet.body[1]);
  if (acknowledge_flags > 1) {
    return std::unexpected(ProtocolError{Reason::kReservedFlags, "", "reserved acknowledge flags of CONNACK are set"});
  }
  if (code > static_cast<uint8_t>(ConnectReturnCode::kNotAuthorized)) {
    return std::unexpected(ProtocolError{Reason::kReturnCode, "", "CONNACK with a reserved return code"});
  }
  if (acknowledge_flags != 0 && code != 0) {
    return std::unexpected(
        ProtocolError{Reason::kReturnCode, "MQTT-3.2.2-4", "CONNACK that refuses and says that a session is present"});
  }
  return Connack{acknowledge_flags != 0, static_cast<ConnectReturnCode>(code)};
}

}  // namespace penstock::protocol
