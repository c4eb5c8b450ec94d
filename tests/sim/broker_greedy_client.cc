#include "tests/sim/broker_greedy_client.h"

#include <utility>

#include "tests/support/wire.h"

namespace penstock::sim {
namespace {

// It is near: what grows with it is to do so while a life lasts.
constexpr WireOptions kWire{.latency_ns_max = 100'000};
constexpr size_t kQuestionsBytes = 64u << 10;
constexpr size_t kUnsentBytesMax = 128u << 10;  // every 20 ms
constexpr int64_t kAskNs = 20 * core::kNsPerMs;
constexpr int64_t kRetryNs = 100 * core::kNsPerMs;
constexpr uint64_t kAsksPerConnection = 200;

}  // namespace

GreedyClient::GreedyClient(SimWorld& world, SimHub& hub, std::string name, uint16_t port)
    : world_(world), random_(world.fork_random()), peer_(hub, std::move(name), kWire), port_(port) {}

void GreedyClient::settle() {
  settling_ = true;
  peer_.reset();
}

void GreedyClient::connect() {
  const std::string subscribe = test::subscribe_packet(1, {{"strange/#", 1}});
  const std::string unsubscribe = test::unsubscribe_packet(2, {"strange/#"});
  const std::string each[] = {test::from_hex("c0 00"), subscribe, unsubscribe, subscribe + unsubscribe};
  // PINGREQ costs the broker little, and so the simulator.
  const std::string& question = each[random_.chance(3, 4) ? 0 : random_.below(std::size(each))];
  questions_.clear();
  questions_.reserve(kQuestionsBytes + question.size());
  while (questions_.size() < kQuestionsBytes) questions_ += question;
  peer_.connect(port_);
  peer_.stop_reading();
  peer_.send(test::connect_packet({.client_id = peer_.name()}));
}

void GreedyClient::ask() {
  if (settling_) return;
  if (peer_.connected()) {
    while (peer_.unsent() < kUnsentBytesMax) peer_.send(questions_);
    if (random_.below(kAsksPerConnection) == 0) peer_.reset();
  } else if (peer_.state() != SimPeer::State::kConnecting) {
    connect();
  }
  world_.after(peer_.connected() ? kAskNs : kRetryNs, [this] { ask(); });
}

}  // namespace penstock::sim
