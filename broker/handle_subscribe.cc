#include "broker/broker_shard.h"
#include "broker/packet_handlers.h"
#include "protocol/subscribe.h"

namespace penstock::broker {

Handled handle_subscribe(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  const auto subscribe = protocol::decode_subscribe(packet);
  if (!subscribe.has_value()) {
    connection.fail(subscribe.error());
    return Handled::kStop;
  }
  if (shard.room_for_state() == Handled::kWait) return Handled::kWait;
  Session& session = *connection.session();
  // The filters of a persistent session become a record.
  const uint64_t bytes = StateJournal::subscribed_bytes(session, packet.packet_bytes, shard.routed_clock());
  const log::AppendRoom room = shard.log().room_for(bytes);
  if (room == log::AppendRoom::kTailFull) return Handled::kWait;
  const bool refused = room != log::AppendRoom::kRoom && session.persistent;

  FilterChange change;
  PendingSubscribe pending{.client_id = session.client_id(),
                           .connection = connection.ref(),
                           .packet_id = subscribe->packet_id,
                           .packet_bytes = packet.packet_bytes};
  for (const protocol::FilterRequest request : subscribe->filters) {  // [MQTT-3.8.4-4] [MQTT-3.9.3-1]
    if (refused || !shard.may_subscribe(session, request.filter)) {
      pending.codes.push_back(protocol::ReasonCode::kUnspecifiedError);
      continue;
    }
    shard.subscribe(session, request.filter, request.qos, change);
    pending.codes.push_back(protocol::granted(request.qos));  // [MQTT-3.8.4-5]
    if (session.persistent) pending.filters.emplace_back(request.filter.text(), request.qos);
  }
  shard.complete_subscribe(std::move(pending), std::move(change));
  return Handled::kDone;
}

Handled handle_unsubscribe(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  const auto unsubscribe = protocol::decode_unsubscribe(packet);
  if (!unsubscribe.has_value()) {
    connection.fail(unsubscribe.error());
    return Handled::kStop;
  }
  if (shard.room_for_state() == Handled::kWait) return Handled::kWait;
  Session& session = *connection.session();
  if (session.persistent) {
    const uint64_t bytes = StateJournal::subscribed_bytes(session, packet.packet_bytes, {});
    const log::AppendRoom room = shard.log().room_for(bytes);
    if (room == log::AppendRoom::kTailFull) return Handled::kWait;
    // No UNSUBACK: the client asks again after a reconnect.
    if (room != log::AppendRoom::kRoom) {
      shard.owe_redelivery(connection);
      return Handled::kDone;
    }
  }
  FilterChange change;
  std::vector<Subscription*> ended;
  std::vector<std::string_view> ended_filters;
  for (const protocol::TopicFilter filter : unsubscribe->filters) {  // [MQTT-3.10.4-6]
    Subscription* subscription = shard.find_subscription(session, filter);
    if (subscription == nullptr) continue;
    ended.push_back(subscription);
    ended_filters.push_back(filter.text());
  }
  shard.unsubscribe(session, std::move(ended), change);
  if (session.persistent && !ended_filters.empty()) shard.journal().unsubscribed(session, ended_filters);
  if (!change.removed.empty()) shard.announce(std::move(change), 0);
  // [MQTT-3.10.4-4] [MQTT-2.3.1-7] [MQTT-3.10.4-5] also when nothing was subscribed
  shard.acknowledgements().push(
      {.end = session.persistent ? shard.log().appended_end().value() : shard.acknowledgements().last_end(),
       .connection = connection.ref(),
       .type = protocol::PacketType::kUnsuback,
       .packet_id = unsubscribe->packet_id});
  return Handled::kDone;
}

}  // namespace penstock::broker
