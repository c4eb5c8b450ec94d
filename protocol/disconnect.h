// DISCONNECT and AUTH: packets that are a reason and, in 5.0, some properties. DISCONNECT of 3.1 and 3.1.1 is empty.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/bytes.h"
#include "protocol/packet_framer.h"
#include "protocol/protocol_error.h"
#include "protocol/types.h"

namespace penstock::protocol {

// Texts that are empty are absent. The views live as long as the packet's bytes.
struct Disconnect {
  ReasonCode reason = ReasonCode::kNormalDisconnection;
  std::optional<uint32_t> session_expiry_s;  // from clients only: in place of that of CONNECT [MQTT5-3.14.2-2]
  std::string_view reason_string;
  std::string_view server_reference;
  core::Bytes user_properties;  // from the first to the last, for PropertyReader; others may stand between them
};

// That a client may not set a session expiry here when it set none in CONNECT is for its session to judge.
Decoded<Disconnect> decode_disconnect(const PacketBytes& packet, ProtocolVersion version,
                                      Sender sender = Sender::kClient);

struct Auth {
  ReasonCode reason = ReasonCode::kSuccess;
  std::string_view method;  // empty only in the AUTH of a server that is empty altogether
  std::optional<core::Bytes> data;
  std::string_view reason_string;
  core::Bytes user_properties;
};

// Of 5.0; the framer lets no AUTH of another version pass.
Decoded<Auth> decode_auth(const PacketBytes& packet, Sender sender = Sender::kClient);

}  // namespace penstock::protocol
