// GreedyClient: a client of a simulated broker that asks without an end and takes no answer, as fast as the broker
// reads it. Nobody owes it anything; it is there for the memory that it may cost.
#pragma once

#include <cstdint>
#include <string>

#include "core/random.h"
#include "tests/sim/sim_peer.h"

namespace penstock::sim {

class GreedyClient {
 public:
  GreedyClient(SimWorld& world, SimHub& hub, std::string name, uint16_t port);
  GreedyClient(const GreedyClient&) = delete;

  void start() { ask(); }
  // It goes, and does not come back.
  void settle();

 private:
  void connect();
  void ask();

  SimWorld& world_;
  core::SeededRandom random_;
  SimPeer peer_;
  uint16_t port_;
  std::string questions_;
  bool settling_ = false;
};

}  // namespace penstock::sim
