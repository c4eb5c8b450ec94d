#include "broker/deliveries.h"

#include <algorithm>

#include "broker/broker_shard.h"
#include "broker/connection.h"
#include "broker/message_expiry.h"
#include "broker/state_records.h"
#include "core/check.h"

namespace penstock::broker {

using log::LogReader;
using protocol::QoS;

void Deliveries::make_ready(Session& session) {
  if (session.in_ready_list) return;
  session.in_ready_list = true;
  ready_.push_back(&session);
}

void Deliveries::wake(Session& session, DeliveryWait reason) {
  if (session.wait != reason) return;
  session.wait = DeliveryWait::kNothing;
  make_ready(session);
}

// Always false, for `return wait_for(...)` in the steps of serve().
bool Deliveries::wait_for(Session& session, DeliveryWait reason) {
  session.wait = reason;
  if (reason == DeliveryWait::kDurable) await_durable(session);
  return false;
}

void Deliveries::await_durable(Session& session) {
  if (session.durable_wait_listed) return;
  session.durable_wait_listed = true;
  durable_waiters_.push_back(session.slot());
}

void Deliveries::on_durable() {
  if (durable_waiters_.empty()) return;
  for (const uint32_t slot : durable_waiters_) {
    Session* session = shard_.sessions().at(slot);
    if (session == nullptr) continue;
    session->durable_wait_listed = false;
    make_ready(*session);
  }
  durable_waiters_.clear();
}

void Deliveries::spread_new_entries() {
  for (FilterQueue* queue : dirty_) {
    queue->dirty = false;
    for (Subscription* subscription : queue->subscribers().online()) {
      if (subscription->active) continue;
      activate(*subscription, *queue);
      if (subscription->session->wait == DeliveryWait::kNothing) make_ready(*subscription->session);
    }
    if (queue->trim_due()) queue->trim(shard_.counters().qos0_dropped);
  }
  dirty_.clear();
}

void Deliveries::forget(FilterQueue& queue) {
  if (queue.dirty) std::erase(dirty_, &queue);
  queue.dirty = false;
}

void Deliveries::activate(Subscription& subscription, FilterQueue& queue) {
  if (subscription.active) return;
  Session& session = *subscription.session;
  subscription.active = true;
  session.active.push_back({.subscription = &subscription, .queue = &queue});
  std::push_heap(session.active.begin(), session.active.end(), ActiveSubscription::comes_later);
}

void Deliveries::deactivate(Session& session, const std::vector<Subscription*>& subscriptions) {
  for (Subscription* subscription : subscriptions) subscription->active = false;
  if (std::erase_if(session.active, [](const ActiveSubscription& each) { return !each.subscription->active; }) > 0)
    std::make_heap(session.active.begin(), session.active.end(), ActiveSubscription::comes_later);
}

// Of the client's Receive Maximum and our own limit the smaller one. [MQTT5-4.9.0-1] [MQTT5-3.3.4-9]
uint16_t Deliveries::window_limit(const Session& session) const {
  const ConnectionTerms* terms = session.connection->terms();
  const uint16_t limit = shard_.options().inflight_max;
  return terms == nullptr ? limit : std::min(limit, terms->receive_maximum);
}

void Deliveries::begin(Session& session) {
  session.wait = DeliveryWait::kNothing;
  session.online_arrival = shard_.next_arrival();
  for (Subscription* subscription : session.subscriptions) {
    shard_.filters().subscribers(subscription->filter_slot).set_online(*subscription, true);
    FilterQueue* queue = shard_.filters().queue(subscription->filter_slot);
    if (queue != nullptr && subscription->cursor < queue->entries().end()) activate(*subscription, *queue);
  }
  if (OwnQueue* own = session.own.get()) {
    own->readers.set_online(own->reader, true);
    if (own->reader.cursor < own->queue.entries().end()) activate(own->reader, own->queue);
  }
  if (InflightWindow* window = session.window_if_any()) {
    window->set_limit(window_limit(session));
    session.resend_next = window->first_ordinal();
    session.resend_end = window->first_ordinal() + window->size();
    session.releases_resent = false;
  }
  make_ready(session);
}

void Deliveries::end(Session& session) {
  session.wait = DeliveryWait::kNothing;
  session.retained_scans.clear();
  session.scan_bytes = 0;
  for (Subscription* subscription : session.subscriptions) {
    subscription->active = false;
    shard_.filters().subscribers(subscription->filter_slot).set_online(*subscription, false);
    if (FilterQueue* queue = shard_.filters().queue(subscription->filter_slot)) queue->entries().forget(session);
  }
  if (OwnQueue* own = session.own.get()) {
    own->reader.active = false;
    own->readers.set_online(own->reader, false);
    own->queue.entries().forget(session);
  }
  session.active.clear();
  shard_.reader().forget(session);
}

void Deliveries::forget(Session& session) {
  if (session.in_ready_list) std::erase(ready_, &session);
  session.in_ready_list = false;
}

void Deliveries::run() {
  spread_new_entries();
  if (ready_.empty()) return;
  serving_.swap(ready_);
  shard_.reader().begin_batch();
  for (Session* session : serving_) {
    session->in_ready_list = false;
    serve(*session);
  }
  shard_.reader().end_batch();
  serving_.clear();
}

void Deliveries::serve(Session& session) {
  if (session.group() != nullptr) return serve_group(session);
  if (!session.online() || !session.connection->is_established()) return;  // [MQTT5-3.2.0-1]
  session.wait = DeliveryWait::kNothing;
  if (!resend(session)) {
    // What it waits for may be one that only has to be released.
    if (session.wait == DeliveryWait::kWindow) publish_started(session);
    return;
  }
  if (!publish_started(session) || !deliver_retained(session)) return;
  if (session.shares != nullptr && !deliver_shared(session)) return;
  const bool retained_wait = !session.retained_scans.empty() && session.is_own_queue_full();
  for (int budget = kEntriesPerTurn; budget > 0;) {
    if (!session.connection->takes_deliveries()) {
      wait_for(session, DeliveryWait::kSocket);
      return;
    }
    const Step step = take_next(session, budget);
    if (step == Step::kTook) continue;
    if (step == Step::kNothingLeft && retained_wait && !session.is_own_queue_full()) break;
    return;
  }
  make_ready(session);
}

bool Deliveries::is_durable(log::LogId log, log::LogOffset offset) const {
  const log::SharedLog* shared = shard_.shared_log(log);
  return shared == nullptr || shared->durable_end.load(std::memory_order_acquire) > offset.value();
}

// After a restart, queues are rebuilt from more of the logs than a session still has to take.
bool Deliveries::is_passed(const Session& session, const Subscription& subscription,
                           const log::QueueEntry& entry) const {
  if (!session.persistent) return false;
  if (session.done.has_passed(entry.log(), entry.offset())) return true;
  if (subscription.start != nullptr && subscription.start->has_passed(entry.log(), entry.offset())) return true;
  return session.is_started_ahead(entry.log(), entry.offset());
}

// The active subscription whose entry arrived first, with that entry loaded; null when there is none, or it must be
// waited for. Subscriptions whose entry is not loaded stand at the top of the heap, so once the top is loaded all are.
// [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT5-4.6.0-5] [MQTT5-4.6.0-6]
ActiveSubscription* Deliveries::first_active(Session& session) {
  while (!session.active.empty()) {
    ActiveSubscription& top = session.active.front();
    if (top.key != 0) return &top;
    log::ConsumeQueue& queue = top.queue->entries();
    Subscription& subscription = *top.subscription;
    if (subscription.cursor < queue.begin()) subscription.cursor = queue.begin();
    if (subscription.cursor == queue.end()) {
      std::pop_heap(session.active.begin(), session.active.end(), ActiveSubscription::comes_later);
      session.active.pop_back();
      subscription.active = false;
      continue;
    }
    switch (queue.peek(subscription.cursor, top.next, session)) {
      case log::ConsumeQueue::Peek::kPending:
        wait_for(session, DeliveryWait::kRead);
        return nullptr;
      case log::ConsumeQueue::Peek::kGone:
        shard_.counters().deliveries_expired += queue.page_end(subscription.cursor) - subscription.cursor;
        subscription.cursor = queue.page_end(subscription.cursor);
        continue;
      case log::ConsumeQueue::Peek::kReady:
        break;
    }
    if (is_passed(session, subscription, top.next)) {
      ++subscription.cursor;
      continue;
    }
    top.key = top.next.arrival();
    sift(session);
  }
  return nullptr;
}

// The top of the heap has got a larger key.
void Deliveries::sift(Session& session) {
  if (session.active.size() < 2) return;
  std::pop_heap(session.active.begin(), session.active.end(), ActiveSubscription::comes_later);
  std::push_heap(session.active.begin(), session.active.end(), ActiveSubscription::comes_later);
}

// Of all filters that brought the message which is first. They stand together at the top of the heap: whatever lies
// over one of them arrived with it.
void Deliveries::find_terms(const Session& session, uint64_t arrival) {
  terms_.clear();
  places_.assign(1, 0);
  for (size_t i = 0; i < places_.size(); ++i) {
    const size_t place = places_[i];
    terms_.push_back(session.active[place].subscription->terms);
    for (const size_t below : {2 * place + 1, 2 * place + 2})
      if (below < session.active.size() && session.active[below].key == arrival) places_.push_back(below);
  }
}

Deliveries::Step Deliveries::take_next(Session& session, int& budget) {
  if (session.active.size() == 1) return take_run(session, budget);
  const ActiveSubscription* first = first_active(session);
  if (first == nullptr) return session.active.empty() ? Step::kNothingLeft : Step::kBlocked;
  const log::QueueEntry entry = first->next;
  find_terms(session, entry.arrival());
  const Step step = take(session, entry, terms_);
  if (step == Step::kTook) budget -= pass(session, entry.arrival());
  return step;
}

// All that waits lies in one queue, as it mostly does: its entries are taken side by side, and nothing is merged.
Deliveries::Step Deliveries::take_run(Session& session, int& budget) {
  Subscription& only = *session.active.front().subscription;
  log::ConsumeQueue& queue = session.active.front().queue->entries();
  session.active.front().key = 0;
  only.cursor = std::max(only.cursor, queue.begin());
  if (only.cursor == queue.end()) {
    session.active.clear();
    only.active = false;
    return Step::kNothingLeft;
  }
  std::span<const log::QueueEntry> run;
  switch (queue.peek_run(only.cursor, run, session)) {
    case log::ConsumeQueue::Peek::kPending:
      wait_for(session, DeliveryWait::kRead);
      return Step::kBlocked;
    case log::ConsumeQueue::Peek::kGone:
      shard_.counters().deliveries_expired += queue.page_end(only.cursor) - only.cursor;
      only.cursor = queue.page_end(only.cursor);
      --budget;
      return Step::kTook;
    case log::ConsumeQueue::Peek::kReady:
      break;
  }
  for (const log::QueueEntry& entry : run.first(std::min(run.size(), static_cast<size_t>(budget)))) {
    if (session.online() && !session.connection->takes_deliveries())
      return Step::kTook;  // serve() waits for the socket
    if (!is_passed(session, only, entry) && take(session, entry, {&only.terms, 1}) != Step::kTook)
      return Step::kBlocked;
    ++only.cursor;
    --budget;
  }
  return Step::kTook;
}

// After a crash a session that was connected may have got this before, though we cannot know.
bool Deliveries::may_have_been_sent(const Session& session, const log::QueueEntry& entry) const {
  return session.was_connected && entry.arrival() < shard_.first_live_arrival();
}

bool Deliveries::is_dropped_at_qos0(const Session& session, const log::QueueEntry& entry) const {
  const bool from_offline_time = entry.arrival() < session.online_arrival;
  return (from_offline_time && !shard_.options().queue_qos0) || may_have_been_sent(session, entry);
}

// One message, by the terms of the subscriptions that brought it: the highest QoS of them. [MQTT-3.3.5-1]
// [MQTT5-3.3.4-2]
Deliveries::Step Deliveries::take(Session& session, const log::QueueEntry& entry,
                                  std::span<const SubscriptionTerms> terms) {
  if (session.group() != nullptr) [[unlikely]]
    return take_for_group(session, entry);
  QoS granted = terms.front().qos();
  for (const SubscriptionTerms& each : terms.subspan(1)) granted = std::max(granted, each.qos());
  const QoS qos = std::min(granted, static_cast<QoS>(entry.qos()));  // [MQTT-3.8.4-6] [MQTT5-3.8.4-8]
  if (entry.qos() == 2 && !is_durable(entry.log(), entry.offset())) {
    wait_for(session, DeliveryWait::kDurable);
    return Step::kBlocked;
  }
  if (qos == QoS::kAtMostOnce && is_dropped_at_qos0(session, entry)) {
    ++shard_.counters().qos0_dropped;
    leave_out(session, entry);
    return Step::kTook;
  }
  if (qos != QoS::kAtMostOnce && session.window(window_limit(session)).full()) {  // [MQTT5-4.9.0-2]
    wait_for(session, DeliveryWait::kWindow);
    return Step::kBlocked;
  }
  log::RecordView record;
  switch (shard_.reader().read(entry.log(), entry.offset(), record, session)) {
    case LogReader::State::kPending:
      wait_for(session, DeliveryWait::kRead);
      return Step::kBlocked;
    case LogReader::State::kGone:
      ++shard_.counters().deliveries_expired;
      return Step::kTook;
    case LogReader::State::kReady:
      break;
  }
  if (record.header().properties_bytes != 0 || !std::ranges::all_of(terms, &SubscriptionTerms::is_plain)) [[unlikely]]
    return take_with_terms(session, entry, record, terms);
  // [MQTT-3.3.1-8] [MQTT-3.3.1-9] [MQTT5-3.3.1-12]
  return deliver(session, entry, record, {.qos = qos, .retain = is_direct_message(record)}) ? Step::kTook
                                                                                            : Step::kBlocked;
}

// The message or a subscription has something that only MQTT 5.0 knows.
Deliveries::Step Deliveries::take_with_terms(Session& session, const log::QueueEntry& entry,
                                             const log::RecordView& record, std::span<const SubscriptionTerms> terms) {
  // [MQTT5-3.3.2-5] What is on its way already is sent again until it is complete.
  if (is_expired(record.properties(), record.header().wall_us, shard_.clock().wall_us())) {
    ++shard_.counters().messages_expired;
    leave_out(session, entry);
    return Step::kTook;
  }
  const bool is_published_by_itself = record.publisher() == session.client_id() && !is_direct_message(record);
  bool is_wanted = false;
  Grant grant{.retain = is_direct_message(record)};
  identifiers_.clear();
  for (const SubscriptionTerms& each : terms) {
    if (each.no_local && is_published_by_itself) continue;  // [MQTT5-3.8.3-3]
    is_wanted = true;
    grant.qos = std::max(grant.qos, std::min(each.qos(), static_cast<QoS>(entry.qos())));
    grant.retain |= each.retain_as_published && record.retain();        // [MQTT5-3.3.1-12] [MQTT5-3.3.1-13]
    if (each.identifier != 0) identifiers_.push_back(each.identifier);  // [MQTT5-3.3.4-3] [MQTT5-3.3.4-4]
  }
  // Once more, as some of the terms may not count.
  const bool is_dropped = is_wanted && grant.qos == QoS::kAtMostOnce && is_dropped_at_qos0(session, entry);
  if (is_dropped) ++shard_.counters().qos0_dropped;
  if (!is_wanted || is_dropped) {
    leave_out(session, entry);
    return Step::kTook;
  }
  grant.identifiers = identifiers_;
  return deliver(session, entry, record, grant) ? Step::kTook : Step::kBlocked;
}

// The session does not get this message.
void Deliveries::leave_out(Session& session, const log::QueueEntry& entry) {
  if (session.persistent) session.done.advance(entry.log(), log::Sequence(0), entry.offset());
}

// Moves every cursor past the entry with this arrival; returns how many.
int Deliveries::pass(Session& session, uint64_t arrival) {
  passing_.clear();
  while (!session.active.empty() && session.active.front().key == arrival) {
    std::pop_heap(session.active.begin(), session.active.end(), ActiveSubscription::comes_later);
    passing_.push_back(session.active.back());
    session.active.pop_back();
  }
  for (ActiveSubscription& passed : passing_) {
    passed.key = 0;
    ++passed.subscription->cursor;
    session.active.push_back(passed);
    std::push_heap(session.active.begin(), session.active.end(), ActiveSubscription::comes_later);
  }
  return static_cast<int>(passing_.size());
}

// PUBLISH follows when it is durable that this packet id is in use.
void Deliveries::start(Session& session, Delivery& delivery) {
  delivery.state = DeliveryState::kStarting;
  delivery.durable_end = shard_.journal().delivery_started(session, delivery);
  ++session.starting_count;
  ++session.starts_unrecorded;
  await_durable(session);
}

void Deliveries::release(Session& session, Delivery& delivery) {
  delivery.state = DeliveryState::kReleasing;
  delivery.durable_end = shard_.journal().delivery_released(session, delivery.packet_id);
  ++session.starting_count;
  await_durable(session);
}

bool Deliveries::deliver(Session& session, const log::QueueEntry& entry, const log::RecordView& record,
                         const Grant& grant) {
  const QoS qos = grant.qos;
  if (session.persistent) shard_.note_progress(session);
  if (entry.arrival() >= shard_.first_live_arrival()) session.was_connected = false;
  if (!sender_.fits(*session.connection, record, grant)) {  // [MQTT5-3.1.2-25]
    ++shard_.counters().deliveries_too_large;
    leave_out(session, entry);
    return true;
  }
  if (qos == QoS::kAtMostOnce) {
    sender_.send(*session.connection, record, grant, {});  // [MQTT-4.3.1-1] [MQTT5-4.3.1-1]
    if (session.persistent) session.done.advance(entry.log(), record.sequence(), entry.offset());
    return true;
  }
  const bool record_first = qos == QoS::kExactlyOnce && session.persistent;
  if (record_first && !shard_.can_start_delivery(session)) return wait_for(session, DeliveryWait::kDurable);
  InflightWindow& window = *session.window_if_any();
  // Kept until PUBACK or PUBREC. [MQTT-4.3.2-1] [MQTT5-4.3.2-3] [MQTT5-4.3.3-3]
  Delivery& delivery = window.push(Delivery{.packet_id = window.next_packet_id(),
                                            .qos = qos,
                                            .state = DeliveryState::kPublished,
                                            .retain = grant.retain,
                                            .log = entry.log(),
                                            .offset = entry.offset(),
                                            .sequence = record.sequence()});
  if (session.persistent) session.done.advance(entry.log(), record.sequence(), entry.offset());
  if (record_first) {
    start(session, delivery);
    return true;
  }
  // The publisher's own DUP is not in the record. [MQTT-3.3.1-1] [MQTT-3.3.1-3] [MQTT5-3.3.1-1] [MQTT5-3.3.1-3]
  // [MQTT5-4.3.2-2] [MQTT5-4.3.3-2]
  sender_.send(*session.connection, record, grant, delivery.packet_id, may_have_been_sent(session, entry));
  return true;
}

}  // namespace penstock::broker
