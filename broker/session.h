// Session: the state of one client id that outlives its connection: subscriptions, cursors, the inflight window, the
// QoS 2 ids it has sent. Lives on its home shard and is touched by that thread only. Everything in it can be written
// down and moved by value (broker/session_state.h); nothing of a session lives only in a connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/inflight_window.h"
#include "broker/log_progress.h"
#include "broker/own_queue.h"
#include "broker/retained_scan.h"
#include "broker/session_expiry.h"
#include "broker/share_group.h"
#include "broker/share_member.h"
#include "broker/subscription.h"
#include "broker/will.h"
#include "core/rare_queue.h"
#include "core/rare_vector.h"
#include "log/consume_queue.h"
#include "log/log_reader.h"
#include "protocol/types.h"

namespace penstock::broker {

class BrokerShard;
class Connection;

// In the place of the wall time since when a session is offline, also on the disk.
constexpr int64_t kOnline = 0;

// Retained messages that were written to the log once more for a session, and that it has not taken yet. Without this a
// SUBSCRIBE of a few bytes, sent again and again, would write all of them each time.
constexpr uint64_t kOwnEntriesMax = 256;

// Why a session that has something to deliver does not: what must happen first.
enum class DeliveryWait : uint8_t {
  kNothing,  // it is idle or stands in the ready list
  kSocket,   // its output is full
  kWindow,   // its inflight window is full
  kRead,     // a page or record is being read
  kDurable,  // a QoS 2 message or its packet id is not durable yet
};

struct SessionShares {
  std::unique_ptr<ShareGroup> group;  // the session is a group's
  ShareMember member;
};

class Session final : public log::ReadWaiter, public log::PageWaiter {
 public:
  Session(BrokerShard& shard, std::string client_id, uint32_t slot)
      : slot_(slot), shard_(shard), client_id_(std::move(client_id)) {}
  Session(const Session&) = delete;

  const std::string& client_id() const { return client_id_; }
  uint32_t slot() const { return slot_; }
  bool online() const { return connection != nullptr; }
  ShareGroup* group() { return shares == nullptr ? nullptr : shares->group.get(); }
  const ShareGroup* group() const { return shares == nullptr ? nullptr : shares->group.get(); }
  // For what is recorded: whether the next life must think that what waits may have been sent before.
  bool was_or_is_connected() const { return online() || was_connected; }

  InflightWindow& window(uint16_t limit) {
    if (window_ == nullptr) window_ = std::make_unique<InflightWindow>(limit);
    return *window_;
  }
  InflightWindow* window_if_any() { return window_.get(); }
  const InflightWindow* window_if_any() const { return window_.get(); }
  // After a restart: the window as it was recorded, each delivery at the step that is certain. `done` comes first.
  void restore_window(uint16_t limit, const std::vector<Delivery>& deliveries);
  // Those of started_ahead that are complete, though `done` has not come to them: a record of the window must say so,
  // or the next life would take their messages from the queues again.
  std::vector<Delivery> completed_ahead() const;
  bool is_started_ahead(log::LogId log, log::LogOffset offset) const;
  void add_started_ahead(const Delivery& delivery);
  void drop_window_if_idle() {
    if (window_ != nullptr && window_->empty() && !persistent) window_.reset();
  }

  // QoS 2 packet ids received and not yet released. [MQTT-4.3.3-2]
  bool has_inbound(protocol::PacketId id) const;
  void add_inbound(protocol::PacketId id);
  void remove_inbound(protocol::PacketId id);

  // Null: it does not have this filter.
  Subscription* find_subscription(uint32_t filter_slot);
  void add(Subscription& subscription);
  // Takes out those whose session is null.
  void drop_ended_subscriptions();
  // Retained messages wait in the log, which was written to once more for them: the others have to wait.
  bool is_own_queue_full() const { return own != nullptr && own->waiting() >= kOwnEntriesMax; }

  void on_read_ready() override;
  void on_page_ready() override;

  Connection* connection = nullptr;
  bool persistent = false;  // it outlives its connection, or did until now: its state is recorded
  bool in_ready_list = false;
  // In one byte: another would cost every idle connection 16.
  bool durable_wait_listed : 1 = false;
  bool releases_resent : 1 = false;  // after a reconnect, all PUBRELs: they do not wait for PUBLISH packets
  bool progressed = false;           // cursors moved since the last progress record
  // After a restart: what is older than this life may have been sent before. Until all of that has been taken.
  bool was_connected = false;
  DeliveryWait wait = DeliveryWait::kNothing;
  uint16_t starting_count = 0;               // deliveries of the window in kStarting or kReleasing
  uint64_t resend_next = 0;                  // window ordinal of the next delivery to repeat after a reconnect
  uint64_t resend_end = 0;                   // what stood in the window then ends here
  uint32_t starts_unrecorded = 0;            // QoS 2 deliveries started since the last progress record
  int64_t offline_since_us = kOnline;        // wall time
  uint64_t online_arrival = 0;               // arrival at the shard when it came online: older QoS 0 is not delivered
  uint64_t made_end = 0;                     // of the record that made it, in the log; 0: an earlier life has made it
  std::vector<Subscription*> subscriptions;  // in the order of their filters' slots; the shard's slab owns them
  uint32_t filter_bytes = 0;                 // of their filters
  uint32_t expiry_s = kExpiryByBroker;       // of a persistent one, from the end of its connection
  std::vector<ActiveSubscription> active;    // min-heap by the arrival of the next entry; one or none needs no heap
  std::unique_ptr<OwnQueue> own;
  core::RareQueue<RetainedScan> retained_scans;
  std::unique_ptr<Will> will;
  std::unique_ptr<SessionShares> shares;  // only of a group, or of a member of some
  LogClock done;                          // taken from the queues, per log; persistent sessions only
  // After a restart: in the window or complete already, though beyond `done`. In the order of their places.
  core::RareVector<Delivery> started_ahead;
  core::RareVector<uint16_t> inbound;  // see has_inbound; in order, as a client may leave 65,535 unreleased
  uint32_t scan_bytes = 0;             // of the filters of retained_scans

 private:
  uint32_t slot_;
  BrokerShard& shard_;
  std::string client_id_;
  std::unique_ptr<InflightWindow> window_;
};

}  // namespace penstock::broker
