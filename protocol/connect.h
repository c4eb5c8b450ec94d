// CONNECT and CONNACK. Decoding gives views into the packet; nothing is copied.
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

struct WillMessage {
  TopicName topic;
  core::Bytes payload;
  QoS qos = QoS::kAtMostOnce;
  bool retain = false;
};

// The views live as long as the packet's bytes.
struct Connect {
  ProtocolVersion version = ProtocolVersion::kMqtt311;
  bool clean_session = true;
  uint16_t keepalive_s = 0;    // 0: the client wants no limit
  std::string_view client_id;  // may be empty only with clean_session: the server then makes one up
  std::optional<WillMessage> will;
  std::optional<std::string_view> user_name;
  std::optional<core::Bytes> password;
};

// Why a CONNECT is not served. With a `refusal` other than kAccepted the server sends a CONNACK with this code before
// it closes; with kAccepted it closes without a word. [MQTT-3.2.2-6]
struct ConnectError {
  ProtocolError error;
  ConnectReturnCode refusal = ConnectReturnCode::kAccepted;
};

std::expected<Connect, ConnectError> decode_connect(const PacketBytes& packet);

struct Connack {
  bool session_present = false;
  ConnectReturnCode code = ConnectReturnCode::kAccepted;
};

// For clients.
Decoded<Connack> decode_connack(const PacketBytes& packet);

}  // namespace penstock::protocol
