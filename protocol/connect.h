// CONNECT and CONNACK of all versions. Decoding gives views into the packet; nothing is copied.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "core/bytes.h"
#include "protocol/packet_framer.h"
#include "protocol/protocol_error.h"
#include "protocol/topic_name.h"
#include "protocol/types.h"

namespace penstock::protocol {

constexpr uint32_t kSessionNeverExpires = 0xffff'ffff;
constexpr uint16_t kReceiveMaximumDefault = 65'535;

struct WillMessage {
  TopicName topic;
  core::Bytes payload;
  QoS qos = QoS::kAtMostOnce;
  bool retain = false;
  // 5.0 from here.
  uint32_t delay_s = 0;  // after the connection's end
  // Checked, as they came, the delay among them: for stored_properties(). To be encoded: without the delay.
  core::Bytes properties;
  std::optional<uint32_t> message_expiry_s;
  bool payload_is_text = false;  // said to be UTF-8; core::is_utf8() looks
};

// What a CONNECT of 5.0 says beside the fields that it shares with 3.1.1. The defaults are those of absent properties.
struct ConnectProperties {
  uint32_t session_expiry_s = 0;                      // after the connection's end; kSessionNeverExpires
  uint16_t receive_maximum = kReceiveMaximumDefault;  // never 0
  uint32_t packet_bytes_max = kPacketBytesMax;        // that the client accepts, at most kPacketBytesMax; never 0
  uint16_t topic_alias_maximum = 0;                   // that the server may use
  bool request_response_information = false;
  bool request_problem_information = true;
  std::optional<std::string_view> authentication_method;
  std::optional<core::Bytes> authentication_data;  // only with a method
  // From the first to the last user property, for PropertyReader; properties of other kinds may stand between them. To
  // be encoded: user properties only.
  core::Bytes user_properties;
};

// The views live as long as the packet's bytes.
struct Connect {
  ProtocolVersion version = ProtocolVersion::kMqtt311;
  bool clean_session = true;   // 5.0: clean start
  uint16_t keepalive_s = 0;    // 0: the client wants no limit
  std::string_view client_id;  // may be empty only with clean_session, or in 5.0: the server then makes one up
  std::optional<WillMessage> will;
  std::optional<std::string_view> user_name;
  std::optional<core::Bytes> password;  // before 5.0 only with a user name
  ConnectProperties properties;         // 5.0
};

// Why a CONNECT is not served. With a `refusal` the server sends a CONNACK with this code, in the words of `version`,
// before it closes; without one it closes without a word. [MQTT-3.2.2-6]
struct ConnectError {
  ProtocolError error;
  std::optional<ReasonCode> refusal;
  ProtocolVersion version = ProtocolVersion::kMqtt311;
};

std::expected<Connect, ConnectError> decode_connect(const PacketBytes& packet);

// The defaults are those of absent properties; only what differs from them is written. Texts that are empty are absent.
struct ConnackProperties {
  std::optional<uint32_t> session_expiry_s;  // where it is not what the client asked for
  uint16_t receive_maximum = kReceiveMaximumDefault;
  QoS maximum_qos = QoS::kExactlyOnce;
  bool retain_available = true;
  uint32_t packet_bytes_max = kPacketBytesMax;
  std::string_view assigned_client_id;
  uint16_t topic_alias_maximum = 0;
  std::string_view reason_string;
  bool wildcard_subscription_available = true;
  bool subscription_ids_available = true;
  bool shared_subscription_available = true;
  std::optional<uint16_t> server_keepalive_s;
  std::string_view response_information;
  std::string_view server_reference;
  std::optional<std::string_view> authentication_method;
  std::optional<core::Bytes> authentication_data;
  core::Bytes user_properties;  // as in ConnectProperties
};

struct Connack {
  bool session_present = false;
  ReasonCode code = ReasonCode::kSuccess;  // in any version
  ConnackProperties properties;            // 5.0
};

// For clients.
Decoded<Connack> decode_connack(const PacketBytes& packet, ProtocolVersion version = ProtocolVersion::kMqtt311);

}  // namespace penstock::protocol
