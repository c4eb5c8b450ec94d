// FilterQueue: the ConsumeQueue of one topic filter that sessions of this shard hold. It comes with the first message
// for them (broker/filter_table.h). A subscription holds a cursor, not a queue of its own: a message for a million of
// them is one entry. One thread, the shard's.
#pragma once

#include <cstdint>
#include <memory>

#include "broker/retention_marks.h"
#include "broker/subscribers.h"
#include "log/consume_queue.h"

namespace penstock::broker {

class FilterQueue {
 public:
  // The subscribers outlive it.
  FilterQueue(Subscribers& subscribers, uint32_t filter_slot, std::unique_ptr<log::ConsumeQueue> entries)
      : subscribers_(subscribers), entries_(std::move(entries)), filter_slot_(filter_slot) {}

  log::ConsumeQueue& entries() { return *entries_; }
  const Subscribers& subscribers() const { return subscribers_; }
  uint32_t filter_slot() const { return filter_slot_; }

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

  // Gives up entries that every subscription has taken. Linear in the subscriptions, so it is called once per
  // kTrimEntries appended entries and not per message. Subscriptions at QoS 0 that lag more than kQos0LagMax are moved
  // on; the entries they lose are added to `dropped`.
  void trim(uint64_t& dropped);
  bool trim_due() const { return entries_->end() - trimmed_at_ >= kTrimEntries; }

  // Every subscription has taken everything, and nothing came since this was asked last: the queue may go.
  bool is_idle();

  bool dirty = false;  // has new entries in this turn

  static constexpr uint64_t kTrimEntries = 2048;
  static constexpr uint64_t kQos0LagMax = 1'000'000;

 private:
  void drop_before(log::QueueIndex end, uint64_t& expired);

  Subscribers& subscribers_;
  std::unique_ptr<log::ConsumeQueue> entries_;
  uint32_t filter_slot_;  // FilterId::slot
  log::QueueIndex trimmed_at_{0};
  log::QueueIndex looked_at_{0};  // the end when is_idle() was asked last
  RetentionMarks marks_;
};

}  // namespace penstock::broker
