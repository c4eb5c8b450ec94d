// PUBLISH: the packet that everything is about. Decoded in place and inline; the only bytes looked at are the topic's,
// and the properties' of 5.0, which are out of line when there are any.
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "protocol/packet_framer.h"
#include "protocol/protocol_error.h"
#include "protocol/topic_name.h"
#include "protocol/types.h"

namespace penstock::protocol {

// The views live as long as the packet's bytes.
struct Publish {
  TopicName topic;  // empty only with an alias: the caller knows the topic, or the client broke the protocol
  core::Bytes payload;
  PacketId packet_id;  // 0 at QoS 0
  QoS qos = QoS::kAtMostOnce;
  bool dup = false;
  bool retain = false;
  // 5.0 from here.
  bool payload_is_text = false;  // said to be UTF-8; core::is_utf8() looks
  uint16_t topic_alias = 0;      // 0: none
  std::optional<uint32_t> message_expiry_s;
  core::Bytes properties;  // checked, as they came; what a message keeps of them: stored_properties()
};

// Which rule a PUBLISH breaks that decode_publish did not accept.
ProtocolError publish_error(const PacketBytes& packet, ProtocolVersion version);

// A PUBLISH of 5.0 that has properties or no topic, both of which `topic` has been judged without.
Decoded<Publish> decode_publish_properties(const PacketBytes& packet, TopicName topic, Sender sender);

// `known`: a topic that was accepted before, mostly that of the message before. Where the packet has the same, it is
// not judged again, and Publish::topic is `known` itself. Subscription identifiers are for servers only.
inline Decoded<Publish> decode_publish(const PacketBytes& packet, TopicName known = {},
                                       ProtocolVersion version = ProtocolVersion::kMqtt311,
                                       Sender sender = Sender::kClient) {
  const uint32_t qos = packet.flags >> 1 & 3;
  const bool dup = (packet.flags & 0x08) != 0;
  const size_t id_bytes = qos == 0 ? 0 : 2;  // [MQTT-2.3.1-5] [MQTT5-2.2.1-2]
  const core::Bytes body = packet.body;
  if (body.size() < 2) [[unlikely]]
    return std::unexpected(publish_error(packet, version));
  const size_t topic_bytes = core::load_be16(body.data());
  const size_t header_end = 2 + topic_bytes + id_bytes;
  // [MQTT-3.3.1-4] [MQTT-3.3.1-2] [MQTT5-3.3.1-4] [MQTT5-3.3.1-2]
  if (header_end > body.size() || qos == 3 || (dup && qos == 0)) [[unlikely]] {
    return std::unexpected(publish_error(packet, version));
  }
  const bool is_5 = version == ProtocolVersion::kMqtt5;
  // [MQTT-3.3.2-1] [MQTT-3.3.2-2] [MQTT-4.7.3-1] [MQTT5-3.3.2-1] [MQTT5-3.3.2-2] [MQTT5-4.7.3-1]
  const std::string_view text = core::as_text(body.subspan(2, topic_bytes));
  TopicName topic = known;
  const bool is_known =
      text.size() == known.size() && !text.empty() && swar::equal(text.data(), known.text().data(), text.size());
  if (!is_known) {
    if (text.empty() && is_5) {
      topic = {};  // an alias has to stand for it
    } else {
      const Decoded<TopicName> parsed = TopicName::parse(text);
      if (!parsed.has_value()) [[unlikely]]
        return std::unexpected(publish_error(packet, version));
      topic = *parsed;
    }
  }
  PacketId packet_id;
  if (qos != 0) {
    packet_id = PacketId(core::load_be16(body.data() + 2 + topic_bytes));
    if (packet_id.value() == 0) [[unlikely]]
      return std::unexpected(publish_error(packet, version));  // [MQTT-2.3.1-1] [MQTT5-2.2.1-3]
  }
  size_t payload_begin = header_end;
  if (is_5) {
    const bool has_none = header_end < body.size() && body[header_end] == std::byte(0) && topic_bytes != 0;
    if (!has_none) [[unlikely]]
      return decode_publish_properties(packet, topic, sender);
    ++payload_begin;
  }
  // In place and in the order of the fields: what is built elsewhere is copied in wide pieces right behind the narrow
  // stores that it is made of, and waits for them.
  return Decoded<Publish>(std::in_place, topic, body.subspan(payload_begin), packet_id, static_cast<QoS>(qos), dup,
                          (packet.flags & 0x01) != 0);
}

}  // namespace penstock::protocol
