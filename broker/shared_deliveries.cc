// Deliveries of shared subscriptions: a group's queue is taken entry by entry and given to members; a member gets what
// its groups have given it.
#include <algorithm>

#include "broker/broker_shard.h"
#include "broker/connection.h"
#include "broker/deliveries.h"
#include "broker/message_expiry.h"

namespace penstock::broker {

using log::LogReader;
using protocol::QoS;

// Nobody's connection brings a group to life: it takes from its queue as soon as there is something.
void Deliveries::begin_group(Session& session) {
  ShareGroup& group = *session.group();
  for (Subscription* subscription : session.subscriptions) {
    shard_.filters().subscribers(subscription->filter_slot).set_online(*subscription, true);
    FilterQueue* queue = shard_.filters().queue(subscription->filter_slot);
    if (queue != nullptr && subscription->cursor < queue->entries().end()) activate(*subscription, *queue);
  }
  InflightWindow& window = session.window(ShareGroup::kHeldMax);
  window.set_limit(ShareGroup::kHeldMax);
  // Some may be done behind one that is not: a crash has taken their records from another log.
  for (size_t i = 0; i < window.size(); ++i)
    if (window.at(i).state != DeliveryState::kDone) group.unheld.push_back(window.at(i).packet_id);
  make_ready(session);
}

void Deliveries::serve_group(Session& session) {
  session.wait = DeliveryWait::kNothing;
  if (!hand_out_unheld(session)) return;
  for (int budget = kEntriesPerTurn; budget > 0;)
    if (take_next(session, budget) != Step::kTook) return;
  make_ready(session);
}

// What a member has given back comes before what is new.
bool Deliveries::hand_out_unheld(Session& session) {
  ShareGroup& group = *session.group();
  InflightWindow& window = *session.window_if_any();
  for (; !group.unheld.empty(); group.unheld.pop_front()) {
    Delivery& delivery = *window.find(group.unheld.front());
    log::RecordView record;
    const auto read = read_shared(delivery.log, delivery.offset, record, session);
    if (read == LogReader::State::kPending) return wait_for(session, DeliveryWait::kRead);
    if (read == LogReader::State::kGone) {
      window.complete(delivery);
      shard_.note_progress(session);
      continue;
    }
    ShareGroup::Member* const member = find_member(session, record);
    if (member == nullptr) return false;
    hand_to(session, *member, delivery, record);
  }
  return true;
}

// A message whose own time is over is as good as gone.
LogReader::State Deliveries::read_shared(log::LogId log, log::LogOffset offset, log::RecordView& record,
                                         Session& session) {
  const auto read = shard_.reader().read(log, offset, record, session);
  if (read == LogReader::State::kGone) ++shard_.counters().deliveries_expired;
  if (read != LogReader::State::kReady) return read;
  if (!is_expired(record.properties(), record.header().wall_us, shard_.clock().wall_us())) return read;
  ++shard_.counters().messages_expired;
  return LogReader::State::kGone;
}

// Null: nobody has room, or the mailboxes have none; the group is ready again when that changes.
ShareGroup::Member* Deliveries::find_member(Session& session, const log::RecordView& record) {
  if (!shard_.has_mail_room()) {
    make_ready(session);
    return nullptr;
  }
  ShareGroup::Member* const member = session.group()->choose(record.header().topic_hash);
  if (member == nullptr) wait_for(session, DeliveryWait::kWindow);
  return member;
}

void Deliveries::hand_to(Session& session, ShareGroup::Member& member, const Delivery& delivery,
                         const log::RecordView& record) {
  session.group()->hand_to(member, {delivery.log, delivery.offset}, delivery.packet_id, record.header().topic_hash);
  shard_.assign_share(member.token, delivery.log, delivery.offset);
}

// One member that sits on a message must not stop the others: it goes to the end of the window, with another id.
bool Deliveries::make_window_room(Session& session) {
  ShareGroup& group = *session.group();
  InflightWindow& window = *session.window_if_any();
  for (size_t left = window.size(); window.full() && left > 0; --left) {
    Delivery moved = window.at(0);
    if (moved.state == DeliveryState::kDone) return false;
    window.complete(window.at(0));
    if (window.full()) return false;
    const protocol::PacketId old_id = moved.packet_id;
    moved.packet_id = window.next_packet_id();
    window.push(moved);
    if (group.is_held({moved.log, moved.offset}))
      group.rename({moved.log, moved.offset}, moved.packet_id);
    else
      std::ranges::replace(group.unheld, old_id, moved.packet_id);
  }
  return !window.full();
}

Deliveries::Step Deliveries::take_for_group(Session& session, const log::QueueEntry& entry) {
  if (entry.qos() == 2 && !is_durable(entry.log(), entry.offset())) {
    wait_for(session, DeliveryWait::kDurable);
    return Step::kBlocked;
  }
  InflightWindow& window = session.window(ShareGroup::kHeldMax);
  if (window.full() && !make_window_room(session)) {
    wait_for(session, DeliveryWait::kWindow);
    return Step::kBlocked;
  }
  log::RecordView record;
  const auto read = read_shared(entry.log(), entry.offset(), record, session);
  if (read == LogReader::State::kPending) {
    wait_for(session, DeliveryWait::kRead);
    return Step::kBlocked;
  }
  if (read == LogReader::State::kGone) {
    leave_out(session, entry);
    return Step::kTook;
  }
  ShareGroup::Member* const member = find_member(session, record);
  if (member == nullptr) return Step::kBlocked;
  const Delivery& delivery = window.push({.packet_id = window.next_packet_id(),
                                          .qos = QoS::kAtLeastOnce,
                                          .log = entry.log(),
                                          .offset = entry.offset(),
                                          .sequence = record.sequence()});
  hand_to(session, *member, delivery, record);
  session.done.advance(entry.log(), record.sequence(), entry.offset());
  shard_.note_progress(session);
  return Step::kTook;
}

// What groups have given to this session. False: something must happen first.
bool Deliveries::deliver_shared(Session& session) {
  std::deque<ShareItem>& inbox = session.shares->member.inbox;
  while (!inbox.empty()) {
    if (!session.connection->takes_deliveries()) return wait_for(session, DeliveryWait::kSocket);
    const ShareItem item = inbox.front();
    const ShareMember::Joined& joined = *session.shares->member.find(item.token);
    log::RecordView record;
    const auto read = read_shared(item.log, item.offset, record, session);
    if (read == LogReader::State::kPending) return wait_for(session, DeliveryWait::kRead);
    if (read == LogReader::State::kGone)
      shard_.report_share(joined.home, item, false);
    else if (!send_shared(session, item, joined, record))
      return false;
    inbox.pop_front();
  }
  return true;
}

bool Deliveries::send_shared(Session& session, const ShareItem& item, const ShareMember::Joined& joined,
                             const log::RecordView& record) {
  const SubscriptionTerms terms = session.find_subscription(joined.filter_slot)->terms;
  const uint32_t identifier = terms.identifier;
  // [MQTT5-4.8.2-3] A copy of its own, with the identifier of this subscription. [MQTT5-3.3.4-5]
  const Grant grant{.qos = std::min(terms.qos(), static_cast<QoS>(record.qos())),
                    .retain = terms.retain_as_published && record.retain(),
                    .identifiers = {&identifier, identifier == 0 ? 0u : 1u}};
  InflightWindow* window = grant.qos == QoS::kAtMostOnce ? nullptr : &session.window(window_limit(session));
  if (window != nullptr && window->full()) return wait_for(session, DeliveryWait::kWindow);
  if (!sender_.fits(*session.connection, record, grant)) {  // [MQTT5-3.1.2-25]
    ++shard_.counters().deliveries_too_large;
    shard_.report_share(joined.home, item, false);
    return true;
  }
  if (window == nullptr) {
    sender_.send(*session.connection, record, grant, {});
    shard_.report_share(joined.home, item, false);
    return true;
  }
  // The next life may not use this packet id while the client may still have it.
  const bool record_first = grant.qos == QoS::kExactlyOnce && session.persistent;
  if (record_first && !shard_.can_start_delivery(session)) return wait_for(session, DeliveryWait::kDurable);
  Delivery& delivery = window->push({.packet_id = window->next_packet_id(),
                                     .qos = grant.qos,
                                     .retain = grant.retain,
                                     .shared = true,
                                     .log = item.log,
                                     .offset = item.offset,
                                     .sequence = record.sequence()});
  session.shares->member.inflight[delivery.packet_id.value()] = item;
  if (record_first) {
    shard_.note_progress(session);
    start(session, delivery);
    return true;
  }
  sender_.send(*session.connection, record, grant, delivery.packet_id);
  return true;
}

}  // namespace penstock::broker
