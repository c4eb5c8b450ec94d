// Subscription: one filter of one session, and where it reads next. There may be millions that wait for their first
// message: what only one that has something to take needs stands in its ActiveSubscription. One thread, the shard's.
#pragma once

#include <cstdint>

#include "broker/log_progress.h"
#include "broker/subscription_terms.h"
#include "core/local_shared.h"
#include "log/queue_format.h"

namespace penstock::broker {

class FilterQueue;
class Session;

struct Subscription {
  Session* session = nullptr;
  log::QueueIndex cursor;  // next entry to take; 0, where every queue begins, as long as its filter has none
  // Entries up to here lie before the subscription; tells them apart when queues are rebuilt. Persistent sessions only;
  // one for all filters of a SUBSCRIBE.
  core::LocalShared<LogClock> start;
  uint32_t filter_slot = 0;  // FilterId::slot
  uint32_t place = 0;        // among the Subscribers
  SubscriptionTerms terms;
  bool online = false;  // stands among the connected ones
  bool active = false;  // has its ActiveSubscription in Session::active

  // Skips entries; what was loaded of them is forgotten.
  void move_cursor(log::QueueIndex to);
};
static_assert(sizeof(Subscription) <= 40);

// One that has entries to take.
struct ActiveSubscription {
  uint64_t key = 0;  // order in the heap: arrival of `next`, or 0 while that is not known
  Subscription* subscription = nullptr;
  FilterQueue* queue = nullptr;
  log::QueueEntry next;  // the entry at the cursor, when key != 0

  // Order of the heap Session::active: the earliest arrival on top.
  static bool comes_later(const ActiveSubscription& a, const ActiveSubscription& b) { return a.key > b.key; }
};

}  // namespace penstock::broker
