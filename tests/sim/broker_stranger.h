// Stranger: somebody who connects to a simulated broker and is no client: says nothing, half a CONNECT, garbage, or a
// packet that is too large or not allowed. The broker has to be rid of each within its time, and nobody else may
// notice.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/broker_oracle.h"
#include "tests/sim/sim_peer.h"

namespace penstock::sim {

struct StrangerPlan {
  std::string name;
  uint16_t port = 0;
  int64_t connect_timeout_ns = 0;
  size_t payload_bytes_max = 0;
};

class Stranger {
 public:
  Stranger(SimWorld& world, SimHub& hub, BrokerOracle& oracle, StrangerPlan plan);
  Stranger(const Stranger&) = delete;

  void start() { connect_later(); }
  void settle() { settling_ = true; }

 private:
  void connect_later();
  void connect();
  std::string first_words();
  void check_ended(uint64_t visit);

  SimWorld& world_;
  BrokerOracle& oracle_;
  StrangerPlan plan_;
  core::SeededRandom random_;
  ClientIndex index_;
  SimPeer peer_;
  uint64_t visits_ = 0;
  uint64_t life_ = 0;
  bool settling_ = false;
};

}  // namespace penstock::sim
