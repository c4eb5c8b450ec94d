// BrokerShard's way of a message: appended once, then one entry into the queue of each matching filter, here and by
// mail on the other shards that have one.
#include <algorithm>

#include "broker/broker_shard.h"
#include "broker/message_expiry.h"
#include "broker/peer_topic.h"
#include "core/check.h"
#include "protocol/property_writer.h"
#include "protocol/topic_hash.h"

namespace penstock::broker {

using protocol::TopicName;

constexpr size_t kSubscriptionIdentifierBytesMax = 5;  // as a property

const TopicRoute& BrokerShard::find_route(TopicName name) {
  if (name.text() != route_.topic) {
    route_.topic = name.text();
    route_.topic_hash = protocol::topic_hash(name);
    route_.parent = nullptr;
  }
  const TopicName topic = last_topic();
  if (const std::string_view peer = peer_of(topic); !peer.empty()) return find_route_to(peer);
  if (topic.text().starts_with("$share/")) {  // filters of shared subscriptions look like it
    route_.queues.clear();
    route_.shards = 0;
  } else {
    route_.queues = filters_.match(topic, route_.topic_hash, queue_file_.get());
    route_.shards = remote_filters_.match(topic);
  }
  route_.filters_version = filters_.version();
  route_.remote_version = remote_filters_.version();
  return route_;
}

// Worked out for each message: sessions come and go.
const TopicRoute& BrokerShard::find_route_to(std::string_view peer) {
  route_.queues.clear();
  route_.shards = 0;
  route_.filters_version = route_.remote_version = 0;
  const ShardIndex home = home_of(peer);
  if (home != place_.index)
    route_.shards = ShardSet{1} << home;
  else if (Session* session = sessions_.find(peer))
    route_.queues.push_back(&obtain_own_queue(*session).queue);
  return route_;
}

log::Appended BrokerShard::publish(const log::RecordParts& parts) {
  const bool sets_retained = (parts.flags & log::kRecordRetain) != 0;
  if (sets_retained && !peer_of(TopicName::accepted(parts.topic)).empty()) {
    log::RecordParts unretained = parts;
    unretained.flags &= static_cast<uint8_t>(~log::kRecordRetain);
    return publish(unretained);
  }
  // Newer than whatever is retained here, also when the wall clock has gone back since: the newest wins.
  if (sets_retained) log_->not_before(retained_.newest_us() + 1);
  const log::Appended appended = log_->append(parts);
  last_published_ = appended;
  const TopicRoute& route = route_of(TopicName::accepted(parts.topic));
  const uint8_t qos = parts.flags & log::kRecordQosMask;
  routed_.advance(place_.log.id, appended.sequence, appended.offset);
  parent_of_route().append(log::QueueEntry(next_arrival_, place_.log.id, appended.offset, qos));
  put_into_queues(route, place_.log.id, appended.offset, qos);
  for (ShardSet shards = route.shards; shards != 0; shards &= shards - 1) {
    const auto to = static_cast<ShardIndex>(__builtin_ctzll(shards));
    last_routed_[to] = appended.end;
    if (qos == 2) qos2_routed_[to] = true;
    post_.post(to, Mail{.kind = MailKind::kRoute,
                        .qos = qos,
                        .offset = appended.offset,
                        .sequence = appended.sequence,
                        .end = appended.end});
  }
  if (sets_retained) set_retained(parts, appended);  // [MQTT-3.3.1-5] [MQTT-3.3.1-12] [MQTT5-3.3.1-5] [MQTT5-3.3.1-8]
  return appended;
}

void BrokerShard::put_into_queues(const TopicRoute& route, log::LogId log, log::LogOffset offset, uint8_t qos) {
  const log::QueueEntry entry(next_arrival_++, log, offset, qos);
  entries_left_ -= static_cast<int64_t>(route.queues.size());
  // Of sessions that are offline, too. [MQTT-3.1.2-5] [MQTT-3.3.2-3] [MQTT-4.5.0-1] [MQTT5-3.3.2-3] [MQTT5-4.5.0-1]
  for (FilterQueue* queue : route.queues) {
    queue->append(entry);
    deliveries_.on_new_entries(*queue);
  }
}

void BrokerShard::set_retained(const log::RecordParts& parts, const log::Appended& appended) {
  const RetainedPointer message =
      make_retained(parts, log_->last_wall_us(), log::LogPosition{log_->id(), log_->epoch(), appended.sequence});
  retained_.apply(message);  // the shard's, no session's [MQTT-3.1.2-7]
  for (ShardIndex to = 0; to < place_.shards_count; ++to)
    if (to != place_.index)
      post_.post(
          to,
          Mail{.kind = MailKind::kRetained, .offset = appended.offset, .sequence = appended.sequence, .body = message});
}

void BrokerShard::publish_direct(Session& session, const RetainedMessage& message, protocol::QoS qos,
                                 uint32_t identifier) {
  // Behind the message's own, so that a message expiry interval stays in front.
  std::vector<std::byte> properties(message.properties.begin(), message.properties.end());
  // Its time counts from its own record on, and some of it is over. [MQTT5-3.3.2-6]
  if (const auto expiry_s = protocol::stored_expiry_s(properties))
    core::store_be32(properties.data() + 1, seconds_left(*expiry_s, message.wall_us, seams_.clock.wall_us()));
  if (identifier != 0) {
    std::byte property[kSubscriptionIdentifierBytesMax];
    protocol::PropertyWriter writer(property);
    writer.variable(protocol::PropertyId::kSubscriptionId, identifier);
    properties.insert(properties.end(), property, property + writer.bytes());
  }
  const log::Appended appended =
      log_->append({.type = static_cast<log::RecordType>(StateRecord::kDirectMessage),
                    .flags = static_cast<uint8_t>(static_cast<uint8_t>(qos) | log::kRecordRetain),
                    .topic_hash = protocol::topic_hash(TopicName::accepted(message.topic)),
                    .publisher = session.client_id(),
                    .topic = message.topic,
                    .properties = properties,
                    .payload = message.payload});
  FilterQueue& queue = obtain_own_queue(session).queue;
  queue.append(log::QueueEntry(next_arrival_++, log_->id(), appended.offset, static_cast<uint8_t>(qos)));
  deliveries_.on_new_entries(queue);
}

OwnQueue& BrokerShard::obtain_own_queue(Session& session) {
  if (session.own == nullptr) {
    auto entries = std::make_unique<log::ConsumeQueue>(kOwnQueueIdBit | session.slot(), queue_file_.get());
    session.own = std::make_unique<OwnQueue>(session, std::move(entries), session.online());
  }
  return *session.own;
}

void BrokerShard::receive_mail() {
  post_.drain([this](Mail mail) { on_mail(std::move(mail)); }, [this] { return has_queue_room(); });
}

void BrokerShard::on_mail(Mail mail) {
  switch (mail.kind) {
    case MailKind::kRoute:
      on_route(mail);
      return;
    case MailKind::kFilters:
      on_filters(mail, *std::get<std::unique_ptr<FilterChange>>(mail.body));
      return;
    case MailKind::kFiltersNoted:
      on_filters_noted(mail);
      return;
    case MailKind::kHandOver: {
      auto& body = std::get<std::unique_ptr<HandOver>>(mail.body);
      Connection& connection = add_connection(body->socket, std::move(body->transport));
      // It left its shard before the stop and comes after all others here were closed.
      const bool too_late = stop_state_ >= StopState::kClosingConnections;
      connection.start(too_late ? core::Bytes() : body->received.bytes());
      if (too_late) connection.close(CloseReason::kShutdown);
      return;
    }
    case MailKind::kRetained:
      retained_.apply(std::get<RetainedPointer>(mail.body));
      retained_from_.advance(shared_logs_[mail.from]->id, mail.sequence, mail.offset);
      return;
    case MailKind::kDurableMoved:
      deliveries_.on_durable();
      return;
    case MailKind::kShare:
      on_share(mail.from, *std::get<std::unique_ptr<ShareMail>>(mail.body));
      return;
  }
}

void BrokerShard::on_route(const Mail& mail) {
  // Mail keeps the order of its shard, and with it that of each publisher. [MQTT-4.6.0-5] [MQTT-4.6.0-6]
  // [MQTT5-4.6.0-5] [MQTT5-4.6.0-6]
  // Live logs stand in shard order. The sender keeps the record in its tail until we have moved our mark past it.
  log::SharedLog& log = *shared_logs_[mail.from];
  const log::RecordView record(log.tail_at(mail.offset.value()));
  put_into_queues(route_of(TopicName::accepted(record.topic())), log.id, mail.offset, mail.qos);
  routed_.advance(log.id, mail.sequence, mail.offset);
  log.routed[place_.index].offset.store(mail.end, std::memory_order_seq_cst);
}

// Marks with nothing outstanding follow our log, so that they never hold its tail back. Only when the mark has reached
// what was last posted is it ours to move: the other shard will not touch it then.
void BrokerShard::publish_routed_marks() {
  if (place_.shards_count == 1) return;
  log::SharedLog& own = log_->shared();
  const uint64_t end = log_->appended_end().value();
  for (ShardIndex to = 0; to < place_.shards_count; ++to) {
    if (to == place_.index) continue;
    std::atomic<uint64_t>& mark = own.routed[to].offset;
    if (mark.load(std::memory_order_seq_cst) >= last_routed_[to]) mark.store(end, std::memory_order_seq_cst);
  }
}

uint32_t BrokerShard::announce(FilterChange change, uint64_t ticket) {
  change.ticket = ticket;
  uint32_t answers = 0;
  for (ShardIndex to = 0; to < place_.shards_count; ++to) {
    if (to == place_.index) continue;
    post_.post(to, Mail{.kind = MailKind::kFilters, .body = std::make_unique<FilterChange>(change)});
    ++answers;
  }
  return ticket == 0 ? 0 : answers;
}

void BrokerShard::on_filters(const Mail& mail, const FilterChange& change) {
  for (const std::string& filter : change.added) remote_filters_.add(filter, mail.from);
  for (const std::string& filter : change.removed) remote_filters_.remove(filter, mail.from);
  if (change.ticket == 0) return;
  post_.post(mail.from, Mail{.kind = MailKind::kFiltersNoted,
                             .offset = last_published_.offset,
                             .sequence = last_published_.sequence,
                             .ticket = change.ticket});
}

void BrokerShard::on_filters_noted(const Mail& mail) {
  routed_.advance(shared_logs_[mail.from]->id, mail.sequence, mail.offset);
  on_answer(mail.ticket);
}

void BrokerShard::on_answer(uint64_t ticket) {
  for (auto* waiting : {&pending_subscribes_, &pending_groups_}) {
    const auto pending = std::ranges::find(*waiting, ticket, &PendingSubscribe::ticket);
    if (pending == waiting->end()) continue;
    --pending->answers_left;  // end_turn() finishes it
    return;
  }
  CHECK(false);
}

}  // namespace penstock::broker
