// Encoding, for both sides: the broker and every client (load generator, tests). Each function writes one packet (or
// the head of a PUBLISH) at the start of `to` and returns the bytes written; `to` must hold what the matching
// ..._bytes() says, and the fields must be valid: both are the caller's duty and CHECKed. Where a `version` is given,
// the packet is one of it; what only 5.0 has is then left out of the others. PUBLISH of 5.0:
// protocol/encode_publish5.h.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "core/bytes.h"
#include "core/check.h"
#include "protocol/connect.h"
#include "protocol/disconnect.h"
#include "protocol/publish.h"
#include "protocol/subscribe.h"
#include "protocol/types.h"

namespace penstock::protocol {

constexpr size_t kConnackBytes = 4;      // before 5.0
constexpr size_t kAcknowledgeBytes = 4;  // in 5.0 of the short form, which says success
constexpr size_t kEmptyPacketBytes = 2;

// 1 to 4, for at most kRemainingLengthMax.
constexpr size_t remaining_length_bytes(size_t remaining_length) {
  return 1 + (remaining_length >= 128) + (remaining_length >= 16'384) + (remaining_length >= 2'097'152);
}

// First byte and remaining length; `to` has room for kFixedHeaderBytesMax. Returns the bytes written.
inline size_t write_fixed_header(std::byte* to, PacketType type, uint8_t flags, size_t remaining_length) {
  to[0] = static_cast<std::byte>(static_cast<uint8_t>(type) << 4 | flags);
  size_t bytes = 1;
  for (; remaining_length >= 128; remaining_length >>= 7) to[bytes++] = std::byte(remaining_length | 0x80);
  to[bytes++] = std::byte(remaining_length);
  return bytes;
}

// What stands before a PUBLISH's payload. `packet_id` is used, and must not be 0, above QoS 0.
struct PublishHeader {
  TopicName topic;
  size_t payload_bytes = 0;  // that will follow
  PacketId packet_id;
  QoS qos = QoS::kAtMostOnce;
  bool dup = false;
  bool retain = false;
};

constexpr size_t publish_remaining_length(size_t topic_bytes, QoS qos, size_t payload_bytes) {
  return 2 + topic_bytes + (qos == QoS::kAtMostOnce ? 0 : 2) + payload_bytes;
}
// The whole packet with its payload.
constexpr size_t publish_bytes(size_t topic_bytes, QoS qos, size_t payload_bytes) {
  const size_t remaining_length = publish_remaining_length(topic_bytes, qos, payload_bytes);
  return 1 + remaining_length_bytes(remaining_length) + remaining_length;
}
// Without the payload.
constexpr size_t publish_header_bytes(size_t topic_bytes, QoS qos, size_t payload_bytes) {
  return publish_bytes(topic_bytes, qos, payload_bytes) - payload_bytes;
}

inline uint8_t publish_flags(QoS qos, bool dup, bool retain) {
  return static_cast<uint8_t>((dup ? 8 : 0) | static_cast<uint8_t>(qos) << 1 | (retain ? 1 : 0));
}

inline size_t encode_publish_header(core::MutableBytes to, const PublishHeader& header) {
  const size_t topic_bytes = header.topic.size();
  CHECK(to.size() >= publish_header_bytes(topic_bytes, header.qos, header.payload_bytes));
  const size_t remaining_length = publish_remaining_length(topic_bytes, header.qos, header.payload_bytes);
  std::byte* at = to.data();
  at += write_fixed_header(at, PacketType::kPublish, publish_flags(header.qos, header.dup, header.retain),
                           remaining_length);
  core::store_be16(at, static_cast<uint16_t>(topic_bytes));
  std::memcpy(at + 2, header.topic.text().data(), topic_bytes);
  at += 2 + topic_bytes;
  if (header.qos != QoS::kAtMostOnce) {  // [MQTT-2.3.1-5]
    core::store_be16(at, header.packet_id.value());
    at += 2;
  }
  return static_cast<size_t>(at - to.data());
}

// Header and payload; header.payload_bytes is taken from `payload`.
inline size_t encode_publish(core::MutableBytes to, PublishHeader header, core::Bytes payload) {
  header.payload_bytes = payload.size();
  const size_t header_bytes = encode_publish_header(to, header);
  CHECK(to.size() - header_bytes >= payload.size());
  if (!payload.empty()) std::memcpy(to.data() + header_bytes, payload.data(), payload.size());
  return header_bytes + payload.size();
}

// `type` is one of PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK; PUBREL gets its flag bits.
inline size_t encode_acknowledge(core::MutableBytes to, PacketType type, PacketId packet_id) {
  CHECK(to.size() >= kAcknowledgeBytes);
  const uint32_t flags = type == PacketType::kPubrel ? 2 : 0;  // [MQTT-3.6.1-1]
  core::store_be32(to.data(), static_cast<uint32_t>(type) << 28 | flags << 24 | 2u << 16 | packet_id.value());
  return kAcknowledgeBytes;
}

// Of 5.0: PUBACK, PUBREC, PUBREL, PUBCOMP with a reason, and one line for a person where the receiver wants such lines
// [MQTT5-3.1.2-29] and has room for it. The short form where neither is there to be said.
size_t acknowledge_bytes(ReasonCode reason, std::string_view reason_string = {});
size_t encode_acknowledge(core::MutableBytes to, PacketType type, PacketId packet_id, ReasonCode reason,
                          std::string_view reason_string = {});

// `type` is one of PINGREQ, PINGRESP, DISCONNECT.
inline size_t encode_empty(core::MutableBytes to, PacketType type) {
  CHECK(to.size() >= kEmptyPacketBytes);
  core::store_be16(to.data(), static_cast<uint16_t>(static_cast<uint16_t>(type) << 12));
  return kEmptyPacketBytes;
}

// Of connect.version.
size_t connect_bytes(const Connect& connect);
size_t encode_connect(core::MutableBytes to, const Connect& connect);

size_t connack_bytes(const Connack& connack, ProtocolVersion version);
size_t encode_connack(core::MutableBytes to, const Connack& connack,
                      ProtocolVersion version = ProtocolVersion::kMqtt311);

// `subscription_id`: 0 for none.
size_t subscribe_bytes(std::span<const FilterRequest> requests, ProtocolVersion version = ProtocolVersion::kMqtt311,
                       uint32_t subscription_id = 0);
size_t encode_subscribe(core::MutableBytes to, PacketId packet_id, std::span<const FilterRequest> requests,
                        ProtocolVersion version = ProtocolVersion::kMqtt311, uint32_t subscription_id = 0);

// Before 5.0 every failure is 0x80.
size_t suback_bytes(size_t code_count, ProtocolVersion version = ProtocolVersion::kMqtt311,
                    std::string_view reason_string = {});
size_t encode_suback(core::MutableBytes to, PacketId packet_id, std::span<const ReasonCode> codes,
                     ProtocolVersion version = ProtocolVersion::kMqtt311, std::string_view reason_string = {});

size_t unsubscribe_bytes(std::span<const TopicFilter> filters, ProtocolVersion version = ProtocolVersion::kMqtt311);
size_t encode_unsubscribe(core::MutableBytes to, PacketId packet_id, std::span<const TopicFilter> filters,
                          ProtocolVersion version = ProtocolVersion::kMqtt311);

// Before 5.0 without the codes: kAcknowledgeBytes.
size_t unsuback_bytes(size_t code_count, ProtocolVersion version, std::string_view reason_string = {});
size_t encode_unsuback(core::MutableBytes to, PacketId packet_id, std::span<const ReasonCode> codes,
                       ProtocolVersion version, std::string_view reason_string = {});

// Of 5.0; before it a DISCONNECT is encode_empty(). `sender` says which reasons are legal.
size_t disconnect_bytes(const Disconnect& disconnect);
size_t encode_disconnect(core::MutableBytes to, const Disconnect& disconnect, Sender sender);

size_t auth_bytes(const Auth& auth);
size_t encode_auth(core::MutableBytes to, const Auth& auth, Sender sender);

}  // namespace penstock::protocol
