// BrokerShard's care of sessions: they begin with CONNECT, go offline or end with their connection, subscribe, and end.
#include <algorithm>

#include "broker/broker_shard.h"
#include "core/check.h"
#include "protocol/stored_properties.h"
#include "protocol/topic_hash.h"

namespace penstock::broker {

using protocol::TopicFilter;

// By --session-expiry, so that a client of 5.0 can be told. What 3.1.1 means by "kept" stays as it is.
uint32_t BrokerShard::bounded_expiry_s(uint32_t wanted_s, protocol::ProtocolVersion version) const {
  if (options_.session_expiry_us <= 0 || version != protocol::ProtocolVersion::kMqtt5) return wanted_s;
  const int64_t limit_s = std::max<int64_t>(1, options_.session_expiry_us / core::kUsPerSecond);
  return static_cast<uint32_t>(std::min<int64_t>(wanted_s, limit_s));
}

void BrokerShard::establish(Connection& connection, const protocol::Connect& connect, std::string_view client_id) {
  Session* session = sessions_.find(client_id);  // [MQTT-3.1.3-2] [MQTT5-3.1.3-2]
  CHECK(session == nullptr || !session->online());
  // For all that this writes. Without, handle_connect lets only those in who need no new record.
  const bool can_record = has_log_room();
  uint64_t end = 0;
  if (session != nullptr && connect.clean_session) {
    end = end_session(*session);  // [MQTT-3.1.2-6] [MQTT-3.1.4-3] [MQTT5-3.1.2-4] [MQTT5-3.1.4-4]
    session = nullptr;
  }
  // [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3] [MQTT5-3.1.2-5] [MQTT5-3.1.2-6] [MQTT5-3.2.2-2] [MQTT5-3.2.2-3]
  const bool present = session != nullptr;
  const uint32_t expiry_s = bounded_expiry_s(wanted_expiry_s(connect), connect.version);
  if (!present) {
    session = &sessions_.create(*this, std::string(client_id));
    session->persistent = expiry_s != kExpiryAtOnce;  // [MQTT-3.1.2-4] [MQTT-3.1.4-3]
    // What was addressed to an older session of this name, here or on the shard where that was at home, is not for this
    // one.
    if (session->persistent) {
      session->done = routed_;
      session->done.advance_to(place_.log.id, log_->appended_end().value());
    }
  }
  session->expiry_s = expiry_s;
  session->connection = &connection;
  if (session->persistent && can_record) {
    // A new session is promised for later; and of one that was there before, the next life must know that it was
    // connected, or what it sends again would not have DUP. [MQTT-3.3.1-1]
    end = journal_->session_opened(*session, !present);
    if (!present) session->made_end = end;
  } else if (session->persistent) {
    note_progress(*session);  // which says it as soon as there is room
  }
  if (connect.will.has_value()) {  // [MQTT-3.1.2-12] [MQTT5-3.1.2-7]
    session->will = make_will(*connect.will);
    if (can_record) end = journal_->will_set(*session, *session->will);
  }
  uint16_t keepalive_s = connect.keepalive_s;  // [MQTT5-3.2.2-22]
  if (options_.keepalive_s_max > 0 && (keepalive_s == 0 || keepalive_s > options_.keepalive_s_max))
    keepalive_s = options_.keepalive_s_max;
  std::unique_ptr<ConnectionTerms> terms;
  if (connect.version == protocol::ProtocolVersion::kMqtt5) {
    terms = connection.take_terms();  // it has authenticated itself
    if (terms == nullptr) terms = std::make_unique<ConnectionTerms>(connect.properties);
    terms->is_client_id_made = connect.client_id.empty();
    terms->is_keepalive_ours = keepalive_s != connect.keepalive_s;
    if (expiry_s != connect.properties.session_expiry_s) terms->granted_expiry_s = expiry_s;
  }
  connection.accept(*session, connect.version, keepalive_s, std::move(terms));
  const Acknowledgement connack{
      .end = end, .connection = connection.ref(), .type = protocol::PacketType::kConnack, .session_present = present};
  if (end <= log_->durable_end().value())
    send(connack, nullptr);
  else
    acknowledgements_.push(connack);
}

std::unique_ptr<Will> BrokerShard::make_will(const protocol::WillMessage& will) {
  const core::Bytes properties = stored_properties(will.properties);
  return std::make_unique<Will>(Will{.topic = std::string(will.topic.text()),
                                     .payload = {will.payload.begin(), will.payload.end()},
                                     .qos = will.qos,
                                     .retain = will.retain,
                                     .properties = {properties.begin(), properties.end()},
                                     .delay_s = will.delay_s});
}

core::Bytes BrokerShard::stored_properties(core::Bytes checked) {
  if (checked.empty()) return {};
  if (properties_.size() < checked.size()) properties_.resize(checked.size());
  return protocol::stored_properties(checked, properties_);
}

void BrokerShard::session_online(Session& session) {
  deliveries_.begin(session);
  if (session.shares != nullptr) tell_share_credit(session, deliveries_.window_limit(session));
}

void BrokerShard::on_connection_lost(Connection& connection) {
  Session& session = *connection.session();
  connection.forget_session();
  session.connection = nullptr;
  const bool ends = !session.persistent || session.expiry_s == kExpiryAtOnce;
  // DISCONNECT has discarded it, unless it was to be published.
  if (session.will != nullptr && !ends && session.will->delay_s > 0)
    delay_will(session, seams_.clock.wall_us());  // [MQTT5-3.1.2-8]
  else
    give_up_will(session);  // [MQTT-3.1.2-8] [MQTT5-3.1.2-8]
  if (!ends) {
    session_offline(session);  // [MQTT-3.1.2-4] [MQTT-4.1.0-1] [MQTT5-3.1.2-23]
  } else if (!session.persistent || has_log_room()) {
    end_session(session);  // [MQTT5-4.1.0-2]
  } else {
    session_offline(session);  // expire_sessions() ends it when a record can say so
  }
  publish_pending_wills();
}

// It is published as soon as there is room: a will may not be lost because the disk is slow at that moment.
void BrokerShard::give_up_will(Session& session) {
  if (session.will == nullptr) return;
  if (session.will->due_us != 0) delayed_wills_.erase({session.will->due_us, session.slot()});
  pending_wills_.push_back({session.client_id(), std::move(*session.will)});
  session.will.reset();  // [MQTT-3.1.2-10] [MQTT5-3.1.2-10]
}

void BrokerShard::delay_will(Session& session, int64_t offline_since_us) {
  Will& will = *session.will;
  const uint32_t delay_s = std::min(will.delay_s, session.expiry_s);
  will.due_us = offline_since_us + int64_t{delay_s} * core::kUsPerSecond;
  delayed_wills_.insert({will.due_us, session.slot()});
}

void BrokerShard::discard_will(Session& session) {
  if (session.will == nullptr) return;
  if (session.will->due_us != 0) delayed_wills_.erase({session.will->due_us, session.slot()});
  session.will.reset();
  if (has_log_room()) journal_->will_cleared(session.client_id());
}

void BrokerShard::publish_due_wills() {
  const int64_t now_us = seams_.clock.wall_us();
  while (!delayed_wills_.empty() && delayed_wills_.begin()->first <= now_us)
    give_up_will(*sessions_.at(delayed_wills_.begin()->second));
  publish_pending_wills();
}

// Its client is back, or somebody else wants to be it: before that, what its time offline has brought about.
void BrokerShard::settle_offline_session(Session& session, bool clean_start) {
  if (session.online()) return;
  if (clean_start || is_expired(session))
    give_up_will(session);  // the session ends, and the will waits no longer
  else
    discard_will(session);  // [MQTT5-3.1.3-9]
  publish_pending_wills();
  if (is_expired(session) && has_log_room()) {
    ++counters_.sessions_expired;
    end_session(session);
  }
}

int64_t BrokerShard::expiry_us(const Session& session) const {
  if (session.group() != nullptr) return INT64_MAX;
  const int64_t limit_us = options_.session_expiry_us > 0 ? options_.session_expiry_us : INT64_MAX;
  if (session.expiry_s == kExpiryByBroker) return limit_us;
  return std::min(limit_us, int64_t{session.expiry_s} * core::kUsPerSecond);
}

bool BrokerShard::is_expired(const Session& session) const {
  if (session.online()) return false;
  const int64_t limit_us = expiry_us(session);
  return limit_us != INT64_MAX && seams_.clock.wall_us() - session.offline_since_us >= limit_us;
}

void BrokerShard::set_expiry(Session& session, uint32_t expiry_s) {
  const uint32_t bounded_s = bounded_expiry_s(expiry_s, protocol::ProtocolVersion::kMqtt5);
  if (bounded_s == session.expiry_s) return;
  session.expiry_s = bounded_s;
  if (session.persistent && has_log_room()) journal_->session_expiry(session);
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
                                 .properties = will.properties,
                                 .payload = will.payload};
    const log::AppendRoom room = log_->room_for(log::record_bytes(parts));
    if (room == log::AppendRoom::kTailFull) return;
    if (room == log::AppendRoom::kRoom)
      publish(parts);  // [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT5-3.1.2-14] [MQTT5-3.1.2-15]
    else
      ++counters_.publishes_refused;
    pending_wills_.pop_front();
  }
}

