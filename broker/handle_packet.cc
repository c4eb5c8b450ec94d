#include "broker/broker_shard.h"
#include "broker/packet_handlers.h"
#include "protocol/empty_packet.h"

namespace penstock::broker {
namespace {

Handled handle_disconnect(BrokerShard& shard, Connection& connection) {
  connection.set_clean_disconnect();
  Session& session = *connection.session();
  if (session.will != nullptr) {  // [MQTT-3.14.4-3] [MQTT-3.1.2-10]
    session.will.reset();
    if (shard.has_log_room()) shard.journal().will_cleared(session.client_id());
  }
  connection.close(CloseReason::kDisconnect);
  return Handled::kStop;
}

}  // namespace

Handled handle_packet(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  using protocol::PacketType;
  switch (packet.type) {
    case PacketType::kPublish:
      return handle_publish(shard, connection, packet);
    case PacketType::kPuback:
    case PacketType::kPubrec:
    case PacketType::kPubrel:
    case PacketType::kPubcomp:
      return handle_acknowledge(shard, connection, packet);
    case PacketType::kSubscribe:
      return handle_subscribe(shard, connection, packet);
    case PacketType::kUnsubscribe:
      return handle_unsubscribe(shard, connection, packet);
    case PacketType::kPingreq:
    case PacketType::kDisconnect: {
      if (const auto empty = protocol::decode_empty(packet); !empty.has_value()) {
        connection.fail(empty.error());
        return Handled::kStop;
      }
      if (packet.type == PacketType::kDisconnect) return handle_disconnect(shard, connection);
      connection.send_pingresp();  // [MQTT-3.12.4-1]
      return Handled::kDone;
    }
    case PacketType::kConnect:
      connection.fail({protocol::ProtocolErrorReason::kUnexpectedPacket, "MQTT-3.1.0-2", "a second CONNECT"});
      return Handled::kStop;
    case PacketType::kConnack:
    case PacketType::kSuback:
    case PacketType::kUnsuback:
    case PacketType::kPingresp:
    case PacketType::kAuth:
      connection.fail({protocol::ProtocolErrorReason::kUnexpectedPacket, "", "a packet that only a server sends"});
      return Handled::kStop;
  }
  return Handled::kStop;
}

}  // namespace penstock::broker
