#include "tests/sim/broker_client.h"

#include <algorithm>

#include "core/check.h"

namespace penstock::sim {
namespace {

constexpr int64_t kPingNs = 1'500'000'000;
constexpr int64_t kPatienceNs = 5 * core::kNsPerSecond;  // without a byte from the broker
constexpr size_t kOutgoingMax = 200;
constexpr size_t kChangesMax = 2;

}  // namespace

ModelledClient::ModelledClient(SimWorld& world, SimHub& hub, BrokerOracle& oracle, ClientPlan plan, uint16_t port)
    : world_(world),
      oracle_(oracle),
      plan_(std::move(plan)),
      port_(port),
      random_(world.fork_random()),
      index_(oracle.add_client(plan_.name)),
      peer_(hub, plan_.name) {
  CHECK_GE(size_t{plan_.packet_id_max}, 3 * plan_.window);
  for (const auto& [filter, qos] : plan_.filters) {
    wanted_[filter] = qos;
    changes_.push_back({.subscribe = true, .filter = filter, .qos = qos});
  }
  peer_.on_change = [this] { on_change(); };
}

void ModelledClient::start() {
  act_later();
}

void ModelledClient::settle() {
  settling_ = true;
  lazy_ = false;
  reconnect_at_ns_ = 0;
  peer_.cut_after_sending(UINT64_MAX);
  peer_.cut_after_receiving(UINT64_MAX);
  peer_.read_all();
}

bool ModelledClient::settled() const {
  return established_ && outgoing_.empty() && changes_.empty() && incoming_.empty() && lazy_acknowledgements_.empty();
}

std::string ModelledClient::describe() const {
  return plan_.name +
         (established_  ? " established"
          : connecting_ ? " connecting"
                        : " away") +
         ", " + std::to_string(outgoing_.size()) + " outgoing, " + std::to_string(incoming_.size()) +
         " incoming at QoS 2, " + std::to_string(changes_.size()) + " changes of filters";
}

// ---------------------------------------------------------------- its life

void ModelledClient::act_later() {
  world_.within(0, 2 * plan_.act_ns_mean, [this] {
    act();
    act_later();
  });
}

void ModelledClient::act() {
  const int64_t now_ns = world_.clock().monotonic_ns();
  if (!connecting_ && !established_) {
    if (now_ns >= reconnect_at_ns_) connect();
    return;
  }
  if (now_ns - last_received_ns_ > kPatienceNs) {
    world_.trace("client gives up", plan_.name);
    return end_connection();
  }
  if (!established_) return;
  if (now_ns - last_ping_ns_ > kPingNs) {
    last_ping_ns_ = now_ns;
    peer_.send(test::pingreq_packet());
  }
  act_connected();
}

void ModelledClient::act_connected() {
  if (!lazy_acknowledgements_.empty()) peer_.send(std::exchange(lazy_acknowledgements_, {}));
  if (settling_) return;
  if (random_.chance(plan_.publish_per_cent, 100)) publish_some();
  if (chance(plan_.resubscribe_per_mille)) change_some_filter();
  misbehave();
}

void ModelledClient::misbehave() {
  if (chance(plan_.leave_per_mille)) {
    world_.trace("client leaves", plan_.name);
    peer_.send(test::disconnect_packet());
    peer_.close();
    return lost();
  }
  if (chance(plan_.cut_per_mille)) {
    world_.trace("client cuts", plan_.name);
    return end_connection();
  }
  if (chance(plan_.vanish_per_mille)) {
    world_.trace("client vanishes", plan_.name);
    peer_.vanish();
    return end_connection();
  }
  if (chance(plan_.slow_per_mille)) {
    reading_slowly_ = !reading_slowly_;
    if (reading_slowly_)
      peer_.read_slowly(1 + random_.below(300), static_cast<int64_t>(random_.below(100)) * core::kNsPerMs);
    else
      peer_.read_all();
  }
}

void ModelledClient::connect() {
  connecting_ = true;
  last_received_ns_ = last_ping_ns_ = world_.clock().monotonic_ns();
  input_.clear();
  lazy_acknowledgements_.clear();
  retained_.clear();
  reading_slowly_ = reached_ = false;
  lazy_ = !settling_ && random_.chance(plan_.lazy_per_cent, 100);
  world_.trace("client connects", plan_.name);
  oracle_.connecting(index_, plan_.clean);
  peer_.connect(port_);
  peer_.read_all();
  if (!settling_ && random_.chance(plan_.cut_at_byte_per_cent, 100)) {
    const uint64_t bytes = random_.below(random_.chance(1, 3) ? 60 : 8000);
    if (random_.chance(1, 2))
      peer_.cut_after_sending(bytes);
    else
      peer_.cut_after_receiving(bytes);
  }
  peer_.send(test::connect_packet({.client_id = plan_.name, .clean_session = plan_.clean, .keepalive_s = 4}));
}

void ModelledClient::end_connection() {
  peer_.reset();
  lost();
}

void ModelledClient::lost() {
  connecting_ = established_ = false;
  const int64_t away_ns = settling_ ? 0 : static_cast<int64_t>(random_.below(plan_.away_ns_max));
  reconnect_at_ns_ = world_.clock().monotonic_ns() + away_ns;
  for (Change& change : changes_) change.packet_id = 0;
  if (!plan_.clean) return;
  // What it had sent, it does not send again: its session is gone.
  std::erase_if(outgoing_, [](const Outgoing& each) { return each.stage != Stage::kWaiting; });
  incoming_.clear();
  changes_.clear();
  for (const auto& [filter, qos] : wanted_) changes_.push_back({.subscribe = true, .filter = filter, .qos = qos});
}

void ModelledClient::on_change() {
  if (!connecting_ && !established_) return;  // it has left, and does not listen any more
  if (!reached_ && peer_.connected()) {
    reached_ = true;
    oracle_.reached(index_);
  }
  const std::string received = peer_.take_received();
  if (!received.empty()) last_received_ns_ = world_.clock().monotonic_ns();
  input_ += received;
  size_t begin = 0;
  test::Packet packet;
  test::Take taken = test::Take::kMore;
  while ((connecting_ || established_) && (taken = test::take_packet(input_, begin, packet)) == test::Take::kPacket)
    take(packet);
  if (taken == test::Take::kBroken) oracle_.breach(index_, "got what no server may send");
  input_.erase(0, begin);
  const bool ended = peer_.state() == SimPeer::State::kEnded || peer_.state() == SimPeer::State::kRefused;
  if (ended && (connecting_ || established_)) lost();
}

// ---------------------------------------------------------------- what it gets

void ModelledClient::take(const test::Packet& packet) {
  using test::Type;
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
      return;
    default:
      oracle_.breach(index_, std::string("got ") + test::name_of(packet.type));
  }
}

