#include "tests/sim/broker_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>

namespace penstock::sim {
namespace {

// A message that was acknowledged so long before a SUBSCRIBE cannot be on its way between shards any more.
constexpr int64_t kSettledNs = 5 * core::kNsPerSecond;

char filler(MessageIndex message, size_t at) {
  return static_cast<char>('a' + (message * 7 + at) % 26);
}

}  // namespace

bool filter_matches(std::string_view filter, std::string_view topic) {
  if (filter == "#") return true;
  const size_t filter_end = std::min(filter.find('/'), filter.size());
  const size_t topic_end = std::min(topic.find('/'), topic.size());
  if (filter.substr(0, filter_end) != "+" && filter.substr(0, filter_end) != topic.substr(0, topic_end)) return false;
  const bool filter_ends = filter_end == filter.size();
  if (topic_end == topic.size()) return filter_ends || filter.substr(filter_end) == "/#";
  return !filter_ends && filter_matches(filter.substr(filter_end + 1), topic.substr(topic_end + 1));
}

ClientIndex BrokerOracle::add_client(std::string name) {
  clients_.push_back({.name = std::move(name)});
  return static_cast<ClientIndex>(clients_.size() - 1);
}

void BrokerOracle::breach(ClientIndex client, const std::string& what) const {
  world_.trace("ORACLE", clients_[client].name + ": " + what);
  ADD_FAILURE() << clients_[client].name << ": " << what;
}

std::string BrokerOracle::describe(const Message& message) const {
  return "message " + std::to_string(&message - messages_.data()) + " (number " + std::to_string(message.number) +
         " of " + clients_[message.publisher].name + " to " + message.topic + ", QoS " + std::to_string(message.qos) +
         (message.retain ? ", retained" : "") + ")";
}

// ---------------------------------------------------------------- publishers

MessageIndex BrokerOracle::publish(ClientIndex publisher, std::string topic, uint8_t qos, bool retain, size_t bytes) {
  const auto index = static_cast<MessageIndex>(messages_.size());
  uint32_t number = 1;
  for (size_t i = messages_.size(); i > 0; --i)
    if (messages_[i - 1].publisher == publisher) {
      number = messages_[i - 1].number + 1;
      break;
    }
  messages_.push_back({.publisher = publisher,
                       .topic = std::move(topic),
                       .qos = qos,
                       .retain = retain,
                       .bytes = bytes,
                       .number = number});
  ++tally_.published;
  return index;
}

std::string BrokerOracle::payload_of(MessageIndex message) const {
  const size_t bytes = messages_[message].bytes;
  if (bytes == 0) return {};
  std::string payload = "m" + std::to_string(message) + ":";
  while (payload.size() < bytes) payload += filler(message, payload.size());
  return payload;
}

void BrokerOracle::sent(MessageIndex index) {
  Message& message = messages_[index];
  if (++message.sends > 1) return;
  message.sent_ns = now_ns();
  if (message.qos == 0 || message.bytes == 0) return;
  for (ClientIndex client = 0; client < clients_.size(); ++client)
    for (const Interest& interest : clients_[client].interests)
      if (interest.acknowledged && interest.qos > 0 && filter_matches(interest.filter, message.topic))
        message.owed_to[client] = clients_[client].session;
}

void BrokerOracle::acknowledged(MessageIndex index) {
  Message& message = messages_[index];
  if (message.acknowledged) return;
  message.acknowledged = true;
  message.acknowledged_ns = now_ns();
  message.acknowledged_life = life_;
  ++tally_.acknowledged;
  tally_.owed += message.owed_to.size();
}

// ---------------------------------------------------------------- sessions

void BrokerOracle::connecting(ClientIndex index, bool clean) {
  Client& client = clients_[index];
  ++client.connection;
  if (!clean) return;
  ++client.session;
  client.promised = false;
  client.interests.clear();
  client.receipts.clear();
  client.newest.clear();
}

void BrokerOracle::reached(ClientIndex client) {
  clients_[client].life = life_;
}

void BrokerOracle::connected(ClientIndex index, bool clean, bool session_present) {
  Client& client = clients_[index];
  if (clean && session_present) breach(index, "a clean session is said to be present");
  if (client.promised && !session_present) breach(index, "its session is gone");
  if (client.promised) ++tally_.sessions_resumed;
  client.promised = !clean;
}

BrokerOracle::Interest* BrokerOracle::open_interest(ClientIndex client, const std::string& filter) {
  for (Interest& interest : clients_[client].interests)
    if (interest.filter == filter && interest.until_ns == INT64_MAX) return &interest;
  return nullptr;
}

void BrokerOracle::subscribing(ClientIndex client, const std::string& filter, uint8_t qos) {
  if (open_interest(client, filter) != nullptr) return;
  clients_[client].interests.push_back({.filter = filter, .qos = qos, .from_ns = now_ns(), .from_life = life_});
}

void BrokerOracle::subscribed(ClientIndex client, const std::string& filter, uint8_t code) {
  Interest* interest = open_interest(client, filter);
  if (interest == nullptr || interest->qos != code)
    return breach(client, "SUBACK " + std::to_string(code) + " for " + filter);
  if (interest->acknowledged) return;
  interest->acknowledged = true;
  interest->acknowledged_ns = now_ns();
}

void BrokerOracle::unsubscribing(ClientIndex index, const std::string& filter) {
  Interest* ending = open_interest(index, filter);
  if (ending == nullptr) return;
  ending->acknowledged = false;
  for (Message& message : messages_) {
    if (!message.owed_to.contains(index) || !filter_matches(filter, message.topic)) continue;
    const bool still = std::ranges::any_of(clients_[index].interests, [&](const Interest& interest) {
      return interest.acknowledged && interest.qos > 0 && interest.acknowledged_ns < message.sent_ns &&
             filter_matches(interest.filter, message.topic);
    });
    if (!still) message.owed_to.erase(index);
  }
}

void BrokerOracle::unsubscribed(ClientIndex client, const std::string& filter) {
  if (Interest* interest = open_interest(client, filter)) interest->until_ns = now_ns();
}

// ---------------------------------------------------------------- deliveries

bool BrokerOracle::is_removal(const std::string& topic) const {
  return std::ranges::any_of(messages_, [&](const Message& message) {
    return message.bytes == 0 && message.sends > 0 && message.topic == topic;
  });
}

MessageIndex BrokerOracle::identify(ClientIndex client, const test::Packet& packet) const {
  MessageIndex index = kNoMessage;
  const char* begin = packet.payload.data();
  const char* end = begin + packet.payload.size();
  if (begin != end && *begin == 'm') std::from_chars(begin + 1, end, index);
  if (index >= messages_.size() || messages_[index].sends == 0 || payload_of(index) != packet.payload ||
      messages_[index].topic != packet.topic) {
    breach(client, "got what nobody sent, to " + packet.topic + ": " + packet.payload.substr(0, 40));
    return kNoMessage;
  }
  return index;
}

// Some filter of this session brought it, at no higher QoS than that filter's.
void BrokerOracle::check_wanted(ClientIndex client, const Message& message, const test::Packet& packet) const {
  uint8_t qos_max = 0;
  bool matches = false, in_time = false;
  for (const Interest& interest : clients_[client].interests) {
    if (!filter_matches(interest.filter, packet.topic)) continue;
    matches = true;
    const bool older =
        message.acknowledged_ns != INT64_MAX &&
        (message.acknowledged_ns + kSettledNs < interest.from_ns || message.acknowledged_life < interest.from_life);
    const bool later = interest.until_ns < message.sent_ns;
    if ((older && !packet.retain()) || later) continue;
    in_time = true;
    qos_max = std::max(qos_max, interest.qos);
  }
  if (!matches) return breach(client, "got " + describe(message) + ", which no filter of its session matches");
  if (!in_time) return breach(client, "got " + describe(message) + ", sent while no matching filter was subscribed");
  if (packet.qos() > std::min(qos_max, message.qos))
    breach(client, "got " + describe(message) + " at QoS " + std::to_string(packet.qos()));
}

bool BrokerOracle::subscribed_before(const Client& client, const Message& message) {
  return std::ranges::any_of(client.interests, [&](const Interest& interest) {
    return interest.acknowledged_ns < message.sent_ns && filter_matches(interest.filter, message.topic);
  });
}

void BrokerOracle::note_receipt(ClientIndex index, MessageIndex message_index, const test::Packet& packet) {
  Client& client = clients_[index];
  const Message& message = messages_[message_index];
  Receipt& receipt = client.receipts[message_index];
  if (receipt.connection != client.connection) receipt.in_connection = 0;
  receipt.connection = client.connection;
  // At QoS 2 the broker takes a message once, however often it is sent.
  const uint32_t copies = message.qos == 1 ? message.sends : 1;
  if (++receipt.in_connection > copies) breach(index, "got " + describe(message) + " twice on one connection");
  if (!packet.dup() && ++receipt.unmarked > copies) breach(index, "got " + describe(message) + " again without DUP");
  if (receipt.count > 0) {
    ++tally_.repeated;
    if (!packet.dup()) ++tally_.repeated_unmarked;
    if (packet.qos() == 2 && receipt.at_qos2) breach(index, "got " + describe(message) + " twice at QoS 2");
    if (packet.qos() == 0 && receipt.count >= copies) breach(index, "got " + describe(message) + " again at QoS 0");
  } else {
    uint32_t& newest = client.newest[{message.publisher, message.topic, packet.qos()}];
    // What was sent before the subscription is owed to nobody: a copy of it may come late, redelivered by its publisher
    // or found on the disk by the next life.
    if (subscribed_before(client, message)) {
      if (message.number <= newest)
        breach(index, "got " + describe(message) + " behind number " + std::to_string(newest));
      newest = std::max(newest, message.number);
    }
  }
  ++receipt.count;
  if (packet.qos() == 2) {
    receipt.at_qos2 = true;
    ++tally_.qos2_delivered;
  }
}

MessageIndex BrokerOracle::delivered(ClientIndex client, const test::Packet& packet) {
  ++tally_.delivered;
  if (packet.payload.empty()) {
    if (!is_removal(packet.topic)) breach(client, "got an empty message to " + packet.topic + " that nobody sent");
    return kNoMessage;
  }
  const MessageIndex index = identify(client, packet);
  if (index == kNoMessage) return kNoMessage;
  Message& message = messages_[index];
  check_wanted(client, message, packet);
  if (packet.retain()) {
    ++tally_.retained;
    if (!message.retain) breach(client, "got " + describe(message) + " as a retained message");
    return index;
  }
  note_receipt(client, index, packet);
  message.owed_to.erase(client);
  return index;
}

void BrokerOracle::repeated(ClientIndex client, const test::Packet& packet, MessageIndex message) {
  ++tally_.repeated;
  if (packet.payload.empty() && message == kNoMessage) return;
  if (identify(client, packet) != message) breach(client, "a packet id at QoS 2 was bound to another message");
  if (!packet.dup()) breach(client, "a repetition at QoS 2 without DUP");
}

// ---------------------------------------------------------------- the end

std::string BrokerOracle::missing() const {
  std::string all;
  size_t count = 0;
  for (const Message& message : messages_) {
    if (!message.acknowledged) continue;
    for (const auto& [client, session] : message.owed_to) {
      if (clients_[client].session != session) continue;
      if (++count <= 5) all += describe(message) + " has not come to " + clients_[client].name + "\n";
    }
  }
  if (count > 5) all += "and " + std::to_string(count - 5) + " more\n";
  return all;
}

// Retained topics have one publisher each here, so what counts is its order.
void BrokerOracle::check_retained(const std::map<std::string, test::Packet>& by_topic) const {
  std::map<std::string, std::vector<const Message*>> sent_to;
  for (const Message& message : messages_)
    if (message.retain && message.sends > 0) sent_to[message.topic].push_back(&message);
  for (const auto& [topic, messages] : sent_to) {
    uint32_t acknowledged = 0;
    for (const Message* message : messages)
      if (message->acknowledged) acknowledged = std::max(acknowledged, message->number);
    const auto found = by_topic.find(topic);
    const bool is_right = std::ranges::any_of(messages, [&](const Message* message) {
      if (message->number < acknowledged) return false;
      if (message->bytes == 0) return found == by_topic.end();
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
