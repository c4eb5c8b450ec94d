// Peer topics: PARENT/p2p/CLIENTID, perhaps with more levels behind, addresses one client, which need not subscribe.
// Its session gets the message under the whole topic name, at once or when it comes back; nobody else does, whatever
// filters they hold. Not retained. The managed MQTT services have the same form.
#pragma once

#include <string_view>

#include "protocol/topic_name.h"

namespace penstock::broker {

constexpr std::string_view kPeerLevel = "/p2p/";

// The client id that a topic addresses; empty: it is a topic like any other.
inline std::string_view peer_of(protocol::TopicName topic) {
  const std::string_view text = topic.text();
  const size_t second_level = text.find('/');
  if (second_level == 0 || second_level == std::string_view::npos) return {};
  const std::string_view rest = text.substr(second_level);
  if (!rest.starts_with(kPeerLevel)) return {};
  return rest.substr(kPeerLevel.size(), rest.find('/', kPeerLevel.size()) - kPeerLevel.size());
}

}  // namespace penstock::broker