void BrokerShard::session_offline(Session& session) {
  deliveries_.end(session);
  if (session.shares != nullptr) {
    tell_share_credit(session, 0);
    return_shares(session);
  }
  session.offline_since_us = seams_.clock.wall_us();
  // What was acknowledged so far is not delivered again, except after a crash before this record is durable.
  if (write_progress(session))
    session.progressed = false;
  else
    note_progress(session);
}

uint64_t BrokerShard::end_session(Session& session) {
  CHECK(!session.online());  // [MQTT-4.1.0-2] [MQTT5-4.1.0-1]
  give_up_will(session);     // at the latest now [MQTT5-3.1.2-8]
  if (session.shares != nullptr) return_shares(session);
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
  const bool is_shared = filters_.filter(slot).is_shared();
  if (is_shared && subscription.session != nullptr) leave_share(*subscription.session, slot);
  filters_.subscribers(slot).remove(subscription);
  subscriptions_.give_back(subscription);
  if (!filters_.subscribers(slot).empty()) return;
  if (!is_shared) change.removed.emplace_back(filters_.filter(slot).text());
  if (FilterQueue* queue = filters_.queue(slot)) deliveries_.forget(*queue);
  filters_.remove(slot);
}

Subscription& BrokerShard::add_subscription(Session& session, uint32_t filter_slot, SubscriptionTerms terms) {
  Subscription& subscription = subscriptions_.take();
  subscription.session = &session;
  subscription.filter_slot = filter_slot;
  subscription.terms = terms;
  if (FilterQueue* queue = filters_.queue(filter_slot)) subscription.cursor = queue->entries().end();
  session.add(subscription);
  session.filter_bytes += static_cast<uint32_t>(filters_.filter(filter_slot).size());
  filters_.subscribers(filter_slot).add(subscription, session.online());
  if (filters_.filter(filter_slot).is_shared()) add_share(session, filter_slot);
  return subscription;
}

