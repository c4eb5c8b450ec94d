// BrokerOracle's properties of messages: what a publisher of 5.0 gives a message comes to each subscriber of 5.0, and
// an expired message comes to nobody. Of what is published over both versions some copies have no properties, and
// nobody can tell which one came.
#include <algorithm>

#include "tests/sim/broker_oracle.h"
#include "tests/sim/broker_topics.h"

namespace penstock::sim {
namespace {

using test::PropertyId;

constexpr const char* kTag = "message";
constexpr int64_t kRoundedUs = core::kUsPerSecond;  // whole seconds are counted down
constexpr int64_t kExpiredLateUs = core::kUsPerSecond;

std::string tag_of(MessageIndex message) {
  return "m" + std::to_string(message);
}

int64_t expiry_us(const MessageTerms& terms) {
  return int64_t{terms.expiry_s} * core::kUsPerSecond;
}

}  // namespace

test::Properties BrokerOracle::properties_of(MessageIndex index) const {
  const MessageTerms& terms = messages_[index].terms;
  test::Properties properties;
  if (terms.is_tagged) properties.emplace_back(PropertyId::kUserProperty, kTag, tag_of(index));
  if (terms.expiry_s != 0) properties.emplace_back(PropertyId::kMessageExpiry, terms.expiry_s);
  return properties;
}

bool BrokerOracle::may_have_expired(const Message& message) const {
  return message.terms.expiry_s != 0 && message.sends_with_properties > 0 &&
         wall_elapsed_us_max(message.sent_ns) >= expiry_us(message.terms);
}

// [MQTT5-3.3.2-17] [MQTT5-3.3.2-18]
void BrokerOracle::check_tag(ClientIndex client, MessageIndex index, const test::Packet& packet) const {
  const Message& message = messages_[index];
  const test::Properties tags = test::all_of(packet.properties, PropertyId::kUserProperty);
  const bool may_have = message.terms.is_tagged && message.sends_with_properties > 0;
  const bool must_have = may_have && message.sends_with_properties == message.sends;
  const bool is_right = tags.empty()
                            ? !must_have
                            : may_have && tags.size() == 1 && tags[0].text == kTag && tags[0].value == tag_of(index);
  if (!is_right) breach(client, "got " + describe(message) + " with user properties that are not its own");
}

// [MQTT5-3.3.2-6]
void BrokerOracle::check_time_left(ClientIndex client, const Message& message, const test::Packet& packet) const {
  const bool may_have = message.terms.expiry_s != 0 && message.sends_with_properties > 0;
  if (!packet.has(PropertyId::kMessageExpiry)) {
    if (may_have && message.sends_with_properties == message.sends)
      breach(client, "got " + describe(message) + " without its expiry interval");
    return;
  }
  if (!may_have) return breach(client, "got " + describe(message) + " with an expiry interval that nobody gave it");
  const int64_t left_us = int64_t{packet.number(PropertyId::kMessageExpiry)} * core::kUsPerSecond;
  if (left_us > expiry_us(message.terms) || left_us + wall_elapsed_us_max(message.sent_ns) < expiry_us(message.terms))
    breach(client, "got " + describe(message) + " with " + std::to_string(left_us / core::kUsPerSecond) + " of " +
                       std::to_string(message.terms.expiry_s) + " s left, " +
                       std::to_string((now_ns() - message.sent_ns) / core::kNsPerMs) + " ms after it was sent");
}

// Not while the wall clock jumps; and what has been sent at QoS 2, or once without success, comes again until it is
// complete. [MQTT5-3.3.2-5] [MQTT5-4.3.3-7]
void BrokerOracle::check_not_expired(ClientIndex client, const Message& message, const test::Packet& packet,
                                     const Arrival& arrival) const {
  const bool is_known = message.terms.expiry_s != 0 && message.sends_with_properties == 1 && message.sends == 1 &&
                        message.acknowledged_ns != INT64_MAX;
  if (!is_known || !jumps_.empty() || group_of(clients_[client], message) != nullptr) return;
  int64_t passed_us = std::max<int64_t>(arrival.sent_after_ns - message.acknowledged_ns, 0) / core::kNsPerUs;
  passed_us -= passed_us / 100;  // it drifts, too
  const std::string when = ", " + std::to_string(passed_us / 1000) + " ms or more after it was acknowledged";
  // A retained message is written to the log once more, and rounded then, too.
  const int64_t rounded_us = packet.retain() ? 2 * kRoundedUs : kRoundedUs;
  const int64_t left_us = int64_t{packet.number(PropertyId::kMessageExpiry)} * core::kUsPerSecond;
  if (arrival.is_5 && left_us > std::max<int64_t>(expiry_us(message.terms) - passed_us, 0) + rounded_us)
    breach(client, "got " + describe(message) + " with " + std::to_string(left_us / core::kUsPerSecond) + " of " +
                       std::to_string(message.terms.expiry_s) + " s left" + when);
  if (packet.dup() || packet.qos() == 2) return;
  if (passed_us > expiry_us(message.terms) + kExpiredLateUs + rounded_us)
    breach(client,
           "got " + describe(message) + ", which lasts " + std::to_string(message.terms.expiry_s) + " s" + when);
  if (arrival.is_5 && left_us == 0) breach(client, "got " + describe(message) + " when it had expired");
}

void BrokerOracle::check_properties(ClientIndex client, MessageIndex index, const test::Packet& packet,
                                    const Arrival& arrival) const {
  if (damaged_) return;
  const Message& message = messages_[index];
  if (arrival.is_5) {
    check_tag(client, index, packet);
    check_time_left(client, message, packet);
  }
  check_not_expired(client, message, packet, arrival);
}

// Of one topic, publisher and QoS the queue keeps the order: what did not come before this one, does not come any more.
void BrokerOracle::check_none_was_passed_over(ClientIndex client, const Message& message,
                                              const test::Packet& packet) const {
  if (!peer_of(message.topic).empty() || promises_.may_refuse || promises_.may_misread) return;
  for (const MessageIndex index : expiring_) {
    const Message& other = messages_[index];
    if (other.number >= message.number || other.publisher != message.publisher || other.topic != message.topic)
      continue;
    if (other.qos != message.qos || other.sends != 1 || !other.acknowledged || may_have_expired(other)) continue;
    if (wall_elapsed_us_max(other.sent_ns) >= promises_.retention_us) continue;
    const auto owed = other.owed_to.find(client);
    if (owed == other.owed_to.end() || owed->second != clients_[client].session) continue;
    if (subscribed_since_before(clients_[client], other) && !may_be_late(other, packet))
      breach(client, "got " + describe(message) + ", and not " + describe(other) + " before it, which has not expired");
  }
}

}  // namespace penstock::sim
