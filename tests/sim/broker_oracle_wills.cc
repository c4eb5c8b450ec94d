// BrokerOracle's wills: published when, and only when, a connection has ended without DISCONNECT.
#include "tests/sim/broker_oracle.h"

#include <algorithm>

namespace penstock::sim {
namespace {

constexpr int64_t kPublishedLateUs = 2 * core::kUsPerSecond;  // it is looked for every second

}  // namespace

void BrokerOracle::will_offered(MessageIndex index, int64_t delay_us) {
  Message& message = messages_[index];
  message.delay_us = delay_us;
  message.is_will = true;
  message.will = Will::kInDoubt;  // the broker may have it, and the answer be lost
  message.sent_ns = now_ns();
  message.sends = 1;
  message.number = ++messages_of_[message.publisher];
}

void BrokerOracle::will_armed(MessageIndex index) {
  messages_[index].will = Will::kArmed;
}

// Who had subscribed when it was set, and still has, gets it. Not promised while the disk takes nothing.
void BrokerOracle::will_due(MessageIndex index) {
  Message& message = messages_[index];
  if (message.will != Will::kArmed) return;
  if (message.delay_us > 0)
    will_waits(index);
  else
    becomes_due(message);
}

void BrokerOracle::becomes_due(Message& message) {
  message.will = Will::kDue;
  ++tally_.wills_due;
  if (promises_.may_refuse) return;
  message.acknowledged = true;
  if (message.first_delivered_ns != INT64_MAX) return;
  owe(message, message.sent_ns);
  tally_.owed += message.owed_to.size();
}

// [MQTT5-3.1.2-8]
void BrokerOracle::will_waits(MessageIndex index) {
  Message& message = messages_[index];
  Client& client = clients_[message.publisher];
  const ExpiryRange expiry = range_of(client.expiries);
  message.delay_min_us = std::min(message.delay_us, expiry.min_us);
  message.delay_max_us = std::min(message.delay_us, expiry.max_us);
  if (message.delay_max_us == 0) return becomes_due(message);
  message.will = promises_.may_refuse ? Will::kInDoubt : Will::kDelayed;
  message.delayed_from_ns = client.offline_from_ns;
  client.delayed_will = index;
  client.first_attempt_ns = INT64_MAX;
  if (message.first_delivered_ns != INT64_MAX && is_early(message) && !damaged_)
    breach(message.publisher, "its will was published " + std::to_string(message.delay_min_us / 1000) +
                                  " ms too early, with the end of the connection");
}

bool BrokerOracle::is_early(const Message& will) const {
  return will.will == Will::kDelayed && wall_elapsed_us_max(will.delayed_from_ns) < will.delay_min_us;
}

// Its client is back. Whether some CONNECT before this one has reached the broker, nobody knows. [MQTT5-3.1.3-9]
void BrokerOracle::settle_delayed_will(Client& client, bool session_present) {
  if (client.delayed_will == kNoMessage) return;
  Message& message = messages_[std::exchange(client.delayed_will, kNoMessage)];
  if (message.will != Will::kDelayed) return;
  const bool early = is_early(message);
  message.will = Will::kInDoubt;
  if (is_void(client)) return;
  if (session_present && !client.in_doubt && early) {
    message.will = Will::kArmed;
    return will_cancelled(static_cast<MessageIndex>(&message - messages_.data()));
  }
  const bool is_certain = !promises_.may_be_late && jumps_.empty() && client.first_attempt_ns == client.connecting_ns;
  if (is_certain && (!session_present || was_offline_for(client, message.delay_max_us + kPublishedLateUs)))
    becomes_due(message);
}

void BrokerOracle::will_cancelled(MessageIndex index) {
  Message& message = messages_[index];
  if (message.will != Will::kArmed) return;
  message.will = Will::kCancelled;
  message.cancelled_ns = now_ns();
  ++tally_.wills_cancelled;
  if (message.first_delivered_ns != INT64_MAX)
    breach(message.publisher, "its will came to somebody, and then it left with DISCONNECT, or was back in time");
}

void BrokerOracle::will_is_not_due_yet(MessageIndex index, int64_t sent_ns) {
  const Message& message = messages_[index];
  if (message.first_delivered_ns < sent_ns) breach(message.publisher, "its will was published while it was connected");
}

}  // namespace penstock::sim
