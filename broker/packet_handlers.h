// The handlers of incoming packets, one file per packet family (handle_*.cc). They run on the connection's shard,
// inside its turn, on bytes that die when they return.
#pragma once

#include "broker/connection.h"
#include "protocol/connect.h"
#include "protocol/packet_framer.h"

namespace penstock::broker {

class BrokerShard;

// Of a request whose answer would be larger than what the client takes: it is not done. [MQTT5-3.1.2-24]
inline constexpr protocol::ProtocolError kAnswerTooLarge{protocol::ProtocolErrorReason::kPacketTooLarge,
                                                         "MQTT5-3.1.2-24",
                                                         "the answer would be larger than what the client takes"};

// The first packet of a connection must be CONNECT. [MQTT-3.1.0-1]
Handled handle_first_packet(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet);
// Everything after CONNACK.
Handled handle_packet(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet);

// Of handle_connect.cc and handle_auth.cc: a CONNECT that names an authentication method is served when the client is
// believed.
Handled refuse_connect(Connection& connection, const protocol::Connect& connect, protocol::ReasonCode code,
                       std::string_view text = {});
Handled begin_authentication(BrokerShard& shard, Connection& connection, const protocol::Connect& connect,
                             const protocol::PacketBytes& packet);
Handled go_on_authenticating(BrokerShard& shard, Connection& connection, core::Bytes data, bool begins);
Handled serve_authenticated(BrokerShard& shard, Connection& connection);
Handled handle_auth(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet);

Handled handle_publish(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet);
// PUBACK PUBREC PUBCOMP of the receiver, PUBREL of the sender.
Handled handle_acknowledge(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet);
Handled handle_subscribe(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet);
Handled handle_unsubscribe(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet);

}  // namespace penstock::broker
