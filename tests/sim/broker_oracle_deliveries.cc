// BrokerOracle's deliveries: what came was sent by somebody, byte for byte, wanted by this session, in order, and not
// more often than its quality of service allows.
#include <algorithm>
#include <charconv>

#include "tests/sim/broker_oracle.h"
#include "tests/sim/broker_topics.h"

namespace penstock::sim {
namespace {

// A message that was acknowledged so long before a SUBSCRIBE cannot be on its way between shards any more.
constexpr int64_t kSettledNs = 5 * core::kNsPerSecond;
constexpr int64_t kLateWillNs = 15 * core::kNsPerSecond;  // the slowest disk has synced what is older

}  // namespace

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

// To the client alone that its topic names, and to the session that was there.
void BrokerOracle::check_addressed(ClientIndex index, const Message& message, const test::Packet& packet) const {
  const Client& client = clients_[index];
  if (peer_of(packet.topic) != client.name) return breach(index, "got " + describe(message) + ", sent to another");
  if (damaged_) return;
  if (message.acknowledged_ns != INT64_MAX && message.acknowledged_ns + kSettledNs < client.session_from_ns)
    breach(index, "got " + describe(message) + ", sent to a session before its own");
  if (packet.qos() > message.qos || packet.retain())
    breach(index, "got " + describe(message) + " at QoS " + std::to_string(packet.qos()));
}

// Some filter of this session brought it, at no higher QoS than that filter's.
void BrokerOracle::check_wanted(ClientIndex client, const Message& message, const test::Packet& packet) const {
  if (!peer_of(packet.topic).empty()) return check_addressed(client, message, packet);
  uint8_t qos_max = 0;
  bool matches = false, in_time = false;
  for (const Interest& interest : clients_[client].interests) {
    if (!wants(client, interest, message)) continue;
    matches = true;
    // A group may have had it before this member came.
    const bool older =
        message.acknowledged_ns != INT64_MAX && !is_shared(interest.filter) &&
        (message.acknowledged_ns + kSettledNs < interest.from_ns || message.acknowledged_life < interest.from_life);
    const bool later = interest.until_ns < message.sent_ns && !interest.may_be_back;
    if (((older && !packet.retain()) || later) && !damaged_) continue;
    in_time = true;
    qos_max = std::max(qos_max, interest.qos);
  }
  // Damage may have taken the end of a session, however long ago that was.
  const auto asked_for = [&](const std::string& filter) { return brings(filter, packet.topic); };
  if (damaged_ && !matches && std::ranges::any_of(clients_[client].filters_ever, asked_for)) return;
  if (!matches) return breach(client, "got " + describe(message) + ", which no filter of its session matches");
  if (!in_time) return breach(client, "got " + describe(message) + ", sent while no matching filter was subscribed");
  if (packet.qos() > std::min(qos_max, message.qos))
    breach(client, "got " + describe(message) + " at QoS " + std::to_string(packet.qos()));
}

// Without --queue-qos0, what came while the session was offline is not kept for it at QoS 0.
void BrokerOracle::check_qos0(ClientIndex index, const Message& message) const {
  const Client& client = clients_[index];
  if (promises_.queue_qos0 || message.is_will || message.acknowledged_ns == INT64_MAX) return;
  if (message.acknowledged_ns + kSettledNs < client.connecting_ns)
    breach(index, "got " + describe(message) + " at QoS 0, which came before it connected");
}

// Behind what its publisher has sent after it.
bool BrokerOracle::may_be_late(const Message& message, const test::Packet& packet) const {
  // One that a crash took may come first when its publisher repeats it.
  if (packet.qos() == 0 && message.sends > 1) return true;
  // The first may have expired, or retention have taken it, where the one that its publisher repeated is still there.
  const bool is_old = wall_elapsed_us_max(message.sent_ns) >= promises_.retention_us;
  if (message.sends > 1 && (is_old || may_have_expired(message))) return true;
  // It had expired, and after a crash, and a clock that went back, it has not.
  if (!jumps_.empty() && may_have_expired(message)) return true;
  // A power cut may take a message, or the record that its delivery at QoS 2 has begun, and leave those of later ones.
  const bool has_hole = std::ranges::any_of(
      deaths_, [&](const Death& death) { return death.loss == Loss::kAny && message.sent_ns < death.at_ns; });
  return has_hole && (message.sends > 1 || packet.qos() == 2);
}

// And is so still: between an UNSUBSCRIBE and the next SUBSCRIBE nothing is owed.
bool BrokerOracle::subscribed_since_before(const Client& client, const Message& message) const {
  if (!peer_of(message.topic).empty()) return client.promised && client.session_known_ns < message.sent_ns;
  return std::ranges::any_of(client.interests, [&](const Interest& interest) {
    return interest.acknowledged_ns < message.sent_ns && interest.until_ns == INT64_MAX &&
           wants(static_cast<ClientIndex>(&client - clients_.data()), interest, message);
  });
}

bool BrokerOracle::was_being_left(const Client& client, const Message& message, int64_t death_ns) const {
  return std::ranges::any_of(client.interests, [&](const Interest& interest) {
    return interest.qos > 0 && interest.acknowledged_ns < message.sent_ns && !interest.acknowledged &&
           interest.until_ns > death_ns &&
           wants(static_cast<ClientIndex>(&client - clients_.data()), interest, message);
  });
}

void BrokerOracle::note_receipt(ClientIndex index, MessageIndex message_index, const test::Packet& packet) {
  Client& client = clients_[index];
  const Message& message = messages_[message_index];
  // That it was published is a record of its own, and it may come again when a crash has taken that.
  if (message.is_will && promises_.may_lose) return;
  Receipt& receipt = client.receipts[message_index];
  if (receipt.connection != client.connection) receipt.in_connection = 0;
  receipt.connection = client.connection;
  // A log that takes nothing records neither that a session was connected nor what it got.
  // A will that went out just before the broker died may have left no record: nobody sends it but the broker itself.
  const bool is_late_will = message.is_will && message.qos < 2 && receipt.life != client.life &&
                            message.first_delivered_ns + kLateWillNs > deaths_.back().at_ns;
  const bool is_forgiven = receipt.is_forgiven || (promises_.may_refuse && receipt.life != client.life) || is_late_will;
  if (is_forgiven) receipt.unmarked = receipt.at_qos0 = 0;
  // A death has taken the record of an UNSUBSCRIBE that nobody has answered: what only other filters had brought, at
  // QoS 0, comes by that one, too.
  if (packet.qos() > 0 && receipt.life < client.life && was_being_left(client, message, deaths_[receipt.life].at_ns))
    receipt.unmarked -= std::min(receipt.unmarked, std::exchange(receipt.unmarked_qos0, 0));
  receipt.life = client.life;  // what a broker sent may come after its death
  // At QoS 2 the broker takes a message once, however often it is sent.
  const uint32_t copies = message.qos == 1 ? message.sends : 1;
  if (++receipt.in_connection > copies) breach(index, "got " + describe(message) + " twice on one connection");
  if (!packet.dup() && ++receipt.unmarked > copies) breach(index, "got " + describe(message) + " again without DUP");
  if (receipt.count > 0) {
    ++tally_.repeated;
    if (!packet.dup()) ++tally_.repeated_unmarked;
    if (packet.qos() == 2 && receipt.at_qos2) breach(index, "got " + describe(message) + " twice at QoS 2");
    // Of several copies at QoS 1 nobody can tell which one was repeated with DUP before.
    if (packet.qos() == 0 && (copies == 1 ? receipt.count : receipt.at_qos0) >= copies && !is_forgiven)
      breach(index, "got " + describe(message) + " again at QoS 0");
  } else if (!message.is_will) {
    Newest& newest = client.newest[{message.publisher, message.topic, packet.qos()}];
    // The next life begins where the log stopped, and of what comes again then, some was lost on its way at QoS 0.
    if (packet.qos() == 0 && promises_.may_refuse && newest.life != client.life) newest = {};
    // What the disk did not give has been passed over, and the next life may read it.
    if (promises_.may_misread && newest.life != client.life) newest = {};
    // What was sent before the subscription is owed to nobody: a copy of it may come late, redelivered by its publisher
    // or found on the disk by the next life. What was too large for one connection may come when the next one repeats.
    if (subscribed_since_before(client, message) && !may_be_too_large(index, message)) {
      if (message.number <= newest.number && !may_be_late(message, packet))
        breach(index, "got " + describe(message) + " behind number " + std::to_string(newest.number));
      newest = {std::max(newest.number, message.number), client.life};
      if (packet.qos() == message.qos && message.sends == 1) check_none_was_passed_over(index, message, packet);
    }
  }
  ++receipt.count;
  if (packet.qos() == 0) ++receipt.at_qos0, ++receipt.unmarked_qos0;
  if (packet.qos() == 2) {
    receipt.at_qos2 = true;
    ++tally_.qos2_delivered;
  }
  if (!is_void(client)) return;
  // The death that has taken what the broker knew came before this did.
  client.newest.clear();
  receipt.at_qos2 = false;
  receipt.is_forgiven = true;
}

MessageIndex BrokerOracle::delivered(ClientIndex client, const test::Packet& packet, const Arrival& arrival) {
  ++tally_.delivered;
  if (!peer_of(packet.topic).empty()) ++tally_.addressed;
  if (packet.payload.empty()) {
    if (!is_removal(packet.topic)) breach(client, "got an empty message to " + packet.topic + " that nobody sent");
    return kNoMessage;
  }
  const MessageIndex index = identify(client, packet);
  if (index == kNoMessage) return kNoMessage;
  Message& message = messages_[index];
  check_wanted(client, message, packet);
  check_properties(client, index, packet, arrival);
  if (message.refused && !damaged_) breach(client, "got " + describe(message) + ", which was refused");
  if (message.is_will) {
    ++tally_.wills_delivered;
    message.first_delivered_ns = std::min(message.first_delivered_ns, now_ns());
    if (message.will == Will::kCancelled && !damaged_)
      breach(client, "got " + describe(message) + ", whose client had sent DISCONNECT, or was back in time");
    if (is_early(message) && clients_[message.publisher].first_attempt_ns == INT64_MAX && !damaged_)
      breach(client, "got " + describe(message) + " before its delay was over");
  }
  if (const std::string* filter = group_of(clients_[client], message)) {
    if (packet.retain()) breach(client, "got " + describe(message) + " as a retained message of " + *filter);
    message.owed_to_groups.erase(*filter);
    if (!damaged_) note_shared(client, *filter, index, packet);
    return index;
  }
  check_retain(client, message, packet);
  if (arrival.is_5) check_identifiers(client, message, packet);
  if (packet.retain()) {
    ++tally_.retained;
    if (!message.retain) breach(client, "got " + describe(message) + " as a retained message");
  }
  const bool as_published = may_be_as_published(client, message);
  if (as_published) message.owed_to.erase(client);
  if (packet.retain() || as_published) return index;
  message.owed_to.erase(client);
  if (damaged_) return index;
  if (packet.qos() == 0) check_qos0(client, message);
  note_receipt(client, index, packet);
  return index;
}

void BrokerOracle::repeated(ClientIndex client, const test::Packet& packet, MessageIndex message) {
  ++tally_.repeated;
  if (packet.payload.empty() && message == kNoMessage) return;
  if (damaged_) return;
  if (identify(client, packet) != message) breach(client, "a packet id at QoS 2 was bound to another message");
  if (!packet.dup()) breach(client, "a repetition at QoS 2 without DUP");
}

}  // namespace penstock::sim