void ModelledClient::on_connack(const test::Packet& packet) {
  if (established_ || packet.return_code != 0)
    return oracle_.breach(index_, "CONNACK with code " + std::to_string(packet.return_code));
  world_.trace("client connected", plan_.name, packet.session_present);
  connecting_ = false;
  established_ = true;
  oracle_.connected(index_, plan_.clean, packet.session_present);
  resend();
  send_change();
  pump();
}

void ModelledClient::on_publish(const test::Packet& packet) {
  if (packet.retain()) retained_[packet.topic] = packet;
  if (packet.qos() == 2 && incoming_.contains(packet.packet_id)) {
    oracle_.repeated(index_, packet, incoming_[packet.packet_id]);
    return acknowledge(test::Type::kPubrec, packet.packet_id);
  }
  const MessageIndex message = oracle_.delivered(index_, packet);
  world_.trace("client got", plan_.name, message, packet.packet_id);
  if (packet.qos() == 1) acknowledge(test::Type::kPuback, packet.packet_id);
  if (packet.qos() != 2) return;
  incoming_[packet.packet_id] = message;
  acknowledge(test::Type::kPubrec, packet.packet_id);
}

void ModelledClient::acknowledge(test::Type type, uint16_t packet_id) {
  if (lazy_ || !lazy_acknowledgements_.empty())
    lazy_acknowledgements_ += test::acknowledge_packet(type, packet_id);
  else
    peer_.send(test::acknowledge_packet(type, packet_id));
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
  world_.trace("client's message acknowledged", plan_.name, found->message, packet.packet_id);
  oracle_.acknowledged(found->message);
  if (packet.type == test::Type::kPubrec) {
    found->stage = Stage::kReceived;
    peer_.send(test::acknowledge_packet(test::Type::kPubrel, packet.packet_id));
    return;
  }
  outgoing_.erase(found);
  pump();
}

void ModelledClient::on_change_done(const test::Packet& packet) {
  const bool suback = packet.type == test::Type::kSuback;
  if (changes_.empty() || changes_.front().packet_id != packet.packet_id || changes_.front().subscribe != suback)
    return oracle_.breach(index_, std::string(test::name_of(packet.type)) + " that it did not wait for");
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
    const size_t bytes = retain && random_.chance(1, 6) ? 0 : 12 + random_.below(plan_.payload_bytes_max);
    outgoing_.push_back({.message = oracle_.publish(index_, topic, qos, retain, bytes), .qos = qos, .retain = retain});
  }
  pump();
}

void ModelledClient::send_publish(const Outgoing& outgoing, bool dup) {
  world_.trace(dup ? "client repeats" : "client publishes", plan_.name, outgoing.message, outgoing.packet_id);
  peer_.send(test::publish_packet(
      oracle_.topic_of(outgoing.message), oracle_.payload_of(outgoing.message),
      {.qos = outgoing.qos, .retain = outgoing.retain, .dup = dup, .packet_id = outgoing.packet_id}));
  oracle_.sent(outgoing.message);
}

// [MQTT-4.4.0-1] [MQTT-4.6.0-1]
void ModelledClient::resend() {
  for (const Outgoing& each : outgoing_) {
    if (each.stage == Stage::kSent) send_publish(each, true);
    if (each.stage == Stage::kReceived) peer_.send(test::acknowledge_packet(test::Type::kPubrel, each.packet_id));
  }
}

void ModelledClient::pump() {
  if (!established_) return;
  size_t unacknowledged = 0;
  for (auto each = outgoing_.begin(); each != outgoing_.end() && unacknowledged < plan_.window;) {
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
  if (!established_ || changes_.empty() || changes_.front().packet_id != 0) return;
  Change& change = changes_.front();
  change.packet_id = free_packet_id();
  world_.trace(change.subscribe ? "client subscribes" : "client unsubscribes", plan_.name + " " + change.filter,
               change.qos, change.packet_id);
  if (change.subscribe) {
    oracle_.subscribing(index_, change.filter, change.qos);
    peer_.send(test::subscribe_packet(change.packet_id, {{change.filter, change.qos}}));
  } else {
    oracle_.unsubscribing(index_, change.filter);
    peer_.send(test::unsubscribe_packet(change.packet_id, {change.filter}));
  }
}

}  // namespace penstock::sim
