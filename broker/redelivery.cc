// Deliveries that were begun in an earlier turn or for an earlier connection: repeated after a reconnect, or taking the
// step that waited for a record.
#include <algorithm>

#include "broker/broker_shard.h"
#include "broker/connection.h"
#include "broker/deliveries.h"
#include "broker/peer_topic.h"
#include "broker/state_records.h"

namespace penstock::broker {

using log::LogReader;
using protocol::QoS;
using protocol::TopicName;

// After a reconnect: what was not completed is sent again, with DUP and its old packet id, in the order in which it was
// sent first. [MQTT-4.4.0-1] [MQTT-2.3.1-4] [MQTT-4.6.0-1] [MQTT5-4.4.0-1] [MQTT5-3.3.1-1] [MQTT5-2.2.1-4]
// [MQTT5-4.6.0-1] Also when it has expired since [MQTT5-4.3.3-7], and as a PUBREL behind its PUBREC. [MQTT5-4.3.3-5]
// [MQTT5-4.3.3-6]
bool Deliveries::resend(Session& session) {
  InflightWindow* window = session.window_if_any();
  if (window == nullptr || session.resend_next >= session.resend_end) return true;
  for (; session.resend_next < session.resend_end; ++session.resend_next) {
    window->drop_done();  // what was passed over takes no room: nobody acknowledges it
    session.resend_next = std::max(session.resend_next, window->first_ordinal());
    if (session.resend_next >= session.resend_end) break;
    if (!session.connection->takes_deliveries()) return wait_for(session, DeliveryWait::kSocket);
    Delivery& delivery = window->at(session.resend_next - window->first_ordinal());
    if (delivery.state == DeliveryState::kReleased) {
      if (!session.releases_resent)
        session.connection->send_acknowledge(protocol::PacketType::kPubrel, delivery.packet_id);
      continue;
    }
    if (delivery.state != DeliveryState::kPublished) continue;  // publish_started() has the others
    // An earlier connection may have had room for more of them. [MQTT5-3.3.4-9]
    if (session.connection->terms() != nullptr && session.resend_next - window->first_ordinal() >= window->limit()) {
      resend_releases(session, *window);
      return wait_for(session, DeliveryWait::kWindow);
    }
    log::RecordView record;
    const auto read = shard_.reader().read(delivery.log, delivery.offset, record, session);
    if (read == LogReader::State::kPending) return wait_for(session, DeliveryWait::kRead);
    const bool fits = read != LogReader::State::kReady || fits_again(session, record, delivery);
    if (read == LogReader::State::kGone || !fits) {
      const bool needs_record = delivery.qos == QoS::kExactlyOnce && session.persistent && !delivery.shared;
      if (needs_record && shard_.log().room_for(kStateRecordBytes) == log::AppendRoom::kTailFull)
        return wait_for(session, DeliveryWait::kDurable);
      ++(fits ? shard_.counters().deliveries_expired : shard_.counters().deliveries_too_large);
      // A client that has it waits for PUBREL, and would take the next message with this id for a repetition. Behind
      // its record, or another life could send a client that it is not too large for what that has completed. Without
      // room for that it keeps its place until the client comes back, as one whose PUBREC cannot be recorded does.
      if (needs_record && shard_.has_log_room()) {
        release(session, delivery);
      } else if (needs_record) {
        shard_.owe_redelivery(*session.connection);
      } else if (delivery.qos == QoS::kExactlyOnce) {
        delivery.state = DeliveryState::kReleased;
        session.connection->send_acknowledge(protocol::PacketType::kPubrel, delivery.packet_id);
      } else {
        delivery.state = DeliveryState::kDone;
      }
      continue;
    }
    ++shard_.counters().deliveries_repeated;
    send_again(session, record, delivery, true);
  }
  window->drop_done();
  return true;
}

// A PUBREL does not wait with the PUBLISH packets before it. [MQTT5-3.3.4-10] [MQTT5-4.9.0-3]
void Deliveries::resend_releases(Session& session, const InflightWindow& window) {
  if (session.releases_resent) return;
  session.releases_resent = true;
  for (uint64_t ordinal = session.resend_next; ordinal < session.resend_end; ++ordinal) {
    const Delivery& delivery = window.at(ordinal - window.first_ordinal());
    if (delivery.state == DeliveryState::kReleased)
      session.connection->send_acknowledge(protocol::PacketType::kPubrel, delivery.packet_id);
  }
}

// QoS 2 deliveries whose record has become durable take their next step. PUBRELs follow the PUBLISH packets, as the
// PUBRECs of a client do that keeps the order. [MQTT-4.6.0-4] [MQTT5-4.6.0-4]
bool Deliveries::publish_started(Session& session) {
  if (session.starting_count == 0) return true;
  InflightWindow& window = *session.window_if_any();
  const uint64_t durable_end = shard_.log().durable_end().value();
  bool waits_for_window = false;
  bool waits_for_socket = false;
  for (size_t i = 0; i < window.size() && session.starting_count > 0; ++i) {
    Delivery& delivery = window.at(i);
    const bool starting = delivery.state == DeliveryState::kStarting;
    if ((!starting && delivery.state != DeliveryState::kReleasing) || delivery.durable_end > durable_end) continue;
    // As in resend(): begun for an earlier connection, which had room for more. [MQTT5-3.3.4-9]
    if (starting && session.connection->terms() != nullptr && i >= window.limit()) {
      waits_for_window = true;
      continue;
    }
    // A whole window of large messages would be output that its client may never take. PUBRELs are small.
    waits_for_socket |= starting && !session.connection->takes_deliveries();
    if (starting && waits_for_socket) continue;
    if (starting) {
      log::RecordView record;
      const auto read = shard_.reader().read(delivery.log, delivery.offset, record, session);
      if (read == LogReader::State::kPending) return wait_for(session, DeliveryWait::kRead);
      const bool is_sent = read == LogReader::State::kReady && fits_again(session, record, delivery);
      if (is_sent) send_again(session, record, delivery, false);
      delivery.state = is_sent ? DeliveryState::kPublished : DeliveryState::kDone;
      if (!is_sent && delivery.shared) shard_.complete_share(session, delivery.packet_id);
    } else {
      session.connection->send_acknowledge(protocol::PacketType::kPubrel, delivery.packet_id);
      delivery.state = DeliveryState::kReleased;
    }
    --session.starting_count;
  }
  const uint64_t first = window.first_ordinal();
  window.drop_done();
  if (session.starting_count > 0) await_durable(session);
  if (waits_for_window && window.first_ordinal() != first) {  // what was passed over has left room
    make_ready(session);
    return false;
  }
  if (waits_for_socket) return wait_for(session, DeliveryWait::kSocket);
  return waits_for_window ? wait_for(session, DeliveryWait::kWindow) : true;
}

// What was promised to an earlier connection may be too large for this one. [MQTT5-3.1.2-25]
bool Deliveries::fits_again(Session& session, const log::RecordView& record, const Delivery& delivery) {
  find_identifiers(session, record, delivery);
  return sender_.fits(*session.connection, record,
                      {.qos = delivery.qos, .retain = delivery.retain, .identifiers = identifiers_});
}

// A delivery whose terms are not at hand any more: it was taken in an earlier turn, or for an earlier connection.
void Deliveries::send_again(Session& session, const log::RecordView& record, const Delivery& delivery, bool dup) {
  find_identifiers(session, record, delivery);
  sender_.send(*session.connection, record,
               {.qos = delivery.qos, .retain = delivery.retain, .identifiers = identifiers_}, delivery.packet_id, dup);
}

// [MQTT5-3.3.4-3]
void Deliveries::find_identifiers(Session& session, const log::RecordView& record, const Delivery& delivery) {
  identifiers_.clear();
  const TopicName topic = TopicName::accepted(record.topic());
  // What is addressed to the session itself has come by no subscription.
  if (session.connection->terms() == nullptr || is_direct_message(record) || !peer_of(topic).empty()) return;
  const auto add = [&](const Subscription* subscription) {
    if (subscription == nullptr || subscription->terms.identifier == 0) return;
    if (subscription->terms.no_local && record.publisher() == session.client_id()) return;
    identifiers_.push_back(subscription->terms.identifier);
  };
  if (delivery.shared) {
    const ShareMember::Joined* joined = session.shares->member.joined_for(delivery.packet_id.value());
    return add(joined == nullptr ? nullptr : session.find_subscription(joined->filter_slot));
  }
  for (const FilterQueue* queue : shard_.route_of(topic).queues) add(session.find_subscription(queue->filter_slot()));
}

}  // namespace penstock::broker