// The scans for retained messages count too: one filter may come again and again while its client takes none of them.
protocol::ReasonCode BrokerShard::may_subscribe(Session& session, TopicFilter filter) {
  using protocol::ReasonCode;
  if (session.retained_scans.size() >= kSubscriptionsPerSessionMax ||
      session.scan_bytes + filter.size() > kFilterBytesPerSessionMax)
    return ReasonCode::kQuotaExceeded;
  if (find_subscription(session, filter) != nullptr) return ReasonCode::kSuccess;
  if (filter.is_shared() && !protocol::SharedFilter::split(filter).has_value()) return ReasonCode::kTopicFilterInvalid;
  // Its group is recorded under an id that is longer by one byte.
  if (filter.is_shared() && filter.size() >= protocol::kStringBytesMax) return ReasonCode::kTopicFilterInvalid;
  if (protocol::count_levels(filter.text()) > kTopicLevelsMax) return ReasonCode::kTopicFilterInvalid;
  const bool has_room = session.subscriptions.size() < kSubscriptionsPerSessionMax &&
                        session.filter_bytes + filter.size() <= kFilterBytesPerSessionMax;
  return has_room ? ReasonCode::kSuccess : ReasonCode::kQuotaExceeded;
}

void BrokerShard::subscribe(Session& session, TopicFilter filter, SubscriptionTerms terms,
                            protocol::RetainHandling retain_handling, FilterChange& change) {
  bool is_new = false;
  const uint32_t slot = filters_.obtain(filter, is_new);
  if (is_new && !filter.is_shared()) change.added.emplace_back(filter.text());
  // An existing subscription is replaced, its flow of messages goes on. [MQTT-3.8.4-3] [MQTT5-3.8.4-3] [MQTT5-3.8.4-4]
  Subscription* existing = session.find_subscription(slot);
  const bool is_repeated = existing != nullptr;
  if (is_repeated)
    existing->terms = terms;
  else
    add_subscription(session, slot, terms);
  // Retained messages are sent for the repeated subscription, too. [MQTT-3.8.4-3] Unless a client of 5.0 says
  // otherwise. [MQTT5-3.3.1-9] [MQTT5-3.3.1-10] [MQTT5-3.3.1-11]
  if (retain_handling == protocol::RetainHandling::kDoNotSend || filter.is_shared()) return;
  if (retain_handling == protocol::RetainHandling::kSendIfNew && is_repeated) return;
  session.retained_scans.push_back(RetainedScan(filter, terms));
  session.scan_bytes += static_cast<uint32_t>(filter.size());
  deliveries_.on_work(session);
}

