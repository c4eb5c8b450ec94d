// The packets that are written now and then; PUBLISH and the short acknowledgements are inline. CONNECT, CONNACK, AUTH,
// DISCONNECT: protocol/encode_connect.cc.
#include "protocol/encode.h"

#include "protocol/field_writer.h"

namespace penstock::protocol {
namespace {

bool is_5(ProtocolVersion version) {
  return version == ProtocolVersion::kMqtt5;
}

auto reason_property(std::string_view reason_string) {
  return [reason_string](PropertyWriter& writer) {
    if (!reason_string.empty()) writer.text(PropertyId::kReasonString, reason_string);
  };
}

auto subscription_property(uint32_t subscription_id) {
  return [subscription_id](PropertyWriter& writer) {
    if (subscription_id != 0) writer.variable(PropertyId::kSubscriptionId, subscription_id);
  };
}

void no_properties(PropertyWriter&) {}

size_t acknowledge_remaining_length(ReasonCode reason, std::string_view reason_string) {
  if (!reason_string.empty()) return 3 + section_bytes(reason_property(reason_string));
  return reason == ReasonCode::kSuccess ? 2 : 3;
}

size_t subscribe_remaining_length(std::span<const FilterRequest> requests, ProtocolVersion version,
                                  uint32_t subscription_id) {
  size_t bytes = 2 + (is_5(version) ? section_bytes(subscription_property(subscription_id)) : 0);
  for (const FilterRequest& request : requests) bytes += 3 + request.filter.size();
  return bytes;
}

size_t codes_remaining_length(size_t code_count, ProtocolVersion version, std::string_view reason_string) {
  return 2 + (is_5(version) ? section_bytes(reason_property(reason_string)) : 0) + code_count;
}

size_t unsubscribe_remaining_length(std::span<const TopicFilter> filters, ProtocolVersion version) {
  size_t bytes = 2 + (is_5(version) ? 1 : 0);
  for (const TopicFilter& filter : filters) bytes += 2 + filter.size();
  return bytes;
}

}  // namespace

size_t acknowledge_bytes(ReasonCode reason, std::string_view reason_string) {
  return packet_bytes(acknowledge_remaining_length(reason, reason_string));
}

size_t encode_acknowledge(core::MutableBytes to, PacketType type, PacketId packet_id, ReasonCode reason,
                          std::string_view reason_string) {
  // [MQTT5-3.4.2-1] [MQTT5-3.5.2-1] [MQTT5-3.6.2-1] [MQTT5-3.7.2-1]
  CHECK(may_carry(type, reason));
  const uint8_t flags = type == PacketType::kPubrel ? 2 : 0;  // [MQTT5-3.6.1-1]
  const size_t remaining_length = acknowledge_remaining_length(reason, reason_string);
  FieldWriter writer(to, type, flags, remaining_length);
  writer.u16(packet_id.value());
  if (remaining_length > 2) writer.u8(static_cast<uint8_t>(reason));
  if (remaining_length > 3) writer.section(reason_property(reason_string));
  return writer.bytes();
}

size_t subscribe_bytes(std::span<const FilterRequest> requests, ProtocolVersion version, uint32_t subscription_id) {
  return packet_bytes(subscribe_remaining_length(requests, version, subscription_id));
}

size_t encode_subscribe(core::MutableBytes to, PacketId packet_id, std::span<const FilterRequest> requests,
                        ProtocolVersion version, uint32_t subscription_id) {
  CHECK(!requests.empty());  // [MQTT-3.8.3-3] [MQTT5-3.8.3-2]
  CHECK_NE(packet_id.value(), 0);
  CHECK_LE(subscription_id, kRemainingLengthMax);
  // [MQTT-3.8.1-1] [MQTT5-3.8.1-1]
  FieldWriter writer(to, PacketType::kSubscribe, 2, subscribe_remaining_length(requests, version, subscription_id));
  writer.u16(packet_id.value());
  if (is_5(version)) writer.section(subscription_property(subscription_id));
  for (const FilterRequest& request : requests) {
    writer.sized(request.filter.text());
    writer.u8(is_5(version) ? subscription_options(request) : static_cast<uint8_t>(request.qos));
  }
  return writer.bytes();
}

size_t suback_bytes(size_t code_count, ProtocolVersion version, std::string_view reason_string) {
  return packet_bytes(codes_remaining_length(code_count, version, reason_string));
}

size_t encode_suback(core::MutableBytes to, PacketId packet_id, std::span<const ReasonCode> codes,
                     ProtocolVersion version, std::string_view reason_string) {
  CHECK(!codes.empty());
  FieldWriter writer(to, PacketType::kSuback, 0, codes_remaining_length(codes.size(), version, reason_string));
  writer.u16(packet_id.value());
  if (is_5(version)) writer.section(reason_property(reason_string));
  for (const ReasonCode code : codes) {
    CHECK(may_carry(PacketType::kSuback, code));  // [MQTT5-3.9.3-2]
    const ReasonCode written = !is_5(version) && is_failure(code) ? ReasonCode::kUnspecifiedError : code;
    writer.u8(static_cast<uint8_t>(written));  // [MQTT-3.9.3-2]
  }
  return writer.bytes();
}

size_t unsubscribe_bytes(std::span<const TopicFilter> filters, ProtocolVersion version) {
  return packet_bytes(unsubscribe_remaining_length(filters, version));
}

size_t encode_unsubscribe(core::MutableBytes to, PacketId packet_id, std::span<const TopicFilter> filters,
                          ProtocolVersion version) {
  CHECK(!filters.empty());  // [MQTT-3.10.3-2] [MQTT5-3.10.3-2]
  CHECK_NE(packet_id.value(), 0);
  // [MQTT-3.10.1-1] [MQTT5-3.10.1-1]
  FieldWriter writer(to, PacketType::kUnsubscribe, 2, unsubscribe_remaining_length(filters, version));
  writer.u16(packet_id.value());
  if (is_5(version)) writer.section(no_properties);
  for (const TopicFilter& filter : filters) writer.sized(filter.text());
  return writer.bytes();
}

size_t unsuback_bytes(size_t code_count, ProtocolVersion version, std::string_view reason_string) {
  if (!is_5(version)) return kAcknowledgeBytes;
  return packet_bytes(codes_remaining_length(code_count, version, reason_string));
}

size_t encode_unsuback(core::MutableBytes to, PacketId packet_id, std::span<const ReasonCode> codes,
                       ProtocolVersion version, std::string_view reason_string) {
  if (!is_5(version)) return encode_acknowledge(to, PacketType::kUnsuback, packet_id);
  CHECK(!codes.empty());
  FieldWriter writer(to, PacketType::kUnsuback, 0, codes_remaining_length(codes.size(), version, reason_string));
  writer.u16(packet_id.value());
  writer.section(reason_property(reason_string));
  for (const ReasonCode code : codes) {
    CHECK(may_carry(PacketType::kUnsuback, code));  // [MQTT5-3.11.3-2]
    writer.u8(static_cast<uint8_t>(code));
  }
  return writer.bytes();
}

}  // namespace penstock::protocol
