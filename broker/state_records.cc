#include "broker/state_records.h"

#include <algorithm>

#include "broker/byte_codec.h"
#include "broker/state_codec.h"
#include "protocol/property.h"

namespace penstock::broker {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kSubscribedWithTerms = 2;  // version of "subscribed" with what only MQTT 5.0 can ask for
constexpr size_t kWillDelayBytes = 1 + sizeof(uint32_t);
constexpr size_t kTextBytesMin = sizeof(uint16_t);

bool is_plain(const GrantedFilter& granted) {
  return granted.terms.is_plain();
}

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
    case StateRecord::kSessionExpiry:
      return "session expiry";
  }
  return nullptr;
}

std::vector<std::byte> encode_opened(uint32_t expiry_s, const LogClock& passed) {
  std::vector<std::byte> out;
  if (expiry_s == kExpiryByBroker && passed.empty()) return out;
  ByteWriter writer(out);
  writer.integer(kVersion);
  writer.integer(expiry_s);
  write_clock(writer, passed);
  return out;
}

std::vector<std::byte> encode_expiry(uint32_t expiry_s) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.integer(kVersion);
  writer.integer(expiry_s);
  return out;
}

std::vector<std::byte> encode_subscribed(const LogClock& start, std::span<const GrantedFilter> filters) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  const bool plain = std::ranges::all_of(filters, is_plain);
  writer.integer(plain ? kVersion : kSubscribedWithTerms);
  write_clock(writer, start);
  if (!plain) writer.integer(uint32_t{filters.front().terms.identifier});
  writer.integer(static_cast<uint32_t>(filters.size()));
  for (const GrantedFilter& each : filters) {
    writer.integer(each.terms.option_bits());
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

std::vector<std::byte> encode_progress(Presence presence, const LogClock& done, const InflightWindow* window,
                                       const std::vector<Delivery>& completed_ahead) {
  std::vector<std::byte> out;
  ByteWriter writer(out);
  writer.integer(kVersion);
  writer.integer(static_cast<uint8_t>(presence));
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

std::optional<OpenedState> decode_opened(core::Bytes payload) {
  if (payload.empty()) return OpenedState();
  ByteReader reader(payload);
  if (reader.integer<uint8_t>() != kVersion) return std::nullopt;
  OpenedState state;
  state.expiry_s = reader.integer<uint32_t>();
  state.passed = read_clock(reader);
  return reader.ok() ? std::optional(std::move(state)) : std::nullopt;
}

std::optional<uint32_t> decode_expiry(core::Bytes payload) {
  ByteReader reader(payload);
  if (reader.integer<uint8_t>() != kVersion) return std::nullopt;
  const auto expiry_s = reader.integer<uint32_t>();
  return reader.ok() ? std::optional(expiry_s) : std::nullopt;
}

std::optional<SubscribedState> decode_subscribed(core::Bytes payload) {
  ByteReader reader(payload);
  const auto version = reader.integer<uint8_t>();
  if (version != kVersion && version != kSubscribedWithTerms) return std::nullopt;
  SubscribedState state;
  state.start = read_clock(reader);
  const uint32_t identifier = version == kSubscribedWithTerms ? reader.integer<uint32_t>() : 0;
  if (identifier > kSubscriptionIdentifierMax) return std::nullopt;
  const uint32_t count = reader.count(1 + kTextBytesMin);
  for (uint32_t i = 0; i < count && reader.ok(); ++i) {
    const auto options = reader.integer<uint8_t>();
    if (!SubscriptionTerms::are_option_bits(options) || (version == kVersion && options > 2)) reader.fail();
    state.filters.push_back({reader.short_text(), SubscriptionTerms::from_option_bits(options, identifier)});
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
  const auto presence = reader.integer<uint8_t>();
  if (presence > static_cast<uint8_t>(Presence::kOfflineSinceCrash)) reader.fail();
  state.presence = static_cast<Presence>(presence);
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

std::vector<std::byte> encode_will_properties(const Will& will) {
  std::vector<std::byte> out;
  if (will.delay_s > 0) {
    out.resize(kWillDelayBytes);
    out[0] = static_cast<std::byte>(protocol::PropertyId::kWillDelayInterval);
    core::store_be32(out.data() + 1, will.delay_s);
  }
  out.insert(out.end(), will.properties.begin(), will.properties.end());
  return out;
}

Will decode_will(const log::RecordView& record) {
  core::Bytes properties = record.properties();
  Will will{.topic = std::string(record.topic()),
            .payload = {record.payload().begin(), record.payload().end()},
            .qos = static_cast<protocol::QoS>(record.qos()),
            .retain = record.retain()};
  constexpr auto kDelay = static_cast<std::byte>(protocol::PropertyId::kWillDelayInterval);
  if (properties.size() >= kWillDelayBytes && properties[0] == kDelay) {
    will.delay_s = core::load_be32(properties.data() + 1);
    properties = properties.subspan(kWillDelayBytes);
  }
  will.properties.assign(properties.begin(), properties.end());
  return will;
}

}  // namespace penstock::broker
