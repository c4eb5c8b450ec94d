// BrokerOracle's shared subscriptions: a message goes to some member, to one alone while nobody loses his connection,
// and is kept while all are away. A group lasts as long as it has members; what docs/decisions/0008 and the standard
// allow to be lost or repeated is not held against the broker.
#include <algorithm>

#include "tests/sim/broker_oracle.h"
#include "tests/sim/broker_topics.h"

namespace penstock::sim {
namespace {

constexpr int64_t kLeavingNs = 5 * core::kNsPerSecond;  // from UNSUBSCRIBE until nobody gets any more what came back

}  // namespace

// Of a client with shared filters all others are shared too; they do not overlap.
const std::string* BrokerOracle::group_of(const Client& client, const Message& message) const {
  for (const Interest& interest : client.interests)
    if (is_shared(interest.filter) && brings(interest.filter, message.topic)) return &interest.filter;
  return nullptr;
}

// With UNSUBSCRIBE. What it was sent is its own to complete.
void BrokerOracle::leaves(ClientIndex index, const Interest& interest) {
  doubt(index, interest.filter, now_ns());
  Group& group = groups_[interest.filter];
  group.left_ns = now_ns();
  group.trouble_ns = std::max(group.trouble_ns, now_ns() + kLeavingNs);
}

// Its session has ended, or may have: it is a member for certain until `at_ns` only. [MQTT5-4.8.2-5]
void BrokerOracle::membership_ends(ClientIndex index, int64_t at_ns) {
  for (const Interest& interest : clients_[index].interests) {
    if (!is_shared(interest.filter)) continue;
    doubt(index, interest.filter, at_ns);
    groups_[interest.filter].session_ended_ns = now_ns();
  }
}

// Whether somebody else is there who was a member by then.
void BrokerOracle::doubt(ClientIndex index, const std::string& filter, int64_t at_ns) {
  for (ClientIndex other = 0; other < clients_.size(); ++other) {
    if (other == index || !has_session(clients_[other])) continue;
    for (const Interest& interest : clients_[other].interests)
      if (interest.filter == filter && interest.acknowledged && interest.acknowledged_ns <= at_ns) return;
  }
  groups_[filter].doubt_ns = now_ns();
}

void BrokerOracle::members_trouble(const Client& client, int64_t until_ns) {
  for (const Interest& interest : client.interests)
    if (is_shared(interest.filter))
      groups_[interest.filter].trouble_ns = std::max(groups_[interest.filter].trouble_ns, until_ns);
}

// A log that takes nothing has not recorded that there is a group.
void BrokerOracle::groups_outlive_death(bool lossy) {
  for (auto& [filter, group] : groups_) {
    group.trouble_ns = std::max(group.trouble_ns, now_ns());
    if (promises_.may_refuse) group.doubt_ns = now_ns();
    if (lossy) group.left_ns = now_ns();
  }
}

bool BrokerOracle::is_forgiven(const Group& group, const Message& message) {
  const int64_t since_ns = std::max(group.doubt_ns, group.left_ns);
  return message.sent_ns <= since_ns || (message.qos == 2 && message.sent_ns <= group.session_ended_ns);
}

void BrokerOracle::suspect(ClientIndex client, std::string what, std::set<ClientIndex> holders) {
  suspicions_.push_back({.client = client, .what = std::move(what), .at_ns = now_ns(), .holders = std::move(holders)});
}

void BrokerOracle::clear_suspicions(ClientIndex holder) {
  std::erase_if(suspicions_, [&](const Suspicion& each) { return each.holders.contains(holder); });
}

void BrokerOracle::is_connected(ClientIndex client, int64_t since_ns) {
  std::erase_if(suspicions_, [&](Suspicion& each) {
    if (each.at_ns > since_ns || each.holders.erase(client) == 0 || !each.holders.empty()) return false;
    breach(each.client, each.what);
    return true;
  });
}

std::set<ClientIndex> BrokerOracle::members_of(const std::string& filter) const {
  std::set<ClientIndex> members;
  for (ClientIndex client = 0; client < clients_.size(); ++client)
    for (const Interest& interest : clients_[client].interests)
      if (interest.filter == filter && clients_[client].online) members.insert(client);
  return members;
}

void BrokerOracle::note_shared(ClientIndex index, const std::string& filter, MessageIndex message_index,
                               const test::Packet& packet) {
  Client& client = clients_[index];
  const Message& message = messages_[message_index];
  Group& group = groups_[filter];
  const bool has_copies = message.sends > 1;
  const auto [at, is_first] = group.receipts.try_emplace(message_index);
  SharedReceipt& before = at->second;
  const bool broker_died = before.life != client.life || is_void(client);
  if (!is_first && !has_copies && !broker_died) {
    const Client& holder = clients_[before.client];
    const bool lost_connection = !holder.online || holder.connection != before.connection;
    const std::string what = "got " + describe(message) + " of " + filter + ", which " + holder.name + " has got";
    // What has been sent at QoS 2 is its client's, whatever becomes of that. [MQTT5-4.8.2-4] [MQTT5-4.8.2-5]
    if (before.at_qos2 && !(before.client == index && lost_connection && packet.dup()))
      breach(index, what);
    else if (!before.at_qos2 && !lost_connection && group.left_ns < before.at_ns)
      suspect(index, what, {before.client, index});  // what it was sent first may come last
  }
  before = {.client = index,
            .connection = client.connection,
            .life = client.life,
            .at_ns = now_ns(),
            .at_qos2 = packet.qos() == 2};
  if (packet.qos() == 2) ++tally_.qos2_delivered;
  ++(is_first ? tally_.shared : tally_.repeated);
  if (message.is_will || has_copies) return;
  Newest& newest = client.newest[{message.publisher, message.topic, packet.qos()}];
  if (is_first && message.sent_ns > group.trouble_ns && message.number <= newest.number)
    suspect(index, "got " + describe(message) + " behind number " + std::to_string(newest.number), members_of(filter));
  newest = {std::max(newest.number, message.number), client.life};
}

}  // namespace penstock::sim
