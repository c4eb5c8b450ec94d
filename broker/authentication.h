// Authentication: the enhanced authentication of one MQTT 5.0 connection, chapter 4.12: what has been said and who the
// client is. Only connections whose CONNECT names a method have one. One thread, the shard's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "core/bytes.h"

namespace penstock::broker {

struct Authentication {
  std::string method;
  std::unique_ptr<auth::AuthExchange> exchange;  // null: none under way
  std::vector<std::byte> connect;                // the packet, until CONNACK: it counts once the client is believed
  std::string user_name;                         // once it is
  std::string server_data;                       // for CONNACK
};

}  // namespace penstock::broker
