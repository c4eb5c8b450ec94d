// Bystander: a connection that takes no part in the traffic: it subscribes to filters where nobody publishes, many in
// each SUBSCRIBE, and then only keeps itself alive. With thousands of them the question is whether a message costs the
// broker more. Owned by one traffic worker; runs on its thread.
#pragma once

#include <cstdint>

#include "bench/connection.h"
#include "bench/counters.h"
#include "bench/traffic_plan.h"

namespace penstock::bench {

// Levels and totals, written by the worker's thread.
struct BystanderCounters {
  Counter ready;    // connected, and all filters accepted
  Counter filters;  // accepted
};

class Bystander final : public Connection {
 public:
  // `number` from 0; it has its share of --bystander-filters.
  Bystander(Loop& loop, ConnectionOwner& owner, const TrafficPlan& plan, BystanderCounters& counters, uint32_t index,
            uint32_t number);

  // Once it is online.
  void subscribe();

 private:
  const uint8_t* take_packets(const uint8_t* begin, const uint8_t* end, size_t& answer_bytes) override;
  bool take_suback(const protocol::PacketBytes& packet);

  const TrafficPlan& plan_;
  BystanderCounters& counters_;
  uint64_t next_;         // filter to subscribe to
  const uint64_t end_;    // one behind its last
  uint32_t awaited_ = 0;  // filters of the SUBSCRIBE under way
};

}  // namespace penstock::bench
