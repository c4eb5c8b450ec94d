// AcknowledgementQueue: answers that must not leave before a record is durable (group commit), in order of position.
// Bounded by BrokerShard::has_answer_room(), whom every handler asks that may add to it. One thread, the shard's.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "broker/explanation.h"
#include "core/ring_queue.h"
#include "protocol/reason_code.h"
#include "protocol/types.h"

namespace penstock::broker {

// Names a connection for as long as it lives; a stale one finds nothing.
struct ConnectionRef {
  uint32_t slot = 0;
  uint32_t generation = 0;
  bool operator==(const ConnectionRef&) const = default;
};

struct Acknowledgement {
  uint64_t end = 0;  // to be released when the log is durable up to here
  ConnectionRef connection;
  protocol::PacketType type = protocol::PacketType::kPuback;     // PUBACK PUBREC PUBCOMP SUBACK UNSUBACK CONNACK
  bool session_present = false;                                  // CONNACK
  protocol::ReasonCode reason = protocol::ReasonCode::kSuccess;  // before 5.0 only kSuccess
  Explanation explanation = Explanation::kNone;
  protocol::PacketId packet_id;
};
static_assert(sizeof(Acknowledgement) == 24);

class AcknowledgementQueue {
 public:
  void push(const Acknowledgement& acknowledgement) { waiting_.push_back(acknowledgement); }
  // SUBACK and UNSUBACK, with a code for each filter.
  void push(const Acknowledgement& acknowledgement, std::vector<protocol::ReasonCode> codes) {
    waiting_.push_back(acknowledgement);
    codes_.push_back(std::move(codes));
  }

  bool empty() const { return waiting_.empty(); }
  size_t size() const { return waiting_.size(); }
  // Of the newest entry: what must only keep its place behind the others waits for this.
  uint64_t last_end() const { return waiting_.empty() ? 0 : waiting_.back().end; }
  // Hands over everything whose end is at most `durable_end`: send(acknowledgement, codes or null).
  template <typename Send>
  void release(uint64_t durable_end, Send&& send) {
    while (!waiting_.empty() && waiting_.front().end <= durable_end) {
      const Acknowledgement acknowledgement = waiting_.front();
      waiting_.pop_front();
      if (!has_codes(acknowledgement)) {
        send(acknowledgement, nullptr);
        continue;
      }
      const std::vector<protocol::ReasonCode> codes = std::move(codes_.front());
      codes_.pop_front();
      send(acknowledgement, &codes);
    }
  }
  // Gives up what waits: the log has failed. forget(acknowledgement) sees each.
  template <typename Forget>
  void drop(Forget&& forget) {
    while (!waiting_.empty()) {
      const Acknowledgement acknowledgement = waiting_.front();
      waiting_.pop_front();
      forget(acknowledgement);
    }
    codes_.clear();
  }

 private:
  static bool has_codes(const Acknowledgement& acknowledgement) {
    return acknowledgement.type == protocol::PacketType::kSuback ||
           acknowledgement.type == protocol::PacketType::kUnsuback;
  }

  core::RingQueue<Acknowledgement> waiting_;
  std::deque<std::vector<protocol::ReasonCode>> codes_;  // of those among them that have some, in their order
};

}  // namespace penstock::broker
