#include "broker/inflight_window.h"

#include "core/check.h"

namespace penstock::broker {

bool InflightWindow::uses(protocol::PacketId packet_id) {
  for (size_t i = 0; i < deliveries_.size(); ++i)
    if (deliveries_[i].packet_id == packet_id && deliveries_[i].state != DeliveryState::kDone) return true;
  return false;
}

protocol::PacketId InflightWindow::next_packet_id() {
  CHECK(!full());
  // The window is shorter than the cycle of ids, so ids given in turn never meet; only restored ones may stand in the
  // way. [MQTT-2.3.1-4] [MQTT-4.3.2-1]
  do {
    last_packet_id_ = last_packet_id_ == UINT16_MAX ? 1 : static_cast<uint16_t>(last_packet_id_ + 1);
  } while (holds_restored() && uses(protocol::PacketId(last_packet_id_)));
  return protocol::PacketId(last_packet_id_);
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
  if (!holds_restored()) return nullptr;
  for (size_t i = 0; i < deliveries_.size(); ++i)
    if (deliveries_[i].packet_id == packet_id && deliveries_[i].state != DeliveryState::kDone) return &deliveries_[i];
  return nullptr;
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
}

void InflightWindow::restore(const Delivery& delivery) {
  deliveries_.push_back(delivery);
  restored_end_ = first_ordinal_ + deliveries_.size();
  last_packet_id_ = delivery.packet_id.value();
}

}  // namespace penstock::broker
