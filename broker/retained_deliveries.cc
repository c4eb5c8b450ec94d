// Deliveries of what a new subscription finds retained.
#include <algorithm>

#include "broker/broker_shard.h"
#include "broker/connection.h"
#include "broker/deliveries.h"
#include "broker/message_expiry.h"

namespace penstock::broker {
namespace {

using protocol::QoS;

constexpr uint32_t kRetainedTopicsPerTurn = 4096;

}  // namespace

// Retained messages of new subscriptions. QoS 0 goes out as it is; QoS 1 and 2 become records in the session's own
// queue, so that they are redelivered like any other message. [MQTT-3.3.1-6] [MQTT5-3.3.1-9]
bool Deliveries::deliver_retained(Session& session) {
  uint32_t budget = kRetainedTopicsPerTurn;
  while (!session.retained_scans.empty()) {
    RetainedScan& scan = session.retained_scans.front();
    if (!session.connection->takes_deliveries()) return wait_for(session, DeliveryWait::kSocket);
    const QoS granted = scan.terms.qos();
    if (granted != QoS::kAtMostOnce && session.is_own_queue_full()) return true;
    // Every other message goes on while these wait.
    if (granted != QoS::kAtMostOnce && !shard_.has_room_for_direct()) {
      await_durable(session);
      return true;
    }
    const RetainedPointer message =
        scan.cursor.ended ? nullptr
                          : shard_.retained().next(protocol::TopicFilter::accepted(scan.filter), scan.cursor, budget);
    if (message == nullptr) {
      if (scan.cursor.ended) {
        session.scan_bytes -= static_cast<uint32_t>(scan.filter.size());
        session.retained_scans.pop_front();
        continue;
      }
      make_ready(session);  // the budget is used up
      return true;
    }
    if (scan.terms.no_local && message->publisher == session.client_id()) continue;  // [MQTT5-3.8.3-3]
    if (is_expired(message->properties, message->wall_us, shard_.clock().wall_us())) continue;
    const QoS qos = std::min(granted, static_cast<QoS>(message->qos));  // [MQTT-3.8.4-6] [MQTT5-3.8.4-8]
    // Of a life with a larger --max-payload: no room in this log is ever certain to be large enough.
    const size_t bytes = message->topic.size() + message->properties.size() + message->payload.size();
    const bool too_large = bytes > shard_.options().packet_bytes_max;
    if (qos == QoS::kAtMostOnce || too_large)
      sender_.send_retained(*session.connection, *message, scan.terms.identifier);
    else
      shard_.publish_direct(session, *message, qos, scan.terms.identifier);
  }
  return true;
}

}  // namespace penstock::broker
