// BrokerOracle's wills: published when, and only when, a connection has ended without DISCONNECT.
#include "tests/sim/broker_oracle.h"

namespace penstock::sim {

void BrokerOracle::will_offered(MessageIndex index) {
  Message& message = messages_[index];
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
  message.will = Will::kDue;
  ++tally_.wills_due;
  if (promises_.may_refuse) return;
  message.acknowledged = true;
  if (message.first_delivered_ns != INT64_MAX) return;
  owe(message, message.sent_ns);
  tally_.owed += message.owed_to.size();
}

void BrokerOracle::will_cancelled(MessageIndex index) {
  Message& message = messages_[index];
  if (message.will != Will::kArmed) return;
  message.will = Will::kCancelled;
  message.cancelled_ns = now_ns();
  ++tally_.wills_cancelled;
  if (message.first_delivered_ns != INT64_MAX)
    breach(message.publisher, "its will came to somebody, and then the broker took its DISCONNECT");
}

void BrokerOracle::will_is_not_due_yet(MessageIndex index, int64_t sent_ns) {
  const Message& message = messages_[index];
  if (message.first_delivered_ns < sent_ns) breach(message.publisher, "its will was published while it was connected");
}

}  // namespace penstock::sim
