#include "broker/session.h"

#include <algorithm>
#include <utility>

#include "broker/broker_shard.h"

namespace penstock::broker {
namespace {

using Place = std::pair<log::LogId, log::LogOffset>;

Place place_in_log(const Delivery& delivery) {
  return {delivery.log, delivery.offset};
}

}  // namespace

bool Session::has_inbound(protocol::PacketId id) const {
  return std::ranges::binary_search(inbound, id.value());
}

void Session::add_inbound(protocol::PacketId id) {
  const auto place = std::ranges::lower_bound(inbound, id.value());
  if (place == inbound.end() || *place != id.value()) inbound.insert(place, id.value());
}

void Session::remove_inbound(protocol::PacketId id) {
  const auto found = std::ranges::lower_bound(inbound, id.value());
  if (found != inbound.end() && *found == id.value()) inbound.erase(found);
}

void Session::restore_window(uint16_t limit, const std::vector<Delivery>& deliveries) {
  window_.reset();
  started_ahead.clear();
  for (Delivery delivery : deliveries) {
    const bool is_own = delivery.qos == protocol::QoS::kExactlyOnce && !delivery.shared;
    if (is_own && !done.has_passed(delivery.log, delivery.offset)) started_ahead.push_back(delivery);
    if (delivery.state == DeliveryState::kDone) continue;
    if (delivery.state == DeliveryState::kStarting) delivery.state = DeliveryState::kPublished;
    // The group gives its message to somebody; of this session only the packet id has to become free.
    if (delivery.state == DeliveryState::kReleasing || delivery.shared) delivery.state = DeliveryState::kReleased;
    window(limit).restore(delivery);
  }
  std::ranges::sort(started_ahead, {}, place_in_log);
}

void Session::add_started_ahead(const Delivery& delivery) {
  const auto place = std::ranges::lower_bound(started_ahead, place_in_log(delivery), {}, place_in_log);
  started_ahead.insert(place, delivery);
}

bool Session::is_started_ahead(log::LogId log, log::LogOffset offset) const {
  return std::ranges::binary_search(started_ahead, Place{log, offset}, {}, place_in_log);
}

std::vector<Delivery> Session::completed_ahead() const {
  std::vector<Delivery> completed;
  for (const Delivery& ahead : started_ahead) {
    if (done.has_passed(ahead.log, ahead.offset)) continue;
    completed.push_back(ahead);
    completed.back().state = DeliveryState::kDone;
  }
  if (completed.empty() || window_ == nullptr) return completed;
  std::vector<Place> waiting;
  for (size_t i = 0; i < window_->size(); ++i)
    if (window_->at(i).state != DeliveryState::kDone && !window_->at(i).shared)
      waiting.push_back(place_in_log(window_->at(i)));
  std::ranges::sort(waiting);
  std::erase_if(completed,
                [&waiting](const Delivery& each) { return std::ranges::binary_search(waiting, place_in_log(each)); });
  return completed;
}

Subscription* Session::find_subscription(uint32_t filter_slot) {
  const auto found = std::ranges::lower_bound(subscriptions, filter_slot, {}, &Subscription::filter_slot);
  return found != subscriptions.end() && (*found)->filter_slot == filter_slot ? *found : nullptr;
}

void Session::add(Subscription& subscription) {
  // By doubling, thousands of them would leave up to as many places unused.
  if (subscriptions.size() == subscriptions.capacity()) subscriptions.reserve(subscriptions.size() * 5 / 4 + 1);
  subscriptions.insert(
      std::ranges::lower_bound(subscriptions, subscription.filter_slot, {}, &Subscription::filter_slot), &subscription);
}

void Session::drop_ended_subscriptions() {
  std::erase_if(subscriptions, [](const Subscription* each) { return each->session == nullptr; });
}

void Subscription::move_cursor(log::QueueIndex to) {
  cursor = to;
  if (!active) return;
  auto& heap = session->active;
  const auto own = std::ranges::find(heap, this, &ActiveSubscription::subscription);
  if (own->key == 0) return;
  own->key = 0;
  std::ranges::make_heap(heap, ActiveSubscription::comes_later);
}

void Session::on_read_ready() {
  shard_.deliveries().on_input_ready(*this);
}
void Session::on_page_ready() {
  shard_.deliveries().on_input_ready(*this);
}

}  // namespace penstock::broker
