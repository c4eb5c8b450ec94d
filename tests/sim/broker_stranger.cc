#include "tests/sim/broker_stranger.h"

namespace penstock::sim {
namespace {

constexpr int64_t kLateNs = 5 * core::kNsPerSecond;
constexpr uint64_t kPauseNsMax = 3 * core::kNsPerSecond;

}  // namespace

Stranger::Stranger(SimWorld& world, SimHub& hub, BrokerOracle& oracle, StrangerPlan plan)
    : world_(world),
      oracle_(oracle),
      plan_(std::move(plan)),
      random_(world.fork_random()),
      index_(oracle.add_client(plan_.name)),
      peer_(hub, plan_.name) {
  peer_.on_change = [this] {
    if (life_ == UINT64_MAX && peer_.connected()) life_ = oracle_.life();
    peer_.take_received();
  };
}

void Stranger::connect_later() {
  world_.after(static_cast<int64_t>(random_.below(kPauseNsMax)), [this] {
    if (!settling_) connect();
  });
}

void Stranger::connect() {
  world_.trace("stranger connects", plan_.name);
  life_ = UINT64_MAX;
  peer_.connect(plan_.port);
  peer_.read_all();
  peer_.send(first_words());
  world_.after(plan_.connect_timeout_ns + kLateNs, [this, visit = ++visits_] { check_ended(visit); });
}

std::string Stranger::first_words() {
  const std::string connect = test::connect_packet({.client_id = plan_.name});
  switch (random_.below(5)) {
    case 0:
      return {};
    case 1:
      return connect.substr(0, 1 + random_.below(connect.size() - 1));
    case 2: {
      std::string garbage;
      for (uint64_t bytes = 2 + random_.below(300); bytes > 0; --bytes)
        garbage += static_cast<char>(random_.below(256));
      garbage[0] = static_cast<char>(0x20 + random_.below(0xd0));  // no CONNECT
      return garbage;
    }
    case 3:
      return connect + test::publish_packet("a/0", std::string(plan_.payload_bytes_max + 1, 'x'));
    default:
      return connect + test::publish_packet("a/#", "x") + connect;
  }
}

void Stranger::check_ended(uint64_t visit) {
  if (visit != visits_) return;
  const bool broker_is_well = life_ == oracle_.life() && !oracle_.is_stopping() && !oracle_.promises().may_be_late;
  if (peer_.connected() && broker_is_well && !oracle_.damaged())
    oracle_.breach(index_, "a stranger is still connected long after the time for CONNECT");
  peer_.reset();
  connect_later();
}

}  // namespace penstock::sim
