// How long a session outlives its connection, in seconds; as in the Session Expiry Interval of MQTT 5.0.
#pragma once

#include <cstdint>

#include "protocol/connect.h"

namespace penstock::broker {

constexpr uint32_t kExpiryAtOnce = 0;                                 // it ends with its connection
constexpr uint32_t kExpiryByBroker = protocol::kSessionNeverExpires;  // but --session-expiry may end it

// CleanSession of 3.1.1 says in one bit what 5.0 says in two fields. [MQTT5-3.1.2-23]
inline uint32_t wanted_expiry_s(const protocol::Connect& connect) {
  if (connect.version == protocol::ProtocolVersion::kMqtt5) return connect.properties.session_expiry_s;
  return connect.clean_session ? kExpiryAtOnce : kExpiryByBroker;
}

}  // namespace penstock::broker
