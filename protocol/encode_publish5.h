// Encoding of PUBLISH in 5.0, for both sides. Beside encode.h, whose rules hold here, because it is as hot: inline, one
// pass, and what a message keeps (protocol/stored_properties.h) is copied as it lies.
//
//   fixed header | topic | packet id | length, topic alias, subscription identifiers, stored properties | payload
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "core/bytes.h"
#include "core/check.h"
#include "protocol/encode.h"
#include "protocol/stored_properties.h"
#include "protocol/topic_name.h"
#include "protocol/types.h"

namespace penstock::protocol {

// What stands before the payload of a PUBLISH of 5.0. `packet_id` is used, and must not be 0, above QoS 0.
struct PublishHeader5 {
  TopicName topic;         // may be empty where the receiver has learnt the alias before
  core::Bytes properties;  // in wire form without their length: stored properties, or what a client sends
  // Seconds that are left: written in place of the message expiry interval that `properties` begin with, if they do.
  // Without it, that one goes out as it is. [MQTT5-3.3.2-6]
  std::optional<uint32_t> message_expiry_s;
  std::span<const uint32_t> subscription_ids;  // each 1 to 268,435,455; none in a client's packet [MQTT5-3.3.4-6]
  size_t payload_bytes = 0;                    // that will follow
  uint16_t topic_alias = 0;                    // 0: none
  PacketId packet_id;
  QoS qos = QoS::kAtMostOnce;
  bool dup = false;
  bool retain = false;
};

// Alias, identifiers and properties, without the length before them.
inline size_t publish5_section_bytes(const PublishHeader5& header) {
  size_t bytes = header.properties.size() + (header.topic_alias != 0 ? 3 : 0);
  for (const uint32_t id : header.subscription_ids) bytes += 1 + remaining_length_bytes(id);
  return bytes;
}

inline size_t publish5_remaining_length(const PublishHeader5& header, size_t section_bytes, size_t payload_bytes) {
  return publish_remaining_length(header.topic.size(), header.qos, payload_bytes) +
         remaining_length_bytes(section_bytes) + section_bytes;
}
// The whole packet with its payload. More than kPacketBytesMax where no packet can hold it: compare with what the
// receiver accepts before encoding. [MQTT5-3.1.2-24]
inline size_t publish5_bytes(const PublishHeader5& header) {
  const size_t remaining_length =
      publish5_remaining_length(header, publish5_section_bytes(header), header.payload_bytes);
  return 1 + remaining_length_bytes(remaining_length) + remaining_length;
}
// Without the payload.
inline size_t publish5_header_bytes(const PublishHeader5& header) {
  return publish5_bytes(header) - header.payload_bytes;
}

namespace detail {

inline std::byte* write_variable(std::byte* at, size_t value) {
  for (; value >= 128; value >>= 7) *at++ = std::byte(value | 0x80);
  *at++ = std::byte(value);
  return at;
}

inline std::byte* write_publish5_section(std::byte* at, const PublishHeader5& header) {
  if (header.topic_alias != 0) {  // [MQTT5-3.3.2-8]
    *at = std::byte(PropertyId::kTopicAlias);
    core::store_be16(at + 1, header.topic_alias);
    at += 3;
  }
  for (const uint32_t id : header.subscription_ids) {
    *at = std::byte(PropertyId::kSubscriptionId);
    at = write_variable(at + 1, id);
  }
  if (!header.properties.empty()) {
    std::memcpy(at, header.properties.data(), header.properties.size());
    if (header.message_expiry_s && stored_expiry_s(header.properties)) {
      core::store_be32(at + 1, *header.message_expiry_s);
    }
    at += header.properties.size();
  }
  return at;
}

// header.payload_bytes does not count.
inline size_t write_publish5_header(core::MutableBytes to, const PublishHeader5& header, size_t payload_bytes) {
  const size_t section_bytes = publish5_section_bytes(header);
  const size_t remaining_length = publish5_remaining_length(header, section_bytes, payload_bytes);
  CHECK(remaining_length <= kRemainingLengthMax);
  CHECK(to.size() >= 1 + remaining_length_bytes(remaining_length) + remaining_length - payload_bytes);
  std::byte* at = to.data();
  at += write_fixed_header(at, PacketType::kPublish, publish_flags(header.qos, header.dup, header.retain),
                           remaining_length);
  const size_t topic_bytes = header.topic.size();
  core::store_be16(at, static_cast<uint16_t>(topic_bytes));
  if (topic_bytes != 0) std::memcpy(at + 2, header.topic.text().data(), topic_bytes);
  at += 2 + topic_bytes;
  if (header.qos != QoS::kAtMostOnce) {  // [MQTT5-2.2.1-2]
    core::store_be16(at, header.packet_id.value());
    at += 2;
  }
  at = write_variable(at, section_bytes);  // 0 where there are none [MQTT5-2.2.2-1]
  if (section_bytes != 0) at = write_publish5_section(at, header);
  return static_cast<size_t>(at - to.data());
}

}  // namespace detail

inline size_t encode_publish5_header(core::MutableBytes to, const PublishHeader5& header) {
  return detail::write_publish5_header(to, header, header.payload_bytes);
}

// Header and payload; what counts is payload.size(), not header.payload_bytes.
inline size_t encode_publish5(core::MutableBytes to, const PublishHeader5& header, core::Bytes payload) {
  const size_t header_bytes = detail::write_publish5_header(to, header, payload.size());
  CHECK(to.size() - header_bytes >= payload.size());
  if (!payload.empty()) std::memcpy(to.data() + header_bytes, payload.data(), payload.size());
  return header_bytes + payload.size();
}

}  // namespace penstock::protocol
