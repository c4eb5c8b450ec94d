// BrokerOracle's subscription options of 5.0: No Local, Retain As Published, Retain Handling, and the identifiers of
// subscriptions. What no option of a filter explains, none has brought.
#include <algorithm>

#include "tests/sim/broker_oracle.h"
#include "tests/sim/broker_topics.h"

namespace penstock::sim {

// [MQTT5-3.8.3-3]
bool BrokerOracle::wants(ClientIndex client, const Interest& interest, const Message& message) const {
  const bool is_own = message.publisher == client && (interest.options.bits & test::kNoLocal) != 0;
  return !is_own && brings(interest.filter, message.topic);
}

bool BrokerOracle::may_be_as_published(ClientIndex client, const Message& message) const {
  return message.retain && std::ranges::any_of(clients_[client].interests, [&](const Interest& interest) {
           return (interest.options.bits & test::kRetainAsPublished) != 0 && wants(client, interest, message);
         });
}

// [MQTT5-3.3.1-11] [MQTT5-3.3.1-13]
void BrokerOracle::check_retain(ClientIndex client, const Message& message, const test::Packet& packet) const {
  if (damaged_ || !message.retain) return;
  bool all_as_published = true, none_at_once = true, any = false;
  for (const Interest& interest : clients_[client].interests) {
    if (!wants(client, interest, message)) continue;
    any = true;
    all_as_published &= (interest.options.bits & test::kRetainAsPublished) != 0;
    none_at_once &= (interest.options.bits & test::kRetainNever) != 0;
  }
  if (!any) return;
  if (all_as_published && !packet.retain()) breach(client, "got " + describe(message) + " without RETAIN");
  if (none_at_once && packet.retain() && !may_be_as_published(client, message))
    breach(client, "got " + describe(message) + ", retained, which it did not want");
}

// [MQTT5-3.3.4-3] [MQTT5-3.3.4-4] [MQTT5-3.3.4-5] A retained message comes by one subscription. What is repeated has
// the identifiers of now.
void BrokerOracle::check_identifiers(ClientIndex client, const Message& message, const test::Packet& packet) const {
  if (damaged_) return;
  std::set<uint32_t> found, explained;
  for (const test::Property& each : test::all_of(packet.properties, test::PropertyId::kSubscriptionId))
    if (!found.insert(each.number).second)
      breach(client, "got " + describe(message) + " with the identifier " + std::to_string(each.number) + " twice");
  const bool by_one = packet.retain() && !may_be_as_published(client, message);
  if (by_one && found.size() > 1) breach(client, "got " + describe(message) + ", retained, with several identifiers");
  for (const Interest& interest : clients_[client].interests) {
    const uint32_t identifier = interest.options.identifier;
    if (identifier == 0 || !wants(client, interest, message)) continue;
    explained.insert(identifier);
    const bool must_be_there = interest.acknowledged && interest.acknowledged_ns < message.sent_ns &&
                               interest.until_ns == INT64_MAX && interest.qos > 0 && message.qos > 0 &&
                               !packet.retain();
    if (must_be_there && !found.contains(identifier))
      breach(client, "got " + describe(message) + " without the identifier of " + interest.filter);
  }
  for (const uint32_t identifier : found)
    if (!explained.contains(identifier))
      breach(client, "got " + describe(message) + " with the identifier " + std::to_string(identifier) +
                         ", which no matching subscription has");
}

}  // namespace penstock::sim
