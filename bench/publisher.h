// Publisher: a connection that publishes numbered messages, either as its timetable says (open loop) or as far ahead as
// its windows allow (closed loop), and takes the acknowledgements. Packets are built from a template straight into the
// loop's send buffer, many per system call; nothing is allocated per message once the packet ids in use are known.
// Owned by one traffic worker; runs on its thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "bench/connection.h"
#include "bench/schedule.h"
#include "bench/traffic_plan.h"

namespace penstock::bench {

class Publisher;

// The publishers of a worker that may have something to send.
class PumpList {
 public:
  void add(Publisher& publisher);
  // Pumps each once; those that could go on at once stay on the list. False when nobody does.
  bool pump_all();

 private:
  std::vector<Publisher*> waiting_;
  std::vector<Publisher*> pumping_;
};

class Publisher final : public Connection {
 public:
  Publisher(Loop& loop, ConnectionOwner& owner, TrafficPlan& plan, TrafficCounters& counters, PumpList& pump_list,
            uint32_t index);

  // Message n of this publisher is number n * stride + offset of `schedule`.
  void follow(const RateSchedule& schedule, uint32_t stride, uint32_t offset);
  // Closed loop: publish until stop(), or until `limit` messages are sent.
  void begin(uint64_t limit);
  void stop() { running_ = false; }

  // Sends what it may. True when there is more that may be sent at once.
  bool pump();

  // Whether it waits for receipts that do not come; if so since the last call, its window is reopened.
  void check_stall();

  uint64_t sent() const { return sequence_; }
  uint64_t unacknowledged() const { return unacknowledged_; }
  // Open loop: messages that were due at `now_ns` and are not sent.
  uint64_t behind(int64_t now_ns) const;

 private:
  friend class PumpList;

  struct Outstanding {
    int64_t intended_ns;
    bool received;  // PUBREC came
  };

  const uint8_t* take_packets(const uint8_t* begin, const uint8_t* end, size_t& answer_bytes) override;
  void on_drained() override { pump_list_.add(*this); }
  bool take_acknowledgement(const protocol::PacketBytes& packet, size_t& answer_bytes);
  void complete(uint16_t packet_id);

  uint64_t allowance();
  uint64_t due(int64_t now_ns) const;
  uint64_t receipts_outstanding() const;
  uint8_t* write_message(uint8_t* to, int64_t intended_ns);
  uint16_t take_packet_id(int64_t intended_ns);
  void build_header(bool says_topic);
  uint64_t inflight_max() const { return std::min<uint64_t>(plan_.settings.inflight, receive_maximum()); }

  TrafficPlan& plan_;
  TrafficCounters& counters_;
  PumpList& pump_list_;
  PublisherLead& lead_;
  const uint8_t qos_;
  bool queued_ = false;
  bool running_ = false;

  std::vector<uint8_t> header_;    // of every PUBLISH; above QoS 0 a packet id is in it
  size_t packet_id_from_end_ = 2;  // where that is
  uint32_t packet_bytes_ = 0;

  uint64_t sequence_ = 0;
  uint64_t limit_ = 0;
  RateSchedule schedule_;
  uint32_t stride_ = 0;  // 0: closed loop
  uint32_t offset_ = 0;

  uint64_t written_off_ = 0;  // deliveries no longer waited for
  uint64_t resolved_at_check_ = 0;
  uint64_t sent_at_check_ = 0;

  uint64_t unacknowledged_ = 0;
  std::vector<Outstanding> outstanding_;  // by packet id - 1
  std::vector<uint16_t> free_ids_;        // of the ids that outstanding_ has room for
};

}  // namespace penstock::bench
