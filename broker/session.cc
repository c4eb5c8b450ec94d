#include "broker/session.h"

#include <algorithm>

#include "broker/broker_shard.h"

namespace penstock::broker {

bool Session::has_inbound(protocol::PacketId id) const {
  return std::find(inbound.begin(), inbound.end(), id.value()) != inbound.end();
}

void Session::add_inbound(protocol::PacketId id) {
  if (!has_inbound(id)) inbound.push_back(id.value());
}

void Session::remove_inbound(protocol::PacketId id) {
  const auto found = std::find(inbound.begin(), inbound.end(), id.value());
  if (found == inbound.end()) return;
  *found = inbound.back();
  inbound.pop_back();
}

void Session::restore_window(uint16_t limit, const std::vector<Delivery>& deliveries) {
  window_.reset();
  for (Delivery delivery : deliveries) {
    if (delivery.state == DeliveryState::kStarting) delivery.state = DeliveryState::kPublished;
    if (delivery.state == DeliveryState::kReleasing) delivery.state = DeliveryState::kReleased;
    window(limit).restore(delivery);
  }
}

Subscription* Session::find_subscription(const FilterQueue& queue) {
  for (auto& subscription : subscriptions)
    if (subscription->queue == &queue) return subscription.get();
  return nullptr;
}

void Session::on_read_ready() {
  shard_.deliveries().on_input_ready(*this);
}
void Session::on_page_ready() {
  shard_.deliveries().on_input_ready(*this);
}

}  // namespace penstock::broker
