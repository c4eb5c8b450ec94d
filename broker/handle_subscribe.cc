#include <absl/container/flat_hash_set.h>

#include "broker/broker_shard.h"
#include "broker/packet_handlers.h"
#include "protocol/encode.h"
#include "protocol/subscribe.h"

namespace penstock::broker {
namespace {

using protocol::ReasonCode;

SubscriptionTerms terms_of(const protocol::FilterRequest& request, uint32_t identifier) {
  SubscriptionTerms terms(request.qos, identifier);
  terms.no_local = request.no_local;
  terms.retain_as_published = request.retain_as_published;
  return terms;
}

Explanation explanation_of(ReasonCode code, bool refused) {
  if (refused) return Explanation::kNoDisk;
  return code == ReasonCode::kQuotaExceeded ? Explanation::kTooManyFilters : Explanation::kFilterRefused;
}

}  // namespace

Handled handle_subscribe(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  const auto subscribe = protocol::decode_subscribe(packet, connection.version());
  if (!subscribe.has_value()) return connection.fail(subscribe.error());
  if (!connection.takes(protocol::suback_bytes(subscribe->filters.size(), connection.version())))
    return connection.fail(kAnswerTooLarge);
  if (shard.room_for_state() == Handled::kWait || !shard.has_subscribe_room()) return Handled::kWait;
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
  // [MQTT-3.8.4-4] [MQTT-3.9.3-1] [MQTT5-3.8.4-5] [MQTT5-3.9.3-1]
  for (const protocol::FilterRequest request : subscribe->filters) {
    const ReasonCode code = refused ? ReasonCode::kQuotaExceeded : shard.may_subscribe(session, request.filter);
    // [MQTT-3.8.4-5] [MQTT5-3.8.4-6] [MQTT5-3.8.4-7]
    pending.codes.push_back(protocol::is_failure(code) ? code : protocol::granted(request.qos));
    if (protocol::is_failure(code)) {
      pending.explanation = explanation_of(code, refused);
      continue;
    }
    const SubscriptionTerms terms = terms_of(request, subscribe->subscription_id);
    shard.subscribe(session, request.filter, terms, request.retain_handling, change);
    if (session.persistent) pending.filters.emplace_back(request.filter.text(), terms);
  }
  shard.complete_subscribe(std::move(pending), std::move(change));
  return Handled::kDone;
}

Handled handle_unsubscribe(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  const auto unsubscribe = protocol::decode_unsubscribe(packet, connection.version());
  if (!unsubscribe.has_value()) return connection.fail(unsubscribe.error());
  if (!connection.takes(protocol::unsuback_bytes(unsubscribe->filters.size(), connection.version())))
    return connection.fail(kAnswerTooLarge);
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
  absl::flat_hash_set<const Subscription*> seen;
  std::vector<ReasonCode> codes;                                     // [MQTT5-3.11.3-1]
  for (const protocol::TopicFilter filter : unsubscribe->filters) {  // [MQTT-3.10.4-6] [MQTT5-3.10.4-6]
    Subscription* subscription = shard.find_subscription(session, filter);
    if (!seen.insert(subscription).second) subscription = nullptr;  // the same once more
    codes.push_back(subscription == nullptr ? ReasonCode::kNoSubscriptionExisted : ReasonCode::kSuccess);
    if (subscription == nullptr) continue;
    ended.push_back(subscription);
    ended_filters.push_back(filter.text());
  }
  shard.unsubscribe(session, std::move(ended), change);
  if (session.persistent && !ended_filters.empty()) shard.journal().unsubscribed(session, ended_filters);
  if (!change.removed.empty()) shard.announce(std::move(change), 0);
  // [MQTT-3.10.4-4] [MQTT-2.3.1-7] [MQTT5-3.10.4-4] [MQTT5-2.2.1-6] Also when nothing was subscribed. [MQTT-3.10.4-5]
  // [MQTT5-3.10.4-5]
  shard.acknowledgements().push(
      {.end = session.persistent ? shard.log().appended_end().value() : shard.acknowledgements().last_end(),
       .connection = connection.ref(),
       .type = protocol::PacketType::kUnsuback,
       .packet_id = unsubscribe->packet_id},
      std::move(codes));
  return Handled::kDone;
}

}  // namespace penstock::broker
