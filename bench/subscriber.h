// Subscriber: a connection that receives, acknowledges and checks: each message's pattern, that it belongs here, and
// its place in its publisher's sequence. Owned by one traffic worker; runs on its thread. Thousands of messages are
// taken per read; what they change outside of it is written once per read.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/connection.h"
#include "bench/publisher.h"
#include "bench/sequence_tracker.h"
#include "bench/traffic_plan.h"

namespace penstock::bench {

class Subscriber final : public Connection {
 public:
  // `local_publishers` has the publishers of this worker by their index, and nullptr for others: whose window opens.
  Subscriber(Loop& loop, ConnectionOwner& owner, TrafficPlan& plan, TrafficCounters& counters, PumpList& pump_list,
             const std::vector<Publisher*>& local_publishers, uint32_t index);

  // Messages that were sent to it and neither came nor were found missing yet. After everybody stopped.
  uint64_t never_came() const;
  uint64_t resolved() const { return resolved_; }
  // When the last message came.
  int64_t last_ns() const { return last_ns_; }

 private:
  struct Batch {
    uint64_t delivered = 0;
    uint64_t resolved = 0;  // of `publisher`
    uint32_t publisher = 0;
    size_t answer_bytes = 0;
  };

  const uint8_t* take_packets(const uint8_t* begin, const uint8_t* end, size_t& answer_bytes) override;
  bool take_publish(const protocol::PacketBytes& packet, Batch& batch);
  bool take_other(const protocol::PacketBytes& packet, Batch& batch);
  void check(const uint8_t* payload, size_t payload_bytes, bool dup, Batch& batch);
  void resolve(uint32_t publisher, uint64_t count, Batch& batch);
  void credit(Batch& batch);
  bool mark_unreleased(uint16_t packet_id, bool unreleased);

  TrafficPlan& plan_;
  TrafficCounters& counters_;
  PumpList& pump_list_;
  const std::vector<Publisher*>& local_publishers_;
  const uint32_t first_publisher_;
  const uint8_t qos_;                   // that messages must arrive with
  std::vector<SequenceTracker> flows_;  // by publisher - first_publisher_
  uint64_t resolved_ = 0;
  int64_t last_ns_ = 0;
  uint32_t turn_ = 0;                              // moves the block of long payloads that is compared
  std::unique_ptr<std::vector<bool>> unreleased_;  // QoS 2: by packet id, PUBLISH came and PUBREL did not
};

}  // namespace penstock::bench
