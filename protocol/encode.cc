// The packets that are written now and then; PUBLISH and the acknowledgements are inline.
#include "protocol/encode.h"

namespace penstock::protocol {
namespace {

// Appends fields to a packet whose size was checked at the start.
class FieldWriter {
 public:
  FieldWriter(core::MutableBytes to, PacketType type, uint8_t flags, size_t remaining_length) : begin_(to.data()) {
    CHECK_LE(remaining_length, kRemainingLengthMax);
    CHECK_GE(to.size(), 1 + remaining_length_bytes(remaining_length) + remaining_length);
    at_ = begin_ + write_fixed_header(begin_, type, flags, remaining_length);
  }
  void u8(uint8_t value) { *at_++ = std::byte(value); }
  void u16(uint16_t value) {
    core::store_be16(at_, value);
    at_ += 2;
  }
  void sized(core::Bytes bytes) {
    CHECK_LE(bytes.size(), kStringBytesMax);
    u16(static_cast<uint16_t>(bytes.size()));
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void sized(std::string_view text) { sized(core::as_bytes(text)); }
  size_t bytes() const { return static_cast<size_t>(at_ - begin_); }

 private:
  std::byte* begin_;
  std::byte* at_;
};

size_t packet_bytes(size_t remaining_length) {
  return 1 + remaining_length_bytes(remaining_length) + remaining_length;
}

std::string_view protocol_name(ProtocolVersion version) {
  return version == ProtocolVersion::kMqtt31 ? "MQIsdp" : "MQTT";
}

size_t connect_remaining_length(const Connect& connect) {
  constexpr size_t kLevelFlagsKeepalive = 4;
  size_t bytes = 2 + protocol_name(connect.version).size() + kLevelFlagsKeepalive + 2 + connect.client_id.size();
  if (connect.will) bytes += 2 + connect.will->topic.size() + 2 + connect.will->payload.size();
  if (connect.user_name) bytes += 2 + connect.user_name->size();
  if (connect.password) bytes += 2 + connect.password->size();
  return bytes;
}

uint8_t connect_flags(const Connect& connect) {
  uint32_t flags = connect.clean_session ? 0x02 : 0;
  if (connect.will) {
    flags |= 0x04u | static_cast<uint32_t>(connect.will->qos) << 3 | (connect.will->retain ? 0x20u : 0);
  }
  if (connect.password) flags |= 0x40;
  if (connect.user_name) flags |= 0x80;
  return static_cast<uint8_t>(flags);
}

size_t subscribe_remaining_length(std::span<const FilterRequest> requests) {
  size_t bytes = 2;
  for (const FilterRequest& request : requests) bytes += 3 + request.filter.size();
  return bytes;
}

size_t unsubscribe_remaining_length(std::span<const TopicFilter> filters) {
  size_t bytes = 2;
  for (const TopicFilter& filter : filters) bytes += 2 + filter.size();
  return bytes;
}

}  // namespace

size_t connect_bytes(const Connect& connect) {
  return packet_bytes(connect_remaining_length(connect));
}

size_t encode_connect(core::MutableBytes to, const Connect& connect) {
  CHECK(connect.user_name.has_value() || !connect.password.has_value());  // [MQTT-3.1.2-22]
  FieldWriter writer(to, PacketType::kConnect, 0, connect_remaining_length(connect));
  writer.sized(protocol_name(connect.version));
  writer.u8(static_cast<uint8_t>(connect.version));
  writer.u8(connect_flags(connect));
  writer.u16(connect.keepalive_s);
  writer.sized(connect.client_id);
  if (connect.will) {
    writer.sized(connect.will->topic.text());
    writer.sized(connect.will->payload);
  }
  if (connect.user_name) writer.sized(*connect.user_name);
  if (connect.password) writer.sized(*connect.password);
  return writer.bytes();
}

size_t encode_connack(core::MutableBytes to, Connack connack) {
  // [MQTT-3.2.2-4]
  CHECK(!connack.session_present || connack.code == ConnectReturnCode::kAccepted);
  FieldWriter writer(to, PacketType::kConnack, 0, 2);
  writer.u8(connack.session_present ? 1 : 0);
  writer.u8(static_cast<uint8_t>(connack.code));
  return writer.bytes();
}

size_t subscribe_bytes(std::span<const FilterRequest> requests) {
  return packet_bytes(subscribe_remaining_length(requests));
}

size_t encode_subscribe(core::MutableBytes to, PacketId packet_id, std::span<const FilterRequest> requests) {
  CHECK(!requests.empty());  // [MQTT-3.8.3-3]
  CHECK_NE(packet_id.value(), 0);
  FieldWriter writer(to, PacketType::kSubscribe, 2, subscribe_remaining_length(requests));  // [MQTT-3.8.1-1]
  writer.u16(packet_id.value());
  for (const FilterRequest& request : requests) {
    writer.sized(request.filter.text());
    writer.u8(static_cast<uint8_t>(request.qos));
  }
  return writer.bytes();
}

size_t suback_bytes(size_t code_count) {
  return packet_bytes(2 + code_count);
}

size_t encode_suback(core::MutableBytes to, PacketId packet_id, std::span<const SubackCode> codes) {
  CHECK(!codes.empty());
  FieldWriter writer(to, PacketType::kSuback, 0, 2 + codes.size());
  writer.u16(packet_id.value());
  for (const SubackCode code : codes) writer.u8(static_cast<uint8_t>(code));
  return writer.bytes();
}

size_t unsubscribe_bytes(std::span<const TopicFilter> filters) {
  return packet_bytes(unsubscribe_remaining_length(filters));
}

size_t encode_unsubscribe(core::MutableBytes to, PacketId packet_id, std::span<const TopicFilter> filters) {
  CHECK(!filters.empty());  // [MQTT-3.10.3-2]
  CHECK_NE(packet_id.value(), 0);
  // [MQTT-3.10.1-1]
  FieldWriter writer(to, PacketType::kUnsubscribe, 2, unsubscribe_remaining_length(filters));
  writer.u16(packet_id.value());
  for (const TopicFilter& filter : filters) writer.sized(filter.text());
  return writer.bytes();
}

}  // namespace penstock::protocol
