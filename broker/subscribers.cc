#include "broker/subscribers.h"

#include <utility>

#include "core/check.h"

namespace penstock::broker {

Subscribers::~Subscribers() {
  if (is_list()) delete &list();
}

void Subscribers::List::exchange(uint32_t a, uint32_t b) {
  std::swap(subscriptions[a], subscriptions[b]);
  subscriptions[a]->place = a;
  subscriptions[b]->place = b;
}

void Subscribers::add(Subscription& subscription, bool online) {
  subscription.online = online;
  subscription.place = 0;
  if (only_ == nullptr) {
    only_ = &subscription;
    return;
  }
  if (!is_list()) {
    auto* const made = new List{{only_}, only_->online ? 1u : 0u};
    only_ = reinterpret_cast<Subscription*>(reinterpret_cast<uintptr_t>(made) | kListBit);
  }
  List& all = list();
  subscription.place = static_cast<uint32_t>(all.subscriptions.size());
  all.subscriptions.push_back(&subscription);
  if (online) all.exchange(subscription.place, all.online_count++);
}

void Subscribers::remove(Subscription& subscription) {
  if (!is_list()) {
    CHECK(only_ == &subscription);
    only_ = nullptr;
    return;
  }
  List& all = list();
  if (subscription.online) all.exchange(subscription.place, --all.online_count);
  all.exchange(subscription.place, static_cast<uint32_t>(all.subscriptions.size()) - 1);
  all.subscriptions.pop_back();
  if (all.subscriptions.size() > 1) return;
  only_ = all.subscriptions.front();
  only_->place = 0;
  delete &all;
}

void Subscribers::set_online(Subscription& subscription, bool online) {
  if (subscription.online == online) return;
  subscription.online = online;
  if (!is_list()) return;
  List& all = list();
  all.exchange(subscription.place, online ? all.online_count++ : --all.online_count);
}

}  // namespace penstock::broker