Subscription* BrokerShard::find_subscription(Session& session, TopicFilter filter) {
  const auto slot = filters_.find(filter);  // character by character [MQTT-3.10.4-1] [MQTT5-3.10.4-1]
  return slot.has_value() ? session.find_subscription(*slot) : nullptr;
}

// All of a packet in one go: what the session has is gone through once, not for each of perhaps thousands.
void BrokerShard::unsubscribe(Session& session, std::vector<Subscription*> ended, FilterChange& change) {
  if (ended.empty()) return;
  std::ranges::sort(ended, {}, &Subscription::filter_slot);
  const auto repeated = std::ranges::unique(ended);
  ended.erase(repeated.begin(), repeated.end());
  // What is still to be sent of their retained messages ends, too. [MQTT5-3.10.4-2]
  session.retained_scans.erase_if([&](const RetainedScan& scan) {
    const auto slot = filters_.find(TopicFilter::accepted(scan.filter));
    const bool ends = slot.has_value() && std::ranges::binary_search(ended, *slot, {}, &Subscription::filter_slot);
    if (ends) session.scan_bytes -= static_cast<uint32_t>(scan.filter.size());
    return ends;
  });
  // No new ones from here on [MQTT-3.10.4-2]; what stands in the window does not need the queue. [MQTT-3.10.4-3]
  // [MQTT5-3.10.4-3]
  deliveries_.deactivate(session, ended);
  for (Subscription* subscription : ended) {
    session.filter_bytes -= static_cast<uint32_t>(filters_.filter(subscription->filter_slot).size());
    if (FilterQueue* queue = filters_.queue(subscription->filter_slot)) queue->entries().forget(session);
    if (filters_.filter(subscription->filter_slot).is_shared()) leave_share(session, subscription->filter_slot);
    subscription->session = nullptr;
  }
  session.drop_ended_subscriptions();
  for (Subscription* subscription : ended) drop_subscription(*subscription, change);
  deliveries_.on_input_ready(session);  // it may have waited for a page of one of these queues
}

