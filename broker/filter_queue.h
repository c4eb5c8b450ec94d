// FilterQueue and Subscription: one topic filter that sessions of this shard hold, its ConsumeQueue, and who reads it.
// A subscription holds a cursor, not a queue of its own: a message for a million of them is one entry.
// One thread, the shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/log_progress.h"
#include "broker/retention_marks.h"
#include "log/consume_queue.h"
#include "protocol/types.h"

namespace penstock::broker {

class Session;
class FilterQueue;

// One filter of one session.
struct Subscription {
  Session* session = nullptr;
  FilterQueue* queue = nullptr;
  log::QueueIndex cursor;  // next entry to take
  uint32_t place = 0;      // in the queue's list
  protocol::QoS qos = protocol::QoS::kAtMostOnce;
  bool online = false;   // stands in the queue's list of connected subscribers
  bool active = false;   // stands in its session's heap: it has entries to take
  uint64_t key = 0;      // order in that heap: arrival of `next`, or 0 while that is not known
  log::QueueEntry next;  // the entry at the cursor, when key != 0
  // Entries up to here lie before the subscription; tells them apart when queues are rebuilt. Persistent sessions only.
  std::unique_ptr<LogClock> start;

  // Skips entries; what was loaded of them is forgotten.
  void move_cursor(log::QueueIndex to);
  // Order of the heap Session::active: the earliest arrival on top.
  static bool comes_later(const Subscription* a, const Subscription* b) { return a->key > b->key; }
};

class FilterQueue {
 public:
  FilterQueue(std::string filter, uint64_t id, log::QueueFile* file)
      : filter_(std::move(filter)), entries_(std::make_unique<log::ConsumeQueue>(id, file)) {}
  FilterQueue(std::string filter, std::unique_ptr<log::ConsumeQueue> entries)
      : filter_(std::move(filter)), entries_(std::move(entries)) {}

  const std::string& filter() const { return filter_; }
  log::ConsumeQueue& entries() { return *entries_; }

  void append(const log::QueueEntry& entry) {
    marks_.note(entries_->end(), entry);
    entries_->append(entry);
  }
  // Drops entries whose records are gone, and moves the cursors that stand there; the loss is added to `expired`.
  template <typename BeginOf>
  void retire(BeginOf&& begin_of, uint64_t& expired) {
    const log::QueueIndex end = marks_.retired_end(begin_of);
    if (end > entries_->begin()) drop_before(end, expired);
  }

  void add(Subscription& subscription, bool online);
  void remove(Subscription& subscription);
  void set_online(Subscription& subscription, bool online);
  const std::vector<Subscription*>& online() const { return online_; }
  const std::vector<Subscription*>& offline() const { return offline_; }
  bool has_subscribers() const { return !online_.empty() || !offline_.empty(); }

  // Gives up entries that every subscription has taken. Linear in the subscriptions, so it is called once per
  // kTrimEntries appended entries and not per message. Subscriptions at QoS 0 that lag more than kQos0LagMax are moved
  // on; the entries they lose are added to `dropped`.
  void trim(uint64_t& dropped);
  bool trim_due() const { return entries_->end() - trimmed_at_ >= kTrimEntries; }

  bool dirty = false;        // has new entries in this turn
  uint32_t filter_slot = 0;  // FilterId::slot: no two filters of a shard have the same

  static constexpr uint64_t kTrimEntries = 2048;
  static constexpr uint64_t kQos0LagMax = 1'000'000;

 private:
  std::vector<Subscription*>& list_of(const Subscription& subscription) {
    return subscription.online ? online_ : offline_;
  }
  void take_out(Subscription& subscription);
  void drop_before(log::QueueIndex end, uint64_t& expired);

  std::string filter_;
  std::unique_ptr<log::ConsumeQueue> entries_;
  std::vector<Subscription*> online_;
  std::vector<Subscription*> offline_;
  log::QueueIndex trimmed_at_{0};
  RetentionMarks marks_;
};

}  // namespace penstock::broker
