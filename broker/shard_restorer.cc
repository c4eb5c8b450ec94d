#include "broker/shard_restorer.h"

#include <algorithm>
#include <optional>

#include "broker/checkpoint_file.h"
#include "broker/state_codec.h"
#include "broker/state_records.h"
#include "core/diagnostics.h"
#include "log/file_names.h"
#include "log/stale_records.h"
#include "protocol/topic_hash.h"

namespace penstock::broker {

using protocol::TopicFilter;
using protocol::TopicName;

namespace {

// A right checksum says only that the bytes are the written ones, not that a broker wrote them.
bool is_message(const log::RecordView& record) {
  return record.qos() <= 2 && TopicName::parse(record.topic()).has_value();
}

bool is_filter(std::string_view text) {
  return TopicFilter::parse(text).has_value();
}

std::unexpected<core::Error> impossible(log::LogId id, const log::RecordView& record) {
  const char* const type = record_type_name(record.header().type);
  return core::failure("log " + std::to_string(id.value()) + ": record " + std::to_string(record.sequence().value()) +
                       " (" + type + ") is whole, but none that this build can have written");
}

}  // namespace

core::Status BrokerShard::restore() {
  return ShardRestorer(*this).run();
}

core::Status ShardRestorer::run() {
  const ShardPlace& place = shard_.place_;
  for (const std::string& path : place.checkpoints) RETURN_IF_ERROR(read_checkpoint(path));
  if (shard_.queue_file_ == nullptr) shard_.make_queue_file(0);
  place_cursors();
  // What older, sealed logs did to sessions stands in the first checkpoints of the layout that sealed them; their
  // messages are looked at only to build the queues anew.
  for (const log::LogId id : place.last_logs) RETURN_IF_ERROR(replay_state(id));
  // Whatever the wall clock says now: a publisher that is at home on another shard than before goes on in another log,
  // and fill_queues() of a later start puts its messages into the order of their times.
  shard_.log_start_.last_wall_us = newest_wall_us_ + (newest_wall_us_ < INT64_MAX ? 1 : 0);
  forget_what_is_lost();
  for (const log::LogId id : place.all_logs)
    if (!queues_restored_ || was_live(id)) RETURN_IF_ERROR(replay_messages(id));
  fill_queues();
  // Also what was for no filter, or for one session only: a session that is new from now on has passed it.
  for (const auto& [log, end] : ends_) shard_.routed_.advance_to(log::LogId(log), end.value());
  // Those that were online when the last life ended are offline from now on, however long ago they had connected. The
  // next life must know since when, or a broker that crashes again and again would put off what comes of it.
  shard_.sessions_.for_each([&, now_us = shard_.seams_.clock.wall_us()](Session& session) {
    if (session.offline_since_us != kOnline) return;
    session.offline_since_us = now_us;
    if (shard_.expiry_us(session) != INT64_MAX || wills_.contains(session.client_id())) shard_.note_progress(session);
  });
  bequeath();
  shard_.first_live_arrival_ = shard_.next_arrival_;
  return {};
}

// Whoever was connected is not any more: the wills are published, at once or after what is left of their delay.
void ShardRestorer::bequeath() {
  for (auto& [client_id, will] : wills_) {
    Session* const session = session_of(client_id);
    if (session != nullptr && will.delay_s > 0 && session->expiry_s != kExpiryAtOnce) {
      session->will = std::make_unique<Will>(std::move(will));
      shard_.delay_will(*session, session->offline_since_us);
    } else {
      shard_.pending_wills_.push_back({client_id, std::move(will)});
    }
  }
}

Session* ShardRestorer::session_of(std::string_view client_id) {
  return is_mine(client_id) ? shard_.sessions_.find(client_id) : nullptr;
}

Session& ShardRestorer::obtain_session(std::string_view client_id) {
  if (Session* session = shard_.sessions_.find(client_id)) return *session;
  Session& session = shard_.sessions_.create(shard_, std::string(client_id));
  session.persistent = true;
  if (is_group_session_id(client_id)) {
    session.shares = std::make_unique<SessionShares>();
    session.shares->group = std::make_unique<ShareGroup>();
  }
  return session;
}

// ---- The records after the checkpoint ----

void ShardRestorer::report(log::LogId id, const std::vector<log::Damage>& damage) {
  // Every shard reads every log; one of them speaks.
  if (shard_.index() != 0) return;
  for (const log::Damage& each : damage)
    core::log_line(each.torn_end ? core::LogLevel::kInfo : core::LogLevel::kError,
                   "log " + std::to_string(id.value()) + ": " + each.file + " at " + std::to_string(each.file_offset) +
                       ": " + each.what);
}

const log::CommitLog::Start* ShardRestorer::checkpoint_of(log::LogId id) const {
  for (const auto& [log, start] : state_from_)
    if (log == id) return &start;
  return nullptr;
}

core::Status ShardRestorer::replay_state(log::LogId id) {
  const log::CommitLog::Start* from = checkpoint_of(id);
  core::Status applied;
  // What starts have begun it with, and nothing came behind, is not of the last life: a shard that is restored before
  // this one may have opened its log already, and so may a start that a crash has cut short.
  std::optional<log::CommitLog::Start> begun;
  const auto visit = [&](log::LogOffset offset, log::RecordView record) {
    const log::RecordHeader& header = record.header();
    if (header.type != log::kEpochStart)
      begun.reset();
    else if (!begun.has_value())
      begun = {.epoch = std::max<log::Epoch>(header.epoch, 1) - 1,
               .next_sequence = record.sequence(),
               .end = offset,
               .last_wall_us = header.wall_us};
    if (!apply(id, offset, record)) applied = impossible(id, record);
    return applied.has_value();
  };
  const std::string directory = log::path_in(shard_.place_.data_directory, log::log_directory_name(id));
  auto recovered = from == nullptr ? log::recover_log(shard_.seams_.storage, directory, id, log::LogOffset(0), visit)
                                   : log::recover_log(shard_.seams_.storage, directory, id, *from, visit);
  if (!recovered.has_value()) return std::unexpected(recovered.error());
  RETURN_IF_ERROR(applied);
  report(id, recovered->damage);
  // Records in other logs may speak of what was there. The first shard is restored before any of them reads messages.
  if (shard_.index() == 0)
    RETURN_IF_ERROR(log::unmake_stale_records(shard_.seams_.storage, directory, id, recovered->holes));
  const log::CommitLog::Start end = begun.value_or(recovered->start);
  ends_[id.value()] = end.end;
  newest_wall_us_ = std::max(newest_wall_us_, recovered->start.last_wall_us);
  if (id != shard_.place_.log.id) return {};
  shard_.log_start_ = recovered->start;
  shard_.last_life_end_ = end;
  return {};
}

bool ShardRestorer::apply(log::LogId id, log::LogOffset offset, const log::RecordView& record) {
  const log::RecordHeader& header = record.header();
  const std::string_view client_id = record.publisher();
  if (header.type == log::kMessage) {
    if (!is_message(record)) return false;
    if (record.retain()) apply_retained(id, record);
    if ((header.flags & kRecordIsWill) != 0) wills_.erase(std::string(client_id));
    if ((header.flags & kRecordPublisherPersistent) != 0 && record.qos() == 2 && header.packet_id != 0)
      if (Session* session = session_of(client_id)) session->add_inbound(protocol::PacketId(header.packet_id));
    return true;
  }
  if (!is_mine(client_id)) return true;
  if (static_cast<StateRecord>(header.type) == StateRecord::kSessionOpened) {
    auto state = decode_opened(record.payload());
    if (client_id.empty() || !state) return false;
    const bool is_new = shard_.sessions_.find(client_id) == nullptr;
    Session& opened = obtain_session(client_id);
    // What was addressed to an older session of this name is not for this one.
    if (is_new) {
      opened.done = std::move(state->passed);
      opened.done.advance(id, record.sequence(), offset);
    }
    opened.expiry_s = state->expiry_s;
    opened.was_connected = true;
    opened.offline_since_us = kOnline;
    return true;
  }
  if (static_cast<StateRecord>(header.type) == StateRecord::kWillSet) {
    if (client_id.empty() || !is_message(record)) return false;
    wills_[std::string(client_id)] = decode_will(record);
    return true;
  }
  if (static_cast<StateRecord>(header.type) == StateRecord::kWillCleared) {
    wills_.erase(std::string(client_id));
    return true;
  }
  Session* session = shard_.sessions_.find(client_id);
  if (session == nullptr) return true;
  switch (static_cast<StateRecord>(header.type)) {
    case StateRecord::kSessionEnded:
      end_session(*session);
      return true;
    case StateRecord::kSessionExpiry: {
      const auto expiry_s = decode_expiry(record.payload());
      if (!expiry_s) return false;
      session->expiry_s = *expiry_s;
      return true;
    }
    case StateRecord::kSubscribed: {
      auto state = decode_subscribed(record.payload());
      if (!state || !std::ranges::all_of(state->filters, is_filter, &GrantedFilter::filter)) return false;
      state->start.advance(id, record.sequence(), offset);
      const core::LocalShared<LogClock> start(std::move(state->start));
      for (const GrantedFilter& each : state->filters) subscribe(*session, each.filter, each.terms, start);
      return true;
    }
    case StateRecord::kUnsubscribed: {
      const auto filters = decode_unsubscribed(record.payload());
      if (!filters || !std::ranges::all_of(*filters, is_filter)) return false;
      for (const std::string_view filter : *filters) unsubscribe(*session, filter);
      return true;
    }
    case StateRecord::kSessionProgress: {
      const auto state = decode_progress(record.payload());
      if (!state) return false;
      session->was_connected = state->presence != Presence::kOffline;
      session->offline_since_us = state->presence == Presence::kOnline ? kOnline : header.wall_us;
      for (const LogProgress& each : state->done.entries()) session->done.advance(each.log, each.sequence, each.offset);
      session->restore_window(shard_.options_.inflight_max, state->deliveries);
      session->starts_unrecorded = 0;
      return true;
    }
    case StateRecord::kDeliveryStarted: {
      const auto delivery = decode_delivery(record.payload());
      if (!delivery) return false;
      begin_delivery(*session, *delivery);
      return true;
    }
    case StateRecord::kDeliveryReleased:
      if (InflightWindow* window = session->window_if_any())
        if (Delivery* delivery = window->find(protocol::PacketId(header.packet_id)))
          delivery->state = DeliveryState::kReleased;
      return true;
    case StateRecord::kInboundReleased:
      session->remove_inbound(protocol::PacketId(header.packet_id));
      return true;
    default:
      return true;
  }
}

// The packet id was promised to this message before its PUBLISH was sent; it may be with the client. One of a group is
// given to somebody once more, perhaps with another id: so a client that has it must be told that this one is free.
void ShardRestorer::begin_delivery(Session& session, const Delivery& delivery) {
  InflightWindow& window = session.window(shard_.options_.inflight_max);
  // A use of the id that was still open has been completed, though nothing recorded that.
  if (Delivery* older = window.find(delivery.packet_id)) window.complete(*older);
  Delivery published = delivery;
  published.state = delivery.shared ? DeliveryState::kReleased : DeliveryState::kPublished;
  window.restore(published);
  ++session.starts_unrecorded;
  if (!delivery.shared && !session.done.has_passed(delivery.log, delivery.offset)) session.add_started_ahead(published);
}

// A crash may have taken messages from another shard's log, and not the records in ours that speak of them. That log
// goes on from an earlier place, and what will lie there are other messages. The records stay in our log: a checkpoint
// must say that they do not count before any message is appended there, or the start after the next crash would believe
// them.
void ShardRestorer::forget_what_is_lost() {
  bool& forgot = shard_.must_checkpoint_;
  const auto is_lost = [&](const Delivery& delivery) {
    const auto end = ends_.find(delivery.log.value());
    const bool lost = end != ends_.end() && delivery.offset >= end->second;
    forgot |= lost;
    return lost;
  };
  shard_.sessions_.for_each([&](Session& session) {
    for (const auto& [log, end] : ends_) {
      forgot |= session.done.cut(log::LogId(log), end.value());
      for (const Subscription* subscription : session.subscriptions)
        if (subscription->start != nullptr) forgot |= subscription->start->cut(log::LogId(log), end.value());
    }
    core::RareVector<Delivery> kept;
    for (const Delivery& delivery : session.started_ahead)
      if (!is_lost(delivery)) kept.push_back(delivery);
    session.started_ahead = std::move(kept);
    InflightWindow* window = session.window_if_any();
    if (window == nullptr) return;
    // The client may have it, and waits for PUBREL then; one that has not answers that as well. [MQTT-4.3.3-2]
    for (size_t i = 0; i < window->size(); ++i)
      if (is_lost(window->at(i)))
        window->at(i).state =
            window->at(i).qos == protocol::QoS::kExactlyOnce ? DeliveryState::kReleased : DeliveryState::kDone;
    window->drop_done();
  });
}

void ShardRestorer::apply_retained(log::LogId id, const log::RecordView& record) {
  shard_.retained_.apply(make_retained({.flags = record.header().flags,
                                        .publisher = record.publisher(),
                                        .topic = record.topic(),
                                        .properties = record.properties(),
                                        .payload = record.payload()},
                                       record.header().wall_us,
                                       log::LogPosition{id, record.header().epoch, record.sequence()}));
}

Subscription& ShardRestorer::subscribe(Session& session, std::string_view filter, SubscriptionTerms terms,
                                       const core::LocalShared<LogClock>& start) {
  bool is_new = false;
  const uint32_t slot = shard_.filters_.obtain(TopicFilter::accepted(filter), is_new);
  if (Subscription* existing = session.find_subscription(slot)) {
    existing->terms = terms;
    return *existing;
  }
  Subscription& subscription = shard_.add_subscription(session, slot, terms);
  subscription.start = start;
  return subscription;
}

void ShardRestorer::unsubscribe(Session& session, std::string_view filter) {
  Subscription* subscription = shard_.find_subscription(session, TopicFilter::accepted(filter));
  if (subscription == nullptr) return;
  FilterChange nobody_listens_yet;
  shard_.unsubscribe(session, {subscription}, nobody_listens_yet);
}

void ShardRestorer::end_session(Session& session) {
  FilterChange nobody_listens_yet;
  shard_.drop_subscriptions(session, nobody_listens_yet);
  shard_.sessions_.remove(session);
}

// ---- Messages into queues ----

// UINT64_MAX: from none.
log::LogOffset ShardRestorer::messages_from(log::LogId id) {
  if (queues_restored_) return shard_.routed_.offset_of(id);
  if (id == shard_.place_.log.id) return log::LogOffset(0);  // for the parent topics
  // The queues are built anew: from the oldest message that some session may still have to take.
  log::LogOffset oldest(UINT64_MAX);
  shard_.sessions_.for_each([&](Session& session) {
    for (const Subscription* subscription : session.subscriptions) {
      log::LogOffset from = session.done.offset_of(id);
      if (subscription->start != nullptr) from = std::max(from, subscription->start->offset_of(id));
      oldest = std::min(oldest, from);
    }
    oldest = std::min(oldest, session.done.offset_of(id));  // what is addressed to it needs no subscription
  });
  return oldest;
}

core::Status ShardRestorer::replay_messages(log::LogId id) {
  const log::LogOffset from = messages_from(id);
  if (from.value() == UINT64_MAX) return {};
  const auto visit = [&](log::LogOffset offset, log::RecordView record) {
    apply_message(id, offset, record);
    return true;
  };
  const std::string directory = log::path_in(shard_.place_.data_directory, log::log_directory_name(id));
  // What our own log holds before the checkpoint is in its queues: recovery need not read the segment from its start.
  const bool is_own = id == shard_.place_.log.id && queues_restored_;
  const log::CommitLog::Start* checkpoint = is_own ? checkpoint_of(id) : nullptr;
  const auto recovered = checkpoint != nullptr
                             ? log::recover_log(shard_.seams_.storage, directory, id, *checkpoint, visit)
                             : log::recover_log(shard_.seams_.storage, directory, id, from, visit);
  return recovered.has_value() ? core::Status() : std::unexpected(recovered.error());
}

void ShardRestorer::apply_message(log::LogId id, log::LogOffset offset, const log::RecordView& record) {
  const bool known = shard_.routed_.has_passed(id, offset);
  const uint8_t qos = record.qos();
  if (record.header().type == static_cast<log::RecordType>(StateRecord::kDirectMessage)) {
    Session* session = session_of(record.publisher());
    if (session == nullptr || (known && queues_restored_)) return;
    add_arrival(record.header().wall_us, id, offset, qos, {&shard_.obtain_own_queue(*session).queue});
    return;
  }
  if (record.header().type != log::kMessage) return;
  const TopicName topic = TopicName::accepted(record.topic());
  const TopicRoute& route = shard_.route_of(topic);
  if (!known && id == shard_.place_.log.id)
    shard_.parent_of_route().append(log::QueueEntry(shard_.next_arrival_, id, offset, qos));
  if (known && queues_restored_) return;
  add_arrival(record.header().wall_us, id, offset, qos, route.queues);
  if (!known) shard_.routed_.advance(id, record.sequence(), offset);
}

void ShardRestorer::add_arrival(int64_t wall_us, log::LogId id, log::LogOffset offset, uint8_t qos,
                                const std::vector<FilterQueue*>& queues) {
  if (queues.empty()) return;
  arrivals_.push_back({wall_us, offset, id, qos, static_cast<uint32_t>(queues.size()), arrival_queues_.size()});
  arrival_queues_.insert(arrival_queues_.end(), queues.begin(), queues.end());
}

// The logs were read one after the other. A publisher that has moved from one log to another (the number of shards
// changed) must be followed in the order of time; within a log, time never goes back, so its order stays.
void ShardRestorer::fill_queues() {
  std::stable_sort(arrivals_.begin(), arrivals_.end(),
                   [](const Arrival& a, const Arrival& b) { return a.wall_us < b.wall_us; });
  for (const Arrival& each : arrivals_) {
    const log::QueueEntry entry(shard_.next_arrival_++, each.log, each.offset, each.qos);
    for (size_t i = 0; i < each.queues_count; ++i) arrival_queues_[each.first_queue + i]->append(entry);
  }
  arrivals_.clear();
  arrival_queues_.clear();
}

}  // namespace penstock::broker