void BrokerShard::complete_subscribe(PendingSubscribe pending, FilterChange change) {
  if (Session* session = sessions_.find(pending.client_id)) announce_shares(*session, &pending);
  if (!change.added.empty() && place_.shards_count > 1) {
    // Only when every shard routes to us may the client rely on the subscription.
    if (pending.ticket == 0) pending.ticket = ++last_ticket_;
    pending.answers_left += announce(std::move(change), pending.ticket);
  } else if (!change.removed.empty()) {
    announce(std::move(change), 0);
  }
  if (is_group_session_id(pending.client_id)) {
    pending_groups_.push_back(std::move(pending));
    return;
  }
  // Behind those that wait: what is recorded last counts after a crash, and the filter may be one of theirs.
  if (pending.answers_left > 0 || !pending_subscribes_.empty() || !finish_subscribe(pending))
    pending_subscribes_.push_back(std::move(pending));
}

void BrokerShard::finish_subscribes() {
  std::erase_if(pending_groups_,
                [this](PendingSubscribe& each) { return each.answers_left == 0 && finish_subscribe(each); });
  answer_joins();  // may be what a member of this shard waits for
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
    for (const auto& [filter, terms] : pending.filters) {
      Subscription* subscription = find_subscription(*session, TopicFilter::accepted(filter));
      if (subscription == nullptr) continue;
      granted.push_back({filter, terms});
      subscriptions.push_back(subscription);
    }
  }
  uint64_t end = 0;
  if (!granted.empty()) {
    ShareGroup* const group = session->group();
    const bool is_made = group != nullptr && !group->is_recorded;
    const uint64_t made_bytes = is_made ? StateJournal::progress_bytes(*session) : 0;
    const uint64_t bytes = StateJournal::subscribed_bytes(*session, pending.packet_bytes + made_bytes, routed_);
    const log::AppendRoom room = log_->room_for(bytes);
    if (room == log::AppendRoom::kTailFull) return false;
    // It was there when the packet came; now the client has to ask again.
    if (room != log::AppendRoom::kRoom && !is_group_session_id(pending.client_id)) {
      if (Connection* connection = find(pending.connection)) owe_redelivery(*connection);
      return true;
    }
    const core::LocalShared<LogClock> start(routed_);
    for (Subscription* subscription : subscriptions)
      if (subscription->start == nullptr) subscription->start = start;
    // A group that no record tells of lasts until the next start, and is made anew there by its members.
    if (room == log::AppendRoom::kRoom) {
      if (is_made) journal_->session_opened(*session, true);
      if (is_made) group->is_recorded = true;
      end = journal_->subscribed(*session, routed_, granted);
    }
  }
  if (is_group_session_id(pending.client_id)) {
    if (session != nullptr) session->made_end = end;
    for (ShareAnswer& answer : pending.share_answers) {
      answer.end = end;
      share_answers_.push_back(answer);
    }
    return true;
  }
  // [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-2.3.1-7] [MQTT5-3.8.4-1] [MQTT5-3.8.4-2] [MQTT5-2.2.1-6]
  const Acknowledgement suback{.end = end,
                               .connection = pending.connection,
                               .type = protocol::PacketType::kSuback,
                               .explanation = pending.explanation,
                               .packet_id = pending.packet_id};
  if (end <= log_->durable_end().value())
    send(suback, &pending.codes);
  else
    acknowledgements_.push(suback, std::move(pending.codes));
  return true;
}

}  // namespace penstock::broker
