#include "broker/filter_queue.h"

#include <algorithm>

#include "broker/session.h"

namespace penstock::broker {

void Subscription::move_cursor(log::QueueIndex to) {
  cursor = to;
  if (!active || key == 0) return;
  key = 0;
  std::make_heap(session->active.begin(), session->active.end(), comes_later);
}

void FilterQueue::add(Subscription& subscription, bool online) {
  subscription.queue = this;
  subscription.online = online;
  auto& list = list_of(subscription);
  subscription.place = static_cast<uint32_t>(list.size());
  list.push_back(&subscription);
}

void FilterQueue::take_out(Subscription& subscription) {
  auto& list = list_of(subscription);
  list.back()->place = subscription.place;
  list[subscription.place] = list.back();
  list.pop_back();
}

void FilterQueue::remove(Subscription& subscription) {
  take_out(subscription);
  subscription.queue = nullptr;
}

void FilterQueue::set_online(Subscription& subscription, bool online) {
  if (subscription.online == online) return;
  take_out(subscription);
  add(subscription, online);
}

void FilterQueue::drop_before(log::QueueIndex end, uint64_t& expired) {
  for (auto* list : {&online_, &offline_}) {
    for (Subscription* subscription : *list) {
      if (subscription->cursor >= end) continue;
      expired += end - subscription->cursor;
      subscription->move_cursor(end);
    }
  }
  entries_->trim(end);
}

void FilterQueue::trim(uint64_t& dropped) {
  trimmed_at_ = entries_->end();
  log::QueueIndex oldest = entries_->end();
  for (const auto* list : {&online_, &offline_}) {
    for (Subscription* subscription : *list) {
      if (subscription->qos == protocol::QoS::kAtMostOnce && entries_->end() - subscription->cursor > kQos0LagMax) {
        const log::QueueIndex kept(entries_->end().value() - kQos0LagMax / 2);
        dropped += kept - subscription->cursor;
        subscription->move_cursor(kept);
      }
      oldest = std::min(oldest, subscription->cursor);
    }
  }
  if (oldest > entries_->begin()) entries_->trim(oldest);
}

}  // namespace penstock::broker
