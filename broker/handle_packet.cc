#include "broker/broker_shard.h"
#include "broker/packet_handlers.h"
#include "protocol/disconnect.h"
#include "protocol/empty_packet.h"

namespace penstock::broker {
namespace {

Handled handle_disconnect(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  const auto disconnect = protocol::decode_disconnect(packet, connection.version());
  if (!disconnect.has_value()) return connection.fail(disconnect.error());
  Session& session = *connection.session();
  // What it says is recorded: after a crash the will of a client that has taken its leave would be published.
  const bool is_recorded = session.will != nullptr || disconnect->session_expiry_s.has_value();
  if (is_recorded && shard.room_for_state() == Handled::kWait) return Handled::kWait;
  if (disconnect->session_expiry_s.has_value()) {
    const bool was_to_end = !session.persistent || session.expiry_s == kExpiryAtOnce;
    if (was_to_end && *disconnect->session_expiry_s != kExpiryAtOnce)  // nothing of it is recorded
      return connection.fail({protocol::ProtocolErrorReason::kPropertyValue, "",
                              "DISCONNECT wants to keep a session that CONNECT did not want to keep"});
    shard.set_expiry(session, *disconnect->session_expiry_s);
  }
  // [MQTT-3.14.4-3] [MQTT-3.1.2-10] [MQTT5-3.14.4-3] [MQTT5-3.1.2-10]
  if (disconnect->reason == protocol::ReasonCode::kNormalDisconnection) shard.discard_will(session);
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
      if (const auto empty = protocol::decode_empty(packet); !empty.has_value()) return connection.fail(empty.error());
      connection.send_pingresp();  // [MQTT-3.12.4-1] [MQTT5-3.12.4-1]
      return Handled::kDone;
    case PacketType::kDisconnect:
      return handle_disconnect(shard, connection, packet);
    case PacketType::kAuth:
      return handle_auth(shard, connection, packet);
    case PacketType::kConnect:  // [MQTT5-3.1.0-2]
      return connection.fail({protocol::ProtocolErrorReason::kUnexpectedPacket, "MQTT-3.1.0-2", "a second CONNECT"});
    case PacketType::kConnack:
    case PacketType::kSuback:
    case PacketType::kUnsuback:
    case PacketType::kPingresp:
      return connection.fail(
          {protocol::ProtocolErrorReason::kUnexpectedPacket, "", "a packet that only a server sends"});
  }
  return Handled::kStop;
}

}  // namespace penstock::broker
