#include "broker/session.h"

#include <algorithm>

#include "broker/broker_shard.h"

namespace penstock::broker {

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
    if (delivery.qos == protocol::QoS::kExactlyOnce && !done.has_passed(delivery.log, delivery.offset))
      started_ahead.push_back(delivery);
    if (delivery.state == DeliveryState::kDone) continue;
    if (delivery.state == DeliveryState::kStarting) delivery.state = DeliveryState::kPublished;
    if (delivery.state == DeliveryState::kReleasing) delivery.state = DeliveryState::kReleased;
    window(limit).restore(delivery);
  }
}

std::vector<Delivery> Session::completed_ahead() const {
  std::vector<Delivery> completed;
  for (const Delivery& ahead : started_ahead) {
    if (done.has_passed(ahead.log, ahead.offset)) continue;
    bool waits = false;
    for (size_t i = 0; window_ != nullptr && i < window_->size() && !waits; ++i) {
      const Delivery& delivery = window_->at(i);
      waits = delivery.log == ahead.log && delivery.offset == ahead.offset && delivery.state != DeliveryState::kDone;
    }
    if (waits) continue;
    completed.push_back(ahead);
    completed.back().state = DeliveryState::kDone;
  }
  return completed;
}

Subscription* Session::find_subscription(const FilterQueue& queue) {
  const auto found = place_of(queue);
  return found != subscriptions.end() && (*found)->queue == &queue ? found->get() : nullptr;
}

std::vector<std::unique_ptr<Subscription>>::iterator Session::place_of(const FilterQueue& queue) {
  return std::ranges::lower_bound(subscriptions, queue.filter_slot, {},
                                  [](const auto& subscription) { return subscription->queue->filter_slot; });
}

void Session::on_read_ready() {
  shard_.deliveries().on_input_ready(*this);
}
void Session::on_page_ready() {
  shard_.deliveries().on_input_ready(*this);
}

}  // namespace penstock::broker
