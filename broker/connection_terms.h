// ConnectionTerms: what an MQTT 5.0 client and the broker have agreed on in CONNECT and CONNACK, and what grows from it
// on this connection. Only connections of 5.0 have them. One thread, the shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "broker/authentication.h"
#include "broker/topic_aliases.h"
#include "protocol/connect.h"
#include "protocol/types.h"

namespace penstock::broker {

struct ConnectionTerms {
  explicit ConnectionTerms(const protocol::ConnectProperties& properties)
      : packet_bytes_max(properties.packet_bytes_max),
        receive_maximum(properties.receive_maximum),
        wants_explanations(properties.request_problem_information),
        wants_response_information(properties.request_response_information),
        outbound_aliases(properties.topic_alias_maximum) {}

  uint32_t packet_bytes_max;    // the client takes no larger packet [MQTT5-3.1.2-24]
  uint16_t receive_maximum;     // it takes so many unacknowledged QoS 1 and 2 messages [MQTT5-3.3.4-9]
  uint16_t unacknowledged = 0;  // QoS 1 and 2 messages of the client that we have not acknowledged to the end
  bool wants_explanations;      // also where nothing ends [MQTT5-3.1.2-29]
  // What CONNACK says of these.
  bool wants_response_information;
  bool is_client_id_made = false;
  bool is_keepalive_ours = false;
  std::optional<uint32_t> granted_expiry_s = std::nullopt;  // where it is not what the client asked for
  std::unique_ptr<Authentication> authentication;           // null: CONNECT names no method
  InboundAliases inbound_aliases;
  OutboundAliases outbound_aliases;
};

}  // namespace penstock::broker
