// BrokerShard's care of sessions: they begin with CONNECT, go offline or end with their connection, subscribe, and end.
#include <algorithm>

#include "broker/broker_shard.h"
#include "core/check.h"
#include "protocol/topic_hash.h"

namespace penstock::broker {

using protocol::TopicFilter;

void BrokerShard::establish(Connection& connection, const protocol::Connect& connect, std::string_view client_id) {
  Session* session = sessions_.find(client_id);  // [MQTT-3.1.3-2]
  CHECK(session == nullptr || !session->online());
  uint64_t end = 0;
  if (session != nullptr && connect.clean_session) {
    end = end_session(*session);  // [MQTT-3.1.2-6] [MQTT-3.1.4-3]
    session = nullptr;
  }
  const bool present = session != nullptr;  // [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3]
  if (!present) {
    session = &sessions_.create(*this, std::string(client_id));
    session->persistent = !connect.clean_session;  // [MQTT-3.1.2-4] [MQTT-3.1.4-3]
    // What was addressed to an older session of this name, here or on the shard where that was at home, is not for this
    // one.
    if (session->persistent) {
      session->done = routed_;
      session->done.advance_to(place_.log.id, log_->appended_end().value());
    }
  }
  session->connection = &connection;
  const bool can_record = has_log_room();  // without: handle_first_packet() lets only those in who need no new record
  if (session->persistent && can_record) {
    // A new session is promised for later; and of one that was there before, the next life must know that it was
    // connected, or what it sends again would not have DUP. [MQTT-3.3.1-1]
    end = journal_->session_opened(*session, !present);
    if (!present) session->made_end = end;
  }
  if (connect.will.has_value()) {  // [MQTT-3.1.2-12]
    session->will = std::make_unique<Will>(Will{std::string(connect.will->topic.text()),
                                                {connect.will->payload.begin(), connect.will->payload.end()},
                                                connect.will->qos,
                                                connect.will->retain});
    if (can_record) end = journal_->will_set(*session, *session->will);
  }
  uint16_t keepalive_s = connect.keepalive_s;
  if (options_.keepalive_s_max > 0 && (keepalive_s == 0 || keepalive_s > options_.keepalive_s_max))
    keepalive_s = options_.keepalive_s_max;
  connection.accept(*session, connect.version, keepalive_s);
  const Acknowledgement connack{
      .end = end, .connection = connection.ref(), .type = protocol::PacketType::kConnack, .session_present = present};
  if (end <= log_->durable_end().value())
    send(connack, nullptr);
  else
    acknowledgements_.push(connack);
}

void BrokerShard::session_online(Session& session) {
  deliveries_.begin(session);
}

void BrokerShard::on_connection_lost(Connection& connection, CloseReason reason) {
  Session& session = *connection.session();
  connection.forget_session();
  session.connection = nullptr;
  if (session.will != nullptr && (!connection.clean_disconnect() || reason != CloseReason::kDisconnect)) {
    // [MQTT-3.1.2-8] As soon as there is room: a will may not be lost because the disk is slow at that moment.
    pending_wills_.push_back({session.client_id(), std::move(*session.will)});
    session.will.reset();  // [MQTT-3.1.2-10]
  }
  if (session.persistent)
    session_offline(session);  // [MQTT-3.1.2-4] [MQTT-4.1.0-1]
  else
    end_session(session);
  publish_pending_wills();
}

void BrokerShard::publish_pending_wills() {
  while (!pending_wills_.empty() && has_mail_room()) {
    const auto& [client_id, will] = pending_wills_.front();
    const log::RecordParts parts{.type = log::kMessage,
                                 .flags = static_cast<uint8_t>(static_cast<uint8_t>(will.qos) | kRecordIsWill |
                                                               (will.retain ? log::kRecordRetain : 0)),
                                 .topic_hash = protocol::topic_hash(protocol::TopicName::accepted(will.topic)),
                                 .publisher = client_id,
                                 .topic = will.topic,
                                 .payload = will.payload};
    const log::AppendRoom room = log_->room_for(log::record_bytes(parts));
    if (room == log::AppendRoom::kTailFull) return;
    if (room == log::AppendRoom::kRoom)
      publish(parts, will.retain);  // [MQTT-3.1.2-16] [MQTT-3.1.2-17]
    else
      ++counters_.publishes_refused;
    pending_wills_.pop_front();
  }
}

void BrokerShard::session_offline(Session& session) {
  deliveries_.end(session);
  session.offline_since_us = seams_.clock.wall_us();
  // What was acknowledged so far is not delivered again, except after a crash before this record is durable.
  if (write_progress(session))
    session.progressed = false;
  else
    note_progress(session);
}

uint64_t BrokerShard::end_session(Session& session) {
  CHECK(!session.online());  // [MQTT-4.1.0-2]
  FilterChange change;
  deliveries_.end(session);
  drop_subscriptions(session, change);
  if (!change.removed.empty()) announce(std::move(change), 0);
  if (session.own != nullptr) deliveries_.forget(session.own->queue);
  const uint64_t end = session.persistent && has_log_room() ? journal_->session_ended(session) : 0;
  deliveries_.forget(session);
  sessions_.remove(session);
  return end;
}

void BrokerShard::drop_subscriptions(Session& session, FilterChange& change) {
  for (Subscription* subscription : session.subscriptions) drop_subscription(*subscription, change);
  session.subscriptions.clear();
  session.filter_bytes = 0;
}

// What points to it in its session is left to the caller.
void BrokerShard::drop_subscription(Subscription& subscription, FilterChange& change) {
  const uint32_t slot = subscription.filter_slot;
  filters_.subscribers(slot).remove(subscription);
  subscriptions_.give_back(subscription);
  if (!filters_.subscribers(slot).empty()) return;
  change.removed.emplace_back(filters_.filter(slot).text());
  if (FilterQueue* queue = filters_.queue(slot)) deliveries_.forget(*queue);
  filters_.remove(slot);
}

Subscription& BrokerShard::add_subscription(Session& session, uint32_t filter_slot, protocol::QoS qos) {
  Subscription& subscription = subscriptions_.take();
  subscription.session = &session;
  subscription.filter_slot = filter_slot;
  subscription.qos = qos;
  if (FilterQueue* queue = filters_.queue(filter_slot)) subscription.cursor = queue->entries().end();
  session.add(subscription);
  session.filter_bytes += static_cast<uint32_t>(filters_.filter(filter_slot).size());
  filters_.subscribers(filter_slot).add(subscription, session.online());
  return subscription;
}

// The scans for retained messages count too: one filter may come again and again while its client takes none of them.
bool BrokerShard::may_subscribe(Session& session, TopicFilter filter) {
  if (session.retained_scans.size() >= kSubscriptionsPerSessionMax ||
      session.scan_bytes + filter.size() > kFilterBytesPerSessionMax)
    return false;
  if (find_subscription(session, filter) != nullptr) return true;
  return session.subscriptions.size() < kSubscriptionsPerSessionMax &&
         session.filter_bytes + filter.size() <= kFilterBytesPerSessionMax &&
         protocol::count_levels(filter.text()) <= kTopicLevelsMax;
}

void BrokerShard::subscribe(Session& session, TopicFilter filter, protocol::QoS qos, FilterChange& change) {
  bool is_new = false;
  const uint32_t slot = filters_.obtain(filter, is_new);
  if (is_new) change.added.emplace_back(filter.text());
  // An existing subscription is replaced, its flow of messages goes on. [MQTT-3.8.4-3]
  if (Subscription* existing = session.find_subscription(slot))
    existing->qos = qos;
  else
    add_subscription(session, slot, qos);
  // Retained messages are sent for the repeated subscription, too. [MQTT-3.8.4-3]
  session.retained_scans.push_back(RetainedScan(filter, qos));
  session.scan_bytes += static_cast<uint32_t>(filter.size());
  deliveries_.on_work(session);
}

Subscription* BrokerShard::find_subscription(Session& session, TopicFilter filter) {
  const auto slot = filters_.find(filter);  // character by character [MQTT-3.10.4-1]
  return slot.has_value() ? session.find_subscription(*slot) : nullptr;
}

// All of a packet in one go: what the session has is gone through once, not for each of perhaps thousands.
void BrokerShard::unsubscribe(Session& session, std::vector<Subscription*> ended, FilterChange& change) {
  if (ended.empty()) return;
  std::ranges::sort(ended, {}, &Subscription::filter_slot);
  const auto repeated = std::ranges::unique(ended);
  ended.erase(repeated.begin(), repeated.end());
  // No new ones from here on [MQTT-3.10.4-2]; what stands in the window does not need the queue. [MQTT-3.10.4-3]
  deliveries_.deactivate(session, ended);
  for (Subscription* subscription : ended) {
    session.filter_bytes -= static_cast<uint32_t>(filters_.filter(subscription->filter_slot).size());
    if (FilterQueue* queue = filters_.queue(subscription->filter_slot)) queue->entries().forget(session);
    subscription->session = nullptr;
  }
  session.drop_ended_subscriptions();
  for (Subscription* subscription : ended) drop_subscription(*subscription, change);
  deliveries_.on_input_ready(session);  // it may have waited for a page of one of these queues
}

void BrokerShard::complete_subscribe(PendingSubscribe pending, FilterChange change) {
  if (!change.removed.empty() && change.added.empty()) {
    announce(std::move(change), 0);
  } else if (!change.added.empty() && place_.shards_count > 1) {
    // Only when every shard routes to us may the client rely on the subscription.
    pending.ticket = ++last_ticket_;
    pending.answers_left = announce(std::move(change), pending.ticket);
    pending_subscribes_.push_back(std::move(pending));
    return;
  }
  // Behind those that wait: what is recorded last counts after a crash, and the filter may be one of theirs.
  if (!pending_subscribes_.empty() || !finish_subscribe(pending)) pending_subscribes_.push_back(std::move(pending));
}

void BrokerShard::finish_subscribes() {
  while (!pending_subscribes_.empty()) {
    PendingSubscribe& first = pending_subscribes_.front();
    if (first.answers_left > 0 || !finish_subscribe(first)) return;
    pending_subscribes_.pop_front();
  }
}

// False: there is no room in the log now.
bool BrokerShard::finish_subscribe(PendingSubscribe& pending) {
  Session* session = sessions_.find(pending.client_id);
  std::vector<GrantedFilter> granted;
  std::vector<Subscription*> subscriptions;
  if (session != nullptr && session->persistent) {
    // Those that were not ended in the meantime.
    for (const auto& [filter, qos] : pending.filters) {
      Subscription* subscription = find_subscription(*session, TopicFilter::accepted(filter));
      if (subscription == nullptr) continue;
      granted.push_back({filter, qos});
      subscriptions.push_back(subscription);
    }
  }
  uint64_t end = 0;
  if (!granted.empty()) {
    const uint64_t bytes = StateJournal::subscribed_bytes(*session, pending.packet_bytes, routed_);
    const log::AppendRoom room = log_->room_for(bytes);
    if (room == log::AppendRoom::kTailFull) return false;
    if (room != log::AppendRoom::kRoom) {  // it was there when the packet came; now the client has to ask again
      if (Connection* connection = find(pending.connection)) owe_redelivery(*connection);
      return true;
    }
    const core::LocalShared<LogClock> start(routed_);
    for (Subscription* subscription : subscriptions)
      if (subscription->start == nullptr) subscription->start = start;
    end = journal_->subscribed(*session, routed_, granted);
  }
  // [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-2.3.1-7]
  const Acknowledgement suback{.end = end,
                               .connection = pending.connection,
                               .type = protocol::PacketType::kSuback,
                               .packet_id = pending.packet_id};
  if (end <= log_->durable_end().value())
    send(suback, &pending.codes);
  else
    acknowledgements_.push_suback(suback, std::move(pending.codes));
  return true;
}

}  // namespace penstock::broker
