#include "tests/sim/broker_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/broker_topics.h"

namespace penstock::sim {
namespace {

char filler(MessageIndex message, size_t at) {
  return static_cast<char>('a' + (message * 7 + at) % 26);
}

}  // namespace

ClientIndex BrokerOracle::add_client(std::string name, size_t packet_bytes_max) {
  clients_.push_back({.name = std::move(name), .packet_bytes_max = packet_bytes_max});
  messages_of_.push_back(0);
  return static_cast<ClientIndex>(clients_.size() - 1);
}

void BrokerOracle::breach(ClientIndex client, const std::string& what) const {
  world_.trace("ORACLE", clients_[client].name + ": " + what);
  ADD_FAILURE() << clients_[client].name << ": " << what;
}

void BrokerOracle::refused(ClientIndex client, const std::string& what) {
  ++tally_.refusals;
  if (!promises_.may_refuse && !damaged_) breach(client, what + " was refused, and the disk had nothing");
}

std::string BrokerOracle::describe(const Message& message) const {
  return "message " + std::to_string(&message - messages_.data()) + " (number " + std::to_string(message.number) +
         " of " + clients_[message.publisher].name + " to " + message.topic + ", QoS " + std::to_string(message.qos) +
         (message.retain ? ", retained" : "") + (message.is_will ? ", a will" : "") + ")";
}

// ---------------------------------------------------------------- publishers

MessageIndex BrokerOracle::publish(ClientIndex publisher, std::string topic, uint8_t qos, bool retain, size_t bytes,
                                   const MessageTerms& terms) {
  const auto index = static_cast<MessageIndex>(messages_.size());
  messages_.push_back({.publisher = publisher,
                       .topic = std::move(topic),
                       .qos = qos,
                       .retain = retain,
                       .bytes = bytes,
                       .terms = terms});
  if (terms.expiry_s != 0) expiring_.push_back(index);
  ++tally_.published;
  return index;
}

std::string BrokerOracle::payload_of(MessageIndex message) const {
  const size_t bytes = messages_[message].bytes;
  if (bytes == 0) return {};
  std::string payload = "m" + std::to_string(message) + ":";
  for (size_t at = payload.size(); at < bytes; ++at) payload += filler(message, at);
  return payload;
}

void BrokerOracle::sent(MessageIndex index, bool with_properties) {
  Message& message = messages_[index];
  if (with_properties) ++message.sends_with_properties;
  if (++message.sends > 1) return;
  message.number = ++messages_of_[message.publisher];
  message.sent_ns = now_ns();
  owe(message, INT64_MAX);
}

void BrokerOracle::owe(Message& message, int64_t subscribed_before_ns) {
  if (message.qos == 0 || message.bytes == 0) return;
  const std::string_view peer = peer_of(message.topic);
  for (ClientIndex client = 0; client < clients_.size(); ++client) {
    if (may_be_too_large(client, message)) continue;
    if (!peer.empty() && peer == clients_[client].name && has_session(clients_[client]))
      message.owed_to[client] = clients_[client].session;
    for (const Interest& interest : clients_[client].interests) {
      if (!interest.acknowledged || interest.acknowledged_ns >= subscribed_before_ns || interest.qos == 0 ||
          !wants(client, interest, message))
        continue;
      if (is_shared(interest.filter))
        message.owed_to_groups.insert(interest.filter);
      else
        message.owed_to[client] = clients_[client].session;
    }
  }
}

void BrokerOracle::acknowledged(MessageIndex index) {
  Message& message = messages_[index];
  if (message.acknowledged || is_void(clients_[message.publisher])) return;
  message.acknowledged = true;
  message.acknowledged_ns = now_ns();
  message.acknowledged_life = life_;
  ++tally_.acknowledged;
  tally_.owed += message.owed_to.size();
}

// A message that was sent before may have been taken then.
void BrokerOracle::refused(MessageIndex message) {
  messages_[message].refused = messages_[message].sends == 1;
}

bool BrokerOracle::may_be_too_large(ClientIndex client, const Message& message) const {
  constexpr size_t kHeadersMax = 400;
  return message.bytes + message.topic.size() + kHeadersMax > clients_[client].packet_bytes_max;
}

// ---------------------------------------------------------------- subscriptions

BrokerOracle::Interest* BrokerOracle::open_interest(ClientIndex client, const std::string& filter) {
  for (Interest& interest : clients_[client].interests)
    if (interest.filter == filter && interest.until_ns == INT64_MAX) return &interest;
  return nullptr;
}

void BrokerOracle::subscribing(ClientIndex client, const std::string& filter, uint8_t qos,
                               const FilterOptions& options) {
  if (open_interest(client, filter) != nullptr) return;
  clients_[client].filters_ever.insert(filter);
  if (is_shared(filter)) groups_[filter];
  clients_[client].interests.push_back(
      {.filter = filter, .qos = qos, .options = options, .from_ns = now_ns(), .from_life = life_});
}

void BrokerOracle::subscribed(ClientIndex client, const std::string& filter, uint8_t code) {
  Interest* interest = open_interest(client, filter);
  if (interest == nullptr || interest->qos != code)
    return breach(client, "SUBACK " + std::to_string(code) + " for " + filter);
  if (interest->acknowledged || is_void(clients_[client])) return;
  interest->acknowledged = true;
  interest->acknowledged_ns = clients_[client].changed_ns = now_ns();
}

void BrokerOracle::unsubscribing(ClientIndex index, const std::string& filter) {
  Interest* ending = open_interest(index, filter);
  if (ending == nullptr) return;
  if (is_shared(filter)) leaves(index, *ending);
  ending->acknowledged = false;
  for (Message& message : messages_) {
    if (is_shared(filter) || !message.owed_to.contains(index) || !brings(filter, message.topic)) continue;
    const bool still = std::ranges::any_of(clients_[index].interests, [&](const Interest& interest) {
      return interest.acknowledged && interest.qos > 0 && interest.acknowledged_ns < message.sent_ns &&
             wants(index, interest, message);
    });
    if (!still) message.owed_to.erase(index);
  }
}

void BrokerOracle::unsubscribed(ClientIndex client, const std::string& filter) {
  clients_[client].changed_ns = now_ns();
  Interest* interest = open_interest(client, filter);
  if (interest == nullptr) return;
  interest->until_ns = now_ns();
  interest->may_be_back = is_void(clients_[client]);
}

// ---------------------------------------------------------------- the end

std::string BrokerOracle::missing() const {
  std::string all;
  size_t count = 0;
  for (const Message& message : messages_) {
    if (!message.acknowledged || may_have_expired(message)) continue;
    for (const auto& [client, session] : message.owed_to) {
      if (clients_[client].session != session) continue;
      if (wall_elapsed_us_max(message.sent_ns) >= promises_.retention_us) continue;  // retention may have taken it
      if (++count <= 5) all += describe(message) + " has not come to " + clients_[client].name + "\n";
    }
    for (const std::string& filter : message.owed_to_groups) {
      if (is_forgiven(groups_.at(filter), message)) continue;
      if (wall_elapsed_us_max(message.sent_ns) >= promises_.retention_us) continue;
      if (++count <= 5) all += describe(message) + " has not come to any member of " + filter + "\n";
    }
  }
  if (count > 5) all += "and " + std::to_string(count - 5) + " more\n";
  return all;
}

void BrokerOracle::forgive_what_is_owed() {
  for (Message& message : messages_) message.owed_to.clear(), message.owed_to_groups.clear();
}

// Retained topics have one publisher each here, so what counts is its order. Wills come when nobody can foresee it.
void BrokerOracle::check_retained(const std::map<std::string, test::Packet>& by_topic) const {
  std::map<std::string, std::vector<const Message*>> sent_to;
  for (const Message& message : messages_)
    if (message.retain && message.sends > 0 && !message.is_will) sent_to[message.topic].push_back(&message);
  for (const auto& [topic, messages] : sent_to) {
    uint32_t acknowledged = 0;
    for (const Message* message : messages)
      if (message->acknowledged) acknowledged = std::max(acknowledged, message->number);
    const auto found = by_topic.find(topic);
    const bool is_right = std::ranges::any_of(messages, [&](const Message* message) {
      // At QoS 1 a repetition is a message like any other, and comes behind what is known at QoS 2 already.
      if (message->number < acknowledged && (message->qos != 1 || message->sends == 1)) return false;
      if (message->bytes == 0) return found == by_topic.end();
      if (found == by_topic.end() && may_have_expired(*message)) return true;
      return found != by_topic.end() &&
             found->second.payload == payload_of(static_cast<MessageIndex>(message - messages_.data()));
    });
    if (is_right || (acknowledged == 0 && found == by_topic.end())) continue;
    ADD_FAILURE() << "the retained message of " << topic << " is "
                  << (found == by_topic.end() ? "none" : found->second.payload.substr(0, 20))
                  << ", the last acknowledged one was number " << acknowledged;
  }
}

}  // namespace penstock::sim
