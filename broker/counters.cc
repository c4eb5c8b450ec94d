#include "broker/counters.h"

#include <cstring>

namespace penstock::broker {

const char* to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::kDisconnect:
      return "disconnect";
    case CloseReason::kPeerClosed:
      return "closed by peer";
    case CloseReason::kBroken:
      return "connection broke";
    case CloseReason::kProtocolError:
      return "protocol error";
    case CloseReason::kRefused:
      return "refused";
    case CloseReason::kConnectTimeout:
      return "no CONNECT in time";
    case CloseReason::kKeepalive:
      return "keepalive exceeded";
    case CloseReason::kTakenOver:
      return "client id taken over";
    case CloseReason::kTooLarge:
      return "payload too large";
    case CloseReason::kTooManyConnections:
      return "too many connections";
    case CloseReason::kLayerFailed:
      return "TLS, WebSocket or PROXY header failed";
    case CloseReason::kRedeliveryOwed:
      return "refused publishes can be accepted again";
    case CloseReason::kNotAuthorized:
      return "not authorized";
    case CloseReason::kShutdown:
      return "broker stops";
  }
  return "?";
}

void NameCounts::add(const char* name, uint64_t count) {
  for (Count& each : counts_) {
    if (std::strcmp(each.name, name) != 0) continue;
    each.count += count;
    return;
  }
  if (counts_.size() < kNamesMax)
    counts_.push_back({counts_.size() + 1 < kNamesMax ? name : "other", count});
  else
    counts_.back().count += count;
}

void NameCounts::add(const NameCounts& other) {
  for (const Count& each : other.counts_) add(each.name, each.count);
}

void Counters::add(const Counters& other) {
  connections_accepted += other.connections_accepted;
  publishes_received += other.publishes_received;
  publishes_refused += other.publishes_refused;
  deliveries_sent += other.deliveries_sent;
  deliveries_repeated += other.deliveries_repeated;
  deliveries_expired += other.deliveries_expired;
  messages_expired += other.messages_expired;
  deliveries_too_large += other.deliveries_too_large;
  qos0_dropped += other.qos0_dropped;
  sessions_expired += other.sessions_expired;
  log_writes += other.log_writes;
  log_bytes += other.log_bytes;
  ring_enters += other.ring_enters;
  ring_submissions += other.ring_submissions;
  for (size_t i = 0; i < closes.size(); ++i) closes[i] += other.closes[i];
  for (size_t i = 0; i < protocol_errors.size(); ++i) protocol_errors[i] += other.protocol_errors[i];
  layer_failures.add(other.layer_failures);
}

}  // namespace penstock::broker
