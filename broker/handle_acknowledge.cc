#include "broker/broker_shard.h"
#include "broker/packet_handlers.h"
#include "protocol/acknowledge.h"

namespace penstock::broker {
namespace {

using protocol::PacketId;
using protocol::PacketType;
using protocol::ReasonCode;

// Of a group's message nobody else gets it, also when the member has refused it. [MQTT5-4.8.2-6]
void complete(BrokerShard& shard, Session& session, Delivery& delivery) {
  if (delivery.shared) shard.complete_share(session, delivery.packet_id);
  session.window_if_any()->complete(delivery);
  session.drop_window_if_idle();
  if (session.persistent) shard.note_progress(session);
  shard.deliveries().on_window_room(session);
}

// The receiver has our QoS 2 message; never again may it be sent as a PUBLISH. [MQTT-4.3.3-1] [MQTT5-4.3.3-6] PUBREL
// follows [MQTT5-4.3.3-4], and its id is that of the PUBLISH. [MQTT-2.3.1-6] [MQTT5-2.2.1-5]
Handled handle_pubrec(BrokerShard& shard, Connection& connection, Delivery& delivery) {
  Session& session = *connection.session();
  if (delivery.state == DeliveryState::kReleased) {
    connection.send_acknowledge(PacketType::kPubrel, delivery.packet_id);
    return Handled::kDone;
  }
  if (delivery.state != DeliveryState::kPublished) return Handled::kDone;
  if (!session.persistent || delivery.shared) {
    delivery.state = DeliveryState::kReleased;
    connection.send_acknowledge(PacketType::kPubrel, delivery.packet_id);
    return Handled::kDone;
  }
  if (!shard.has_log_room()) {  // asked again after a reconnect
    shard.owe_redelivery(connection);
    return Handled::kDone;
  }
  shard.deliveries().release(session, delivery);
  return Handled::kDone;
}

// Whether PUBCOMP would promise what no record can hold now.
bool must_stay_unreleased(BrokerShard& shard, const Session& session, PacketId packet_id) {
  if (!session.persistent) return false;
  if (session.has_inbound(packet_id)) return !shard.has_log_room();
  // The record that has freed it may be lost with the log: the next life would take a new message with this id for the
  // one that it knows.
  return shard.log().room_for(0) == log::AppendRoom::kFailed;
}

Handled handle_pubrel(BrokerShard& shard, Connection& connection, PacketId packet_id) {
  Session& session = *connection.session();
  if (must_stay_unreleased(shard, session, packet_id)) {  // no PUBCOMP: the client asks again after a reconnect
    shard.owe_redelivery(connection);
    return Handled::kDone;
  }
  uint64_t end = 0;
  if (session.has_inbound(packet_id) && session.persistent) end = shard.journal().inbound_released(session, packet_id);
  const bool is_known = session.has_inbound(packet_id);
  session.remove_inbound(packet_id);
  // [MQTT-4.3.3-2] [MQTT5-4.3.3-11] [MQTT5-4.3.3-12] [MQTT5-4.3.3-13] PUBCOMP for an unknown id, too: the client may
  // repeat PUBREL after we have forgotten it.
  shard.acknowledgements().push({.end = end != 0 ? end : shard.acknowledgements().last_end(),
                                 .connection = connection.ref(),
                                 .type = PacketType::kPubcomp,
                                 .reason = is_known ? ReasonCode::kSuccess : ReasonCode::kPacketIdNotFound,
                                 .packet_id = packet_id});
  return Handled::kDone;
}

}  // namespace

Handled handle_acknowledge(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  const auto acknowledge = protocol::decode_acknowledge(packet, connection.version());
  if (!acknowledge.has_value()) return connection.fail(acknowledge.error());
  if (shard.room_for_state() == Handled::kWait) return Handled::kWait;
  const PacketId packet_id = acknowledge->packet_id;
  if (packet.type == PacketType::kPubrel) return handle_pubrel(shard, connection, packet_id);

  Session& session = *connection.session();
  InflightWindow* window = session.window_if_any();
  Delivery* delivery = window == nullptr ? nullptr : window->find(packet_id);
  const bool is_refused = protocol::is_failure(acknowledge->reason);
  // An id we do not know: an answer to something that a restart has made us forget. PUBREC must still come to its end.
  if (delivery == nullptr) {
    if (packet.type == PacketType::kPubrec && !is_refused)
      connection.send_acknowledge(PacketType::kPubrel, packet_id, ReasonCode::kPacketIdNotFound);
    return Handled::kDone;
  }
  const bool exactly_once = delivery->qos == protocol::QoS::kExactlyOnce;
  switch (packet.type) {
    case PacketType::kPuback:
      if (!exactly_once) complete(shard, session, *delivery);  // whatever its reason [MQTT5-4.4.0-2]
      return Handled::kDone;
    case PacketType::kPubrec:
      if (!exactly_once) return Handled::kDone;
      // The client does not take it, which ends it: no PUBREL follows. [MQTT5-4.4.0-2]
      if (is_refused && delivery->state == DeliveryState::kPublished) {
        complete(shard, session, *delivery);
        return Handled::kDone;
      }
      return handle_pubrec(shard, connection, *delivery);
    case PacketType::kPubcomp:
      if (exactly_once && delivery->state == DeliveryState::kReleased) complete(shard, session, *delivery);
      return Handled::kDone;
    default:
      return Handled::kDone;
  }
}

}  // namespace penstock::broker
