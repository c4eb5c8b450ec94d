#include "tests/sim/broker_client.h"

#include <algorithm>

#include "core/check.h"

namespace penstock::sim {
namespace {

constexpr int64_t kPatienceNs = 5 * core::kNsPerSecond;  // without a byte from the broker
constexpr int64_t kSilenceLateNs = 5 * core::kNsPerSecond;
constexpr int64_t kNoticeNs = core::kNsPerSecond;  // within that each side learns that the other has closed

}  // namespace

ModelledClient::ModelledClient(SimWorld& world, SimHub& hub, BrokerOracle& oracle, ClientPlan plan, uint16_t port)
    : world_(world),
      oracle_(oracle),
      plan_(std::move(plan)),
      port_(port),
      random_(world.fork_random()),
      index_(
          oracle.add_client(plan_.name, plan_.mqtt5.packet_bytes_max == 0 ? SIZE_MAX : plan_.mqtt5.packet_bytes_max)),
      peer_(hub, plan_.name, plan_.layers, random_) {
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
  take_overs_left_ = 0;
  reconnect_at_ns_ = 0;
  peer_.cut_after_sending(UINT64_MAX);
  peer_.cut_after_receiving(UINT64_MAX);
  peer_.read_all();
  reading_slowly_ = false;
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
  if (silent_since_ns_ != INT64_MAX && established_) return go_on_in_silence();
  if (now_ns - last_received_ns_ > kPatienceNs) {
    world_.trace("client gives up", plan_.name);
    if (leaving_ && !keeps_will_) will_ = BrokerOracle::kNoMessage;
    peer_.reset();
    return lost(false);
  }
  if (!established_ || leaving_) return;
  if (now_ns - last_ping_ns_ > plan_.keepalive_s * core::kNsPerSecond / 3) {
    last_ping_ns_ = now_ns;
    pings_ns_.push_back(now_ns);
    send(test::pingreq_packet());
  }
  act_connected();
}

void ModelledClient::act_connected() {
  send_lazy_acknowledgements();
  send_change();
  if (settling_) return;
  if (random_.chance(plan_.publish_per_cent, 100)) publish_some();
  if (chance(plan_.flood_per_mille)) publish_flood();
  if (chance(plan_.resubscribe_per_mille)) change_some_filter();
  misbehave();
}

void ModelledClient::misbehave() {
  if (chance(plan_.leave_per_mille)) return leave();
  if (chance(plan_.cut_per_mille)) {
    world_.trace("client cuts", plan_.name);
    peer_.reset();
    return lost(true);
  }
  if (chance(plan_.vanish_per_mille)) {
    world_.trace("client vanishes", plan_.name);
    peer_.vanish();
    peer_.reset();
    return lost(false);
  }
  if (chance(plan_.take_over_per_mille)) {
    take_overs_left_ = static_cast<uint32_t>(1 + random_.below(6));
    return take_over();
  }
  if (chance(plan_.silence_per_mille)) {
    world_.trace("client falls silent", plan_.name);
    silent_since_ns_ = world_.clock().monotonic_ns();
    return;
  }
  if (chance(plan_.slow_per_mille)) {
    reading_slowly_ = !reading_slowly_;
    read_slowly_once_ = true;
    if (reading_slowly_)
      peer_.read_slowly(1 + random_.below(300), static_cast<int64_t>(random_.below(100)) * core::kNsPerMs);
    else
      peer_.read_all();
  }
}

// Half of the time it closes at once, and whoever wants to know whether the broker has read DISCONNECT, cannot. Else it
// leaves the closing to the broker. [MQTT-3.14.4-1]
void ModelledClient::leave() {
  const uint32_t with_will = plan_.mqtt5.leaves_with_will_per_cent;
  keeps_will_ = is_5() && with_will != 0 && random_.chance(with_will, 100);
  world_.trace("client leaves", plan_.name, keeps_will_);
  send(disconnect_packet());
  leaving_ = random_.chance(1, 2) && !reading_slowly_;
  if (leaving_) return;
  peer_.close();
  if (!keeps_will_) will_ = BrokerOracle::kNoMessage;
  lost(true);
}

// The broker still believes in the connection before when it gets the next CONNECT. [MQTT-3.1.4-2]
void ModelledClient::take_over() {
  if (take_overs_left_ == 0 || (!connecting_ && !established_)) return;
  --take_overs_left_;
  world_.trace("client takes over", plan_.name);
  peer_.vanish();
  lost(false);
  connect();
  world_.within(0, 30 * core::kNsPerMs, [this] { take_over(); });
}

// [MQTT-3.1.2-24]
void ModelledClient::go_on_in_silence() {
  const int64_t silent_ns = world_.clock().monotonic_ns() - silent_since_ns_;
  const int64_t limit_ns = plan_.keepalive_s * core::kNsPerSecond * 3 / 2;
  const bool broker_is_well = connection_life_ == oracle_.life() && !oracle_.is_stopping();
  if (silent_ns < limit_ns + kSilenceLateNs) return;
  if (broker_is_well && !oracle_.promises().may_be_late && !oracle_.damaged() && !reading_slowly_)
    oracle_.breach(index_, "is connected, although it has been silent for " +
                               std::to_string(silent_ns / core::kNsPerMs) + " ms with a keepalive of " +
                               std::to_string(plan_.keepalive_s) + " s");
  peer_.reset();
  lost(true);
}

void ModelledClient::check_end_of_silence() {
  if (peer_.was_reset() || connection_life_ != oracle_.life() || oracle_.is_stopping() || oracle_.promises().may_refuse)
    return;
  // A turn that lasts handles what comes within it as if it had come when it began.
  const int64_t silent_ns = world_.clock().monotonic_ns() - last_sent_ns_ + oracle_.promises().turn_ns_max;
  if (silent_ns < plan_.keepalive_s * core::kNsPerSecond * 3 / 2)
    oracle_.breach(index_, "was disconnected after " + std::to_string(silent_ns / core::kNsPerMs) +
                               " ms of silence with a keepalive of " + std::to_string(plan_.keepalive_s) + " s");
}

void ModelledClient::connect() {
  connecting_ = true;
  leaving_ = keeps_will_ = false;
  connected_ns_ = last_received_ns_ = last_ping_ns_ = world_.clock().monotonic_ns();
  input_.clear();
  lazy_acknowledgements_.clear();
  retained_.clear();
  unacknowledged_.clear();
  pings_ns_.clear();
  reading_slowly_ = read_slowly_once_ = reached_ = false;
  silent_since_ns_ = INT64_MAX;
  lazy_ = !settling_ && random_.chance(plan_.lazy_per_cent, 100);
  world_.trace("client connects", plan_.name);
  draw_terms();
  oracle_.connecting(index_, terms_);
  peer_.connect(port_);
  peer_.read_all();
  if (!settling_ && random_.chance(plan_.cut_at_byte_per_cent, 100)) plan_cut();
  send(connect_packet());
}

void ModelledClient::plan_cut() {
  const uint64_t bytes = random_.below(random_.chance(1, 3) ? 60 : 8000);
  if (random_.chance(1, 2))
    peer_.cut_after_sending(bytes);
  else
    peer_.cut_after_receiving(bytes);
}

std::string ModelledClient::connect_packet() {
  test::ConnectOptions options{.client_id = plan_.name, .clean_session = plan_.clean, .keepalive_s = plan_.keepalive_s};
  if (is_5()) add_mqtt5(options);
  will_ = BrokerOracle::kNoMessage;
  will_delay_us_ = 0;
  if (!settling_ && random_.chance(plan_.will_per_cent, 100)) {
    const auto qos = static_cast<uint8_t>(random_.below(3));
    const bool retain = random_.chance(1, 4);
    const std::string topic = "w/" + plan_.name + "/" + std::to_string(random_.below(2));
    will_ = oracle_.publish(index_, topic, qos, retain, 12 + random_.below(500));
    options.will = test::Will{.topic = topic, .payload = oracle_.payload_of(will_), .qos = qos, .retain = retain};
    will_delay_us_ = draw_will_delay(*options.will);
    oracle_.will_offered(will_, will_delay_us_);
    world_.trace("client has a will", plan_.name, will_, qos);
  }
  return test::connect_packet(options);
}

// `broker_knows`: it is told soon; else only its keepalive tells it.
void ModelledClient::lost(bool broker_knows) {
  const int64_t now_ns = world_.clock().monotonic_ns();
  const int64_t from_ns = read_slowly_once_ ? connected_ns_ : std::max(connected_ns_, now_ns - kNoticeNs);
  const int64_t keepalive_ns = plan_.keepalive_s * core::kNsPerSecond * 3 / 2;
  if (peer_.state() == LayeredPeer::State::kRefused)
    oracle_.not_heard(index_);
  else
    oracle_.offline(index_, established_, from_ns, now_ns + 2 * kNoticeNs + (broker_knows ? 0 : keepalive_ns));
  settle_will();
  connecting_ = established_ = leaving_ = false;
  reconnect_at_ns_ = now_ns + (settling_ ? 0 : draw_absence());
  for (Change& change : changes_) change.packet_id = 0;
}

void ModelledClient::settle_will() {
  if (will_ == BrokerOracle::kNoMessage) return;
  const MessageIndex will = std::exchange(will_, BrokerOracle::kNoMessage);
  if (!leaving_ || keeps_will_) return oracle_.will_due(will);
  // A FIN, and no reset: it has read all that we sent. While it stops, or has refused something, it closes on its own.
  const bool has_read = peer_.state() == LayeredPeer::State::kEnded && !peer_.was_reset() &&
                        connection_life_ == oracle_.life() && !oracle_.is_stopping() && !oracle_.promises().may_refuse;
  if (has_read) oracle_.will_cancelled(will);
}

// What it had sent, it does not send again: its session is gone.
void ModelledClient::begin_anew() {
  std::erase_if(outgoing_, [](const Outgoing& each) { return each.stage != Stage::kWaiting; });
  incoming_.clear();
  changes_.clear();
  for (const auto& [filter, qos] : wanted_) changes_.push_back({.subscribe = true, .filter = filter, .qos = qos});
}

void ModelledClient::on_change() {
  if (!connecting_ && !established_) return;  // it has left, and does not listen any more
  if (!reached_ && peer_.connected()) {
    reached_ = true;
    connection_life_ = oracle_.life();
    oracle_.reached(index_);
  }
  const std::string received = peer_.take_received();
  if (!received.empty()) last_received_ns_ = world_.clock().monotonic_ns();
  input_ += received;
  size_t begin = 0;
  test::Packet packet;
  test::Take taken = test::Take::kMore;
  while ((connecting_ || established_) &&
         (taken = test::take_packet(input_, begin, packet, level_)) == test::Take::kPacket)
    take(packet);
  if (taken == test::Take::kBroken) oracle_.breach(index_, "got what no server may send");
  input_.erase(0, begin);
  // A broker that stops, or gives up the connection, while WebSocket is being agreed on says so in HTTP's words.
  if (const std::string why = peer_.confusion(); !why.empty() && why.find(" 503 ") == std::string::npos)
    oracle_.breach(index_, "got what no layer below MQTT may send: " + why);
  const bool ended = peer_.state() == LayeredPeer::State::kEnded || peer_.state() == LayeredPeer::State::kRefused;
  if (!ended || (!connecting_ && !established_)) return;
  if (silent_since_ns_ != INT64_MAX) check_end_of_silence();
  lost(true);
}

}  // namespace penstock::sim
