#include "broker/state_records.h"

#include "broker/byte_codec.h"
#include "broker/state_codec.h"

namespace penstock::broker {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kTextBytesMin = sizeof(uint16_t);

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

std::vector<std::byte> encode_opened(const LogClock& passed) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.integer(kVersion);
  write_clock(writer, passed);
  return out;
}

std::vector<std::byte> encode_subscribed(const LogClock& start, std::span<const GrantedFilter> filters) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.integer(kVersion);
  write_clock(writer, start);
  writer.integer(static_cast<uint32_t>(filters.size()));
  for (const GrantedFilter& each : filters) {
    writer.integer(static_cast<uint8_t>(each.qos));
    writer.short_text(each.filter);
  }
  return out;
}

std::vector<std::byte> encode_unsubscribed(std::span<const std::string_view> filters) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.integer(kVersion);
  writer.integer(static_cast<uint32_t>(filters.size()));
  for (const std::string_view filter : filters) writer.short_text(filter);
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

std::optional<LogClock> decode_opened(core::Bytes payload) {
  if (payload.empty()) return LogClock();
  ByteReader reader(payload);
  if (reader.integer<uint8_t>() != kVersion) return std::nullopt;
  LogClock passed = read_clock(reader);
  return reader.ok() ? std::optional(std::move(passed)) : std::nullopt;
}

std::optional<SubscribedState> decode_subscribed(core::Bytes payload) {
  ByteReader reader(payload);
  if (reader.integer<uint8_t>() != kVersion) return std::nullopt;
  SubscribedState state;
  state.start = read_clock(reader);
  const uint32_t count = reader.count(1 + kTextBytesMin);
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    const protocol::QoS qos = read_qos(reader);
    state.filters.push_back({reader.short_text(), qos});
  }
  return reader.ok() ? std::optional(std::move(state)) : std::nullopt;
}

std::optional<std::vector<std::string_view>> decode_unsubscribed(core::Bytes payload) {
  ByteReader reader(payload);
  if (reader.integer<uint8_t>() != kVersion) return std::nullopt;
  std::vector<std::string_view> filters;
  const uint32_t count = reader.count(kTextBytesMin);
  for (uint32_t i = 0; i < count && reader.ok(); ++i) filters.push_back(reader.short_text());
  return reader.ok() ? std::optional(std::move(filters)) : std::nullopt;
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
