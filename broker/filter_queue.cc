#include "broker/filter_queue.h"

#include <algorithm>

namespace penstock::broker {
namespace {

// With more of them a queue costs each little, and looking at all would take long.
constexpr size_t kIdleSubscribersMax = 64;

}  // namespace

void FilterQueue::drop_before(log::QueueIndex end, uint64_t& expired) {
  for (Subscription* subscription : subscribers_.all()) {
    if (subscription->cursor >= end) continue;
    expired += end - subscription->cursor;
    subscription->move_cursor(end);
  }
  entries_->trim(end);
}

void FilterQueue::trim(uint64_t& dropped) {
  trimmed_at_ = entries_->end();
  log::QueueIndex oldest = entries_->end();
  for (Subscription* subscription : subscribers_.all()) {
    if (subscription->terms.qos() == protocol::QoS::kAtMostOnce &&
        entries_->end() - subscription->cursor > kQos0LagMax) {
      const log::QueueIndex kept(entries_->end().value() - kQos0LagMax / 2);
      dropped += kept - subscription->cursor;
      subscription->move_cursor(kept);
    }
    oldest = std::min(oldest, subscription->cursor);
  }
  if (oldest > entries_->begin()) entries_->trim(oldest);
}

bool FilterQueue::is_idle() {
  const bool quiet = !dirty && looked_at_ == entries_->end();
  looked_at_ = entries_->end();
  const auto subscriptions = subscribers_.all();
  return quiet && subscriptions.size() <= kIdleSubscribersMax &&
         std::ranges::all_of(subscriptions, [this](const Subscription* each) {
           return !each->active && each->cursor == entries_->end();
         });
}

}  // namespace penstock::broker
