#include "broker/state_records.h"

#include "broker/byte_codec.h"
#include "broker/state_codec.h"

namespace penstock::broker {
namespace {

constexpr uint8_t kVersion = 1;

}  // namespace

const char* record_type_name(log::RecordType type) {
  switch (type) {
    case log::kEpochStart:
      return "epoch start";
    case log::kMessage:
      return "message";
    default:
      break;
  }
  switch (static_cast<StateRecord>(type)) {
    case StateRecord::kDirectMessage:
      return "direct message";
    case StateRecord::kSessionOpened:
      return "session opened";
    case StateRecord::kSessionEnded:
      return "session ended";
    case StateRecord::kSubscribed:
      return "subscribed";
    case StateRecord::kUnsubscribed:
      return "unsubscribed";
    case StateRecord::kSessionProgress:
      return "session progress";
    case StateRecord::kDeliveryStarted:
      return "delivery started";
    case StateRecord::kDeliveryReleased:
      return "delivery released";
    case StateRecord::kInboundReleased:
      return "inbound released";
    case StateRecord::kWillSet:
      return "will set";
    case StateRecord::kWillCleared:
      return "will cleared";
  }
  return nullptr;
}

std::vector<std::byte> encode_subscribed(protocol::QoS qos, const LogClock& start) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.integer(kVersion);
  writer.integer(static_cast<uint8_t>(qos));
  write_clock(writer, start);
  return out;
}

std::vector<std::byte> encode_progress(bool online, const LogClock& done, const InflightWindow* window,
                                       const std::vector<Delivery>& completed_ahead) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.integer(kVersion);
  writer.integer(static_cast<uint8_t>(online));
  write_clock(writer, done);
  write_window(writer, window, completed_ahead);
  return out;
}

std::vector<std::byte> encode_delivery(const Delivery& delivery) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.integer(kVersion);
  write_delivery(writer, delivery);
  return out;
}

std::optional<SubscribedState> decode_subscribed(core::Bytes payload) {
  ByteReader reader(payload);
  if (reader.integer<uint8_t>() != kVersion) return std::nullopt;
  SubscribedState state;
  state.qos = read_qos(reader);
  state.start = read_clock(reader);
  return reader.ok() ? std::optional(std::move(state)) : std::nullopt;
}

std::optional<ProgressState> decode_progress(core::Bytes payload) {
  ByteReader reader(payload);
  if (reader.integer<uint8_t>() != kVersion) return std::nullopt;
  ProgressState state;
  state.online = reader.integer<uint8_t>() != 0;
  state.done = read_clock(reader);
  state.deliveries = read_deliveries(reader);
  return reader.ok() ? std::optional(std::move(state)) : std::nullopt;
}

std::optional<Delivery> decode_delivery(core::Bytes payload) {
  ByteReader reader(payload);
  if (reader.integer<uint8_t>() != kVersion) return std::nullopt;
  const Delivery delivery = read_delivery(reader);
  return reader.ok() ? std::optional(delivery) : std::nullopt;
}

}  // namespace penstock::broker
