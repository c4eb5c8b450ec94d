// InflightWindow: the deliveries of one session that its client has not completed, in the order in which they were
// taken from its queues. State of the session, not of a connection: it survives reconnects, and by checkpoint and
// records also crashes. One thread, the shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "core/ring_queue.h"
#include "log/position.h"
#include "protocol/types.h"

namespace penstock::broker {

enum class DeliveryState : uint8_t {
  kStarting,   // QoS 2 of a persistent session: waits until the record of its packet id is durable
  kPublished,  // PUBLISH sent, waits for PUBACK or PUBREC
  kReleasing,  // PUBREC came, waits until that is durable
  kReleased,   // PUBREL sent, waits for PUBCOMP
  kDone,       // completed, but something older is not
};

struct Delivery {
  protocol::PacketId packet_id;
  protocol::QoS qos = protocol::QoS::kAtLeastOnce;
  DeliveryState state = DeliveryState::kPublished;
  bool retain = false;  // sent with RETAIN: it came from the retained store
  bool shared = false;  // of a group, which keeps the message: what is recorded here is that its packet id is in use
  log::LogId log;
  log::LogOffset offset;  // of the message's record
  log::Sequence sequence;
  uint64_t durable_end = 0;  // kStarting, kReleasing: end of the record in this shard's log that must be durable
};

class InflightWindow {
 public:
  // `limit`: how many deliveries may stand in the window, 1 to 65,535. It counts from the oldest incomplete one, so a
  // client that never acknowledges one message cannot make the window grow.
  explicit InflightWindow(uint16_t limit) : limit_(limit) {}

  // Another connection, whose client takes more or fewer.
  void set_limit(uint16_t limit) { limit_ = limit; }
  uint16_t limit() const { return limit_; }
  bool full() const { return deliveries_.size() >= limit_; }
  bool empty() const { return deliveries_.empty(); }
  size_t size() const { return deliveries_.size(); }
  Delivery& at(size_t index) { return deliveries_[index]; }
  const Delivery& at(size_t index) const { return deliveries_[index]; }

  // A packet id that no delivery of the window uses; requires !full().
  protocol::PacketId next_packet_id();
  Delivery& push(const Delivery& delivery) {
    if (holds_restored()) note_ordinal(delivery.packet_id);
    return deliveries_.push_back(delivery);
  }
  // The delivery with this id that is not kDone; null when there is none.
  Delivery* find(protocol::PacketId packet_id);
  // Marks it done, and drops all leading ones that are.
  void complete(Delivery& delivery);
  // Drops leading deliveries that are done, after states were set to kDone directly.
  void drop_done();
  // Counts all deliveries that have ever left the window: a place in it as a number that stays.
  uint64_t first_ordinal() const { return first_ordinal_; }
  // Restores a delivery at start-up, the newest last: ids go on behind its own. Would they begin anew, they would soon
  // be those of deliveries that the last life has completed without a record of it, and of these some would come again
  // after the next crash, and some not.
  void restore(const Delivery& delivery);

 private:
  Delivery* find_among_restored(protocol::PacketId packet_id);
  void note_ordinal(protocol::PacketId packet_id);
  // Ids in the window may not be in turn, and restored ones may collide with the running one.
  bool holds_restored() const { return first_ordinal_ < restored_end_; }

  uint16_t limit_;
  uint64_t first_ordinal_ = 0;
  uint16_t last_packet_id_ = 0;
  uint64_t restored_end_ = 0;  // ordinal: what is before it was restored, or got its id around those that were
  core::RingQueue<Delivery> deliveries_;
  // While it holds restored ones: the ordinal of the newest delivery with an id, which may be done or gone since.
  std::unique_ptr<std::unordered_map<uint16_t, uint64_t>> ordinals_;
};

}  // namespace penstock::broker
