// ModelledClient's packets: what it gets and what it sends.
#include <algorithm>

#include "core/check.h"
#include "tests/sim/broker_client.h"

namespace penstock::sim {
namespace {

constexpr size_t kOutgoingMax = 200;
constexpr size_t kChangesMax = 2;
constexpr uint8_t kFirstFailure = 0x80;

}  // namespace

// ---------------------------------------------------------------- what it gets

void ModelledClient::take(test::Packet& packet) {
  using test::Type;
  if (is_5())
    if (const std::string broken = rules_.judge(packet); !broken.empty())
      return oracle_.breach(index_, std::string(test::name_of(packet.type)) + ": " + broken);
  if (!established_ && packet.type != Type::kConnack)
    return oracle_.breach(index_, std::string(test::name_of(packet.type)) + " before CONNACK");
  switch (packet.type) {
    case Type::kConnack:
      return on_connack(packet);
    case Type::kPublish:
      return on_publish(packet);
    case Type::kPuback:
    case Type::kPubrec:
    case Type::kPubcomp:
      return on_acknowledge(packet);
    case Type::kPubrel:
      incoming_.erase(packet.packet_id);
      return acknowledge(Type::kPubcomp, packet.packet_id);
    case Type::kSuback:
    case Type::kUnsuback:
      return on_change_done(packet);
    case Type::kPingresp:
      return on_pingresp();
    case Type::kDisconnect:
      return on_disconnect(packet);
    default:
      oracle_.breach(index_, std::string("got ") + test::name_of(packet.type));
  }
}

void ModelledClient::on_connack(const test::Packet& packet) {
  const uint8_t unavailable = is_5() ? 0x88 : 3;
  if (!established_ && packet.return_code == unavailable) {
    oracle_.refused(index_, "CONNECT");
    will_ = BrokerOracle::kNoMessage;
    peer_.reset();
    return lost(true);
  }
  if (established_ || packet.return_code != 0)
    return oracle_.breach(index_, "CONNACK with code " + std::to_string(packet.return_code));
  world_.trace("client connected", plan_.name, packet.session_present);
  connecting_ = false;
  established_ = true;
  if (is_5()) note_connack(packet);
  if (oracle_.connected(index_, terms_, packet.session_present)) begin_anew();
  if (will_ != BrokerOracle::kNoMessage) oracle_.will_armed(will_);
  resend();
  send_change();
  pump();
}

// It was connected when it asked.
void ModelledClient::on_pingresp() {
  if (pings_ns_.empty()) return oracle_.breach(index_, "got PINGRESP that it did not ask for");
  oracle_.is_connected(index_, pings_ns_.front());
  if (will_ != BrokerOracle::kNoMessage) oracle_.will_is_not_due_yet(will_, pings_ns_.front());
  pings_ns_.pop_front();
}

void ModelledClient::on_publish(const test::Packet& packet) {
  if (packet.qos() > 0) unacknowledged_.insert(packet.packet_id);
  // [MQTT5-3.3.4-9] What a crash leaves open may be more than our own limit, which only clients of 5.0 can rely on
  // then.
  size_t limit = oracle_.life() == 0 || is_5() ? oracle_.promises().inflight_max : SIZE_MAX;
  if (is_5()) limit = std::min<size_t>(limit, plan_.mqtt5.receive_maximum);
  if (unacknowledged_.size() > limit)
    oracle_.breach(index_,
                   "has " + std::to_string(unacknowledged_.size()) + " deliveries that it has not acknowledged");
  if (packet.retain()) retained_[packet.topic] = packet;
  if (packet.qos() == 2 && incoming_.contains(packet.packet_id)) {
    oracle_.repeated(index_, packet, incoming_[packet.packet_id]);
    return acknowledge(test::Type::kPubrec, packet.packet_id);
  }
  const MessageIndex message = oracle_.delivered(index_, packet, arrival());
  world_.trace("client got", plan_.name, message, packet.packet_id);
  if (packet.qos() == 1) acknowledge(test::Type::kPuback, packet.packet_id);
  if (packet.qos() != 2) return;
  if (!oracle_.is_void(index_)) incoming_[packet.packet_id] = message;
  acknowledge(test::Type::kPubrec, packet.packet_id);
}

// What it reads at its leisure was sent at any time.
Arrival ModelledClient::arrival() const {
  constexpr int64_t kOnItsWayNs = 2 * core::kNsPerSecond;
  const int64_t latest_ns = world_.clock().monotonic_ns() - kOnItsWayNs - oracle_.promises().turn_ns_max;
  return {.is_5 = is_5(), .sent_after_ns = read_slowly_once_ ? connected_ns_ : std::max(connected_ns_, latest_ns)};
}

void ModelledClient::acknowledge(test::Type type, uint16_t packet_id) {
  lazy_acknowledgements_.emplace_back(type, packet_id);
  if (!lazy_ && lazy_acknowledgements_.size() == 1) send_lazy_acknowledgements();
}

void ModelledClient::send_lazy_acknowledgements() {
  std::string bytes;
  for (const auto& [type, packet_id] : lazy_acknowledgements_) {
    bytes += test::acknowledge_packet(type, packet_id);
    if (type != test::Type::kPubrec) unacknowledged_.erase(packet_id);
  }
  lazy_acknowledgements_.clear();
  if (!bytes.empty()) send(bytes);
}

void ModelledClient::on_acknowledge(const test::Packet& packet) {
  const auto found = std::ranges::find_if(outgoing_, [&](const Outgoing& each) {
    return each.stage != Stage::kWaiting && each.packet_id == packet.packet_id;
  });
  const bool is_known = found != outgoing_.end() && (packet.type == test::Type::kPuback) == (found->qos == 1) &&
                        (packet.type != test::Type::kPubcomp || found->stage == Stage::kReceived);
  if (!is_known)
    return oracle_.breach(index_, std::string(test::name_of(packet.type)) + " for packet id " +
                                      std::to_string(packet.packet_id) + ", which it did not wait for");
  if (packet.reason_code >= kFirstFailure && packet.type != test::Type::kPubcomp) {
    world_.trace("client's message refused", plan_.name, found->message, packet.packet_id);
    oracle_.refused(index_, "PUBLISH");
    oracle_.refused(found->message);
    outgoing_.erase(found);
    return pump();
  }
  world_.trace("client's message acknowledged", plan_.name, found->message, packet.packet_id);
  // PUBCOMP says nothing of the message: a broker that has lost it, and the id with it, gives that as well.
  if (packet.type != test::Type::kPubcomp) oracle_.acknowledged(found->message);
  if (packet.type == test::Type::kPubrec) {
    found->stage = Stage::kReceived;
    send(test::acknowledge_packet(test::Type::kPubrel, packet.packet_id));
    return;
  }
  outgoing_.erase(found);
  pump();
}

void ModelledClient::on_change_done(const test::Packet& packet) {
  const bool suback = packet.type == test::Type::kSuback;
  if (changes_.empty() || changes_.front().packet_id != packet.packet_id || changes_.front().subscribe != suback)
    return oracle_.breach(index_, std::string(test::name_of(packet.type)) + " that it did not wait for");
  if (suback && static_cast<uint8_t>(packet.codes.at(0)) >= kFirstFailure) {
    oracle_.refused(index_, "SUBSCRIBE");
    changes_.front().packet_id = 0;  // asked again with the next act
    return;
  }
  const Change done = changes_.front();
  changes_.pop_front();
  world_.trace(suback ? "client subscribed" : "client unsubscribed", plan_.name + " " + done.filter, done.qos);
  if (suback)
    oracle_.subscribed(index_, done.filter, static_cast<uint8_t>(packet.codes.at(0)));
  else
    oracle_.unsubscribed(index_, done.filter);
  send_change();
}

// ---------------------------------------------------------------- what it sends

// A silent client says nothing, and nobody hears one that has said DISCONNECT.
void ModelledClient::send(std::string_view bytes) {
  if (leaving_ || silent_since_ns_ != INT64_MAX) return;
  last_sent_ns_ = world_.clock().monotonic_ns();
  peer_.send(bytes);
}

uint16_t ModelledClient::free_packet_id() {
  const auto is_used = [&](uint16_t id) {
    return std::ranges::any_of(outgoing_, [&](const Outgoing& each) { return each.packet_id == id; }) ||
           std::ranges::any_of(changes_, [&](const Change& each) { return each.packet_id == id; });
  };
  do {
    last_packet_id_ = static_cast<uint16_t>(last_packet_id_ % plan_.packet_id_max + 1);
  } while (is_used(last_packet_id_));
  return last_packet_id_;
}

void ModelledClient::publish_some() {
  for (uint64_t count = random_.below(5) + 1; count > 0 && outgoing_.size() < kOutgoingMax; --count) {
    const bool retain = random_.chance(plan_.retain_per_cent, 100);
    const std::string topic = retain ? "r/" + plan_.name + "/" + std::to_string(random_.below(3))
                                     : plan_.topics[random_.below(plan_.topics.size())];
    const uint8_t qos = plan_.qos[random_.below(plan_.qos.size())];
    const bool huge = chance(plan_.huge_per_mille);
    const size_t bytes =
        retain && random_.chance(1, 6) ? 0 : 12 + random_.below(huge ? plan_.huge_bytes_max : plan_.payload_bytes_max);
    const MessageIndex message = oracle_.publish(index_, topic, qos, retain, bytes, draw_message_terms());
    outgoing_.push_back({.message = message, .qos = qos, .retain = retain});
  }
  pump();
}

void ModelledClient::publish_flood() {
  const std::string& topic = plan_.topics[random_.below(plan_.topics.size())];
  for (uint64_t count = random_.below(plan_.flood_messages_max) + 1; count > 0; --count) {
    const MessageIndex message = oracle_.publish(index_, topic, 0, false, 12);
    send_publish({.message = message}, false);
  }
}

void ModelledClient::send_publish(const Outgoing& outgoing, bool dup) {
  world_.trace(dup ? "client repeats" : "client publishes", plan_.name, outgoing.message, outgoing.packet_id);
  test::PublishOptions options{
      .qos = outgoing.qos, .retain = outgoing.retain, .dup = dup, .packet_id = outgoing.packet_id};
  std::string topic = oracle_.topic_of(outgoing.message);
  if (is_5()) {
    options.properties = oracle_.properties_of(outgoing.message);
    topic = topic_or_alias(topic, options.properties);
  }
  send(test::publish_packet(topic, oracle_.payload_of(outgoing.message), options, level_));
  oracle_.sent(outgoing.message, is_5());
}

// [MQTT-4.4.0-1] [MQTT-4.6.0-1]
void ModelledClient::resend() {
  for (const Outgoing& each : outgoing_) {
    if (each.stage == Stage::kSent) send_publish(each, true);
    if (each.stage == Stage::kReceived) send(test::acknowledge_packet(test::Type::kPubrel, each.packet_id));
  }
}

void ModelledClient::pump() {
  if (!established_ || leaving_ || silent_since_ns_ != INT64_MAX) return;
  const size_t limit = std::min(plan_.window, server_receive_maximum_);
  size_t unacknowledged = 0;
  for (auto each = outgoing_.begin(); each != outgoing_.end() && unacknowledged < limit;) {
    if (each->stage != Stage::kWaiting) {
      ++unacknowledged;
    } else {
      if (each->qos > 0) each->packet_id = free_packet_id();
      send_publish(*each, false);
      each->stage = Stage::kSent;
      if (each->qos == 0) {
        each = outgoing_.erase(each);
        continue;
      }
      ++unacknowledged;
    }
    ++each;
  }
}

void ModelledClient::change_some_filter() {
  if (plan_.filters.empty() || changes_.size() >= kChangesMax) return;
  const auto& [filter, qos] = plan_.filters[random_.below(plan_.filters.size())];
  const bool subscribe = !wanted_.contains(filter) || random_.chance(1, 3);
  if (subscribe)
    wanted_[filter] = qos;
  else
    wanted_.erase(filter);
  changes_.push_back({.subscribe = subscribe, .filter = filter, .qos = qos});
  send_change();
}

// One after the other: what a filter is at any time is then no question.
void ModelledClient::send_change() {
  if (!established_ || leaving_ || silent_since_ns_ != INT64_MAX) return;
  if (changes_.empty() || changes_.front().packet_id != 0) return;
  Change& change = changes_.front();
  change.packet_id = free_packet_id();
  world_.trace(change.subscribe ? "client subscribes" : "client unsubscribes", plan_.name + " " + change.filter,
               change.qos, change.packet_id);
  if (change.subscribe) {
    const auto found = plan_.mqtt5.options.find(change.filter);
    const FilterOptions options = found == plan_.mqtt5.options.end() ? FilterOptions() : found->second;
    test::Properties properties;
    if (options.identifier != 0) properties.emplace_back(test::PropertyId::kSubscriptionId, options.identifier);
    oracle_.subscribing(index_, change.filter, change.qos, options);
    const auto bits = static_cast<uint8_t>(change.qos | options.bits);
    send(test::subscribe_packet(change.packet_id, {{change.filter, bits}}, properties, level_));
  } else {
    oracle_.unsubscribing(index_, change.filter);
    send(test::unsubscribe_packet(change.packet_id, {change.filter}, {}, level_));
  }
}

}  // namespace penstock::sim
