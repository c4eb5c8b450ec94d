#include "broker/inflight_window.h"

#include "core/check.h"

namespace penstock::broker {

void InflightWindow::note_ordinal(protocol::PacketId packet_id) {
  if (ordinals_ == nullptr) ordinals_ = std::make_unique<std::unordered_map<uint16_t, uint64_t>>();
  (*ordinals_)[packet_id.value()] = first_ordinal_ + deliveries_.size();
}

Delivery* InflightWindow::find_among_restored(protocol::PacketId packet_id) {
  const auto noted = ordinals_->find(packet_id.value());
  if (noted == ordinals_->end() || noted->second < first_ordinal_) return nullptr;
  Delivery& delivery = deliveries_[noted->second - first_ordinal_];
  return delivery.state != DeliveryState::kDone ? &delivery : nullptr;
}

protocol::PacketId InflightWindow::next_packet_id() {
  CHECK(!full());
  // The window is shorter than the cycle of ids, so ids given in turn never meet; only restored ones may stand in the
  // way. [MQTT-2.3.1-4] [MQTT-4.3.2-1] [MQTT5-2.2.1-4] [MQTT5-4.3.2-1] [MQTT5-4.3.3-1]
  for (bool skipped = false;; skipped = true) {
    last_packet_id_ = last_packet_id_ == UINT16_MAX ? 1 : static_cast<uint16_t>(last_packet_id_ + 1);
    if (holds_restored() && find_among_restored(protocol::PacketId(last_packet_id_)) != nullptr) continue;
    // Its distance to those before it does not tell its place, also when the one in the way is gone.
    if (skipped) restored_end_ = first_ordinal_ + deliveries_.size() + 1;
    return protocol::PacketId(last_packet_id_);
  }
}

Delivery* InflightWindow::find(protocol::PacketId packet_id) {
  if (deliveries_.empty()) return nullptr;
  const uint16_t first = deliveries_.front().packet_id.value();
  const uint16_t value = packet_id.value();
  // Ids are given in turn, skipping 0, so the distance to the oldest tells the place.
  const size_t guess = value >= first ? value - first : size_t{value} + UINT16_MAX - first;
  if (guess < deliveries_.size() && deliveries_[guess].packet_id == packet_id &&
      deliveries_[guess].state != DeliveryState::kDone)
    return &deliveries_[guess];
  return holds_restored() ? find_among_restored(packet_id) : nullptr;
}

void InflightWindow::complete(Delivery& delivery) {
  delivery.state = DeliveryState::kDone;
  drop_done();
}

void InflightWindow::drop_done() {
  while (!deliveries_.empty() && deliveries_.front().state == DeliveryState::kDone) {
    deliveries_.pop_front();
    ++first_ordinal_;
  }
  if (!holds_restored()) ordinals_.reset();
}

void InflightWindow::restore(const Delivery& delivery) {
  note_ordinal(delivery.packet_id);
  deliveries_.push_back(delivery);
  restored_end_ = first_ordinal_ + deliveries_.size();
  last_packet_id_ = delivery.packet_id.value();
}

}  // namespace penstock::broker
