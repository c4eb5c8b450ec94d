#include "broker/state_codec.h"

#include "log/record_format.h"

namespace penstock::broker {
namespace {

constexpr size_t kProgressBytes = 2 + 8 + 8;

constexpr uint8_t kRetainFlag = 1;
constexpr uint8_t kSharedFlag = 2;

// What a group has given at QoS 1 is not the session's any more when its connection is gone.
bool is_recorded(const Delivery& delivery) {
  if (delivery.state == DeliveryState::kDone) return false;
  return !delivery.shared || delivery.qos == protocol::QoS::kExactlyOnce;
}

}  // namespace

size_t clock_bytes(const LogClock& clock) {
  return sizeof(uint32_t) + clock.entries().size() * kProgressBytes;
}

void write_clock(ByteWriter& writer, const LogClock& clock) {
  writer.integer(static_cast<uint32_t>(clock.entries().size()));
  for (const LogProgress& progress : clock.entries()) {
    writer.integer(progress.log.value());
    writer.integer(progress.sequence.value());
    writer.integer(progress.offset.value());
  }
}

LogClock read_clock(ByteReader& reader) {
  LogClock clock;
  const uint32_t count = reader.count(kProgressBytes);
  for (uint32_t i = 0; i < count; ++i) {
    const log::LogId log(reader.integer<uint16_t>());
    const log::Sequence sequence(reader.integer<uint64_t>());
    const log::LogOffset offset(reader.integer<uint64_t>());
    clock.entries().push_back({log, sequence, offset});
  }
  return clock;
}

void write_delivery(ByteWriter& writer, const Delivery& delivery) {
  writer.integer(delivery.packet_id.value());
  writer.integer(static_cast<uint8_t>(delivery.qos));
  writer.integer(static_cast<uint8_t>(delivery.state));
  writer.integer(static_cast<uint8_t>((delivery.retain ? kRetainFlag : 0) | (delivery.shared ? kSharedFlag : 0)));
  writer.integer(delivery.log.value());
  writer.integer(delivery.offset.value());
  writer.integer(delivery.sequence.value());
}

Delivery read_delivery(ByteReader& reader) {
  Delivery delivery;
  delivery.packet_id = protocol::PacketId(reader.integer<uint16_t>());
  delivery.qos = read_qos(reader);
  const uint8_t state = reader.integer<uint8_t>();
  delivery.state = static_cast<DeliveryState>(state);
  const uint8_t flags = reader.integer<uint8_t>();
  delivery.retain = (flags & kRetainFlag) != 0;
  delivery.shared = (flags & kSharedFlag) != 0;
  delivery.log = log::LogId(reader.integer<uint16_t>());
  delivery.offset = log::LogOffset(reader.integer<uint64_t>());
  delivery.sequence = log::Sequence(reader.integer<uint64_t>());
  // A record lies where one can be read.
  const bool known = delivery.qos != protocol::QoS::kAtMostOnce &&
                     state <= static_cast<uint8_t>(DeliveryState::kDone) && flags <= (kRetainFlag | kSharedFlag) &&
                     (!delivery.shared || delivery.qos == protocol::QoS::kExactlyOnce);
  if (!known || delivery.packet_id.value() == 0 || delivery.offset.value() % log::kRecordAlignment != 0) {
    reader.fail();
    return {};
  }
  return delivery;
}

void write_window(ByteWriter& writer, const InflightWindow* window, const std::vector<Delivery>& completed) {
  auto count = static_cast<uint32_t>(completed.size());
  for (size_t i = 0; window != nullptr && i < window->size(); ++i) count += is_recorded(window->at(i));
  writer.integer(count);
  for (size_t i = 0; window != nullptr && i < window->size(); ++i)
    if (is_recorded(window->at(i))) write_delivery(writer, window->at(i));
  for (const Delivery& delivery : completed) write_delivery(writer, delivery);
}

std::vector<Delivery> read_deliveries(ByteReader& reader) {
  std::vector<Delivery> deliveries;
  const uint32_t count = reader.count(kDeliveryBytes);
  for (uint32_t i = 0; i < count && reader.ok(); ++i) deliveries.push_back(read_delivery(reader));
  return deliveries;
}

void write_terms(ByteWriter& writer, const SubscriptionTerms& terms) {
  writer.integer(terms.option_bits());
  writer.integer(uint32_t{terms.identifier});
}

SubscriptionTerms read_terms(ByteReader& reader) {
  const auto options = reader.integer<uint8_t>();
  const auto identifier = reader.integer<uint32_t>();
  if (!SubscriptionTerms::are_option_bits(options) || identifier > kSubscriptionIdentifierMax) reader.fail();
  return reader.ok() ? SubscriptionTerms::from_option_bits(options, identifier) : SubscriptionTerms();
}

protocol::QoS read_qos(ByteReader& reader) {
  const uint8_t qos = reader.integer<uint8_t>();
  if (qos > 2) reader.fail();
  return static_cast<protocol::QoS>(qos > 2 ? 0 : qos);
}

}  // namespace penstock::broker
