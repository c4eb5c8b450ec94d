// PUBLISH: the packet that everything is about. Decoded in place and inline; the only bytes looked at are the topic's.
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "protocol/packet_framer.h"
#include "protocol/protocol_error.h"
#include "protocol/topic_name.h"
#include "protocol/types.h"

namespace penstock::protocol {

// The views live as long as the packet's bytes.
struct Publish {
  TopicName topic;
  core::Bytes payload;
  PacketId packet_id;  // 0 at QoS 0
  QoS qos = QoS::kAtMostOnce;
  bool dup = false;
  bool retain = false;
};

// Which rule a PUBLISH breaks that decode_publish did not accept.
ProtocolError publish_error(const PacketBytes& packet);

// `known`: a topic that was accepted before, mostly that of the message before. Where the packet has the same, it is
// not judged again, and Publish::topic is `known` itself.
inline Decoded<Publish> decode_publish(const PacketBytes& packet, TopicName known = {}) {
  const uint32_t qos = packet.flags >> 1 & 3;
  const bool dup = (packet.flags & 0x08) != 0;
  const size_t id_bytes = qos == 0 ? 0 : 2;  // [MQTT-2.3.1-5]
  const core::Bytes body = packet.body;
  if (body.size() < 2) [[unlikely]]
    return std::unexpected(publish_error(packet));
  const size_t topic_bytes = core::load_be16(body.data());
  const size_t payload_begin = 2 + topic_bytes + id_bytes;
  // [MQTT-3.3.1-4] [MQTT-3.3.1-2]
  if (payload_begin > body.size() || qos == 3 || (dup && qos == 0)) [[unlikely]] {
    return std::unexpected(publish_error(packet));
  }
  // [MQTT-3.3.2-1] [MQTT-3.3.2-2] [MQTT-4.7.3-1]
  const std::string_view text = core::as_text(body.subspan(2, topic_bytes));
  TopicName topic = known;
  if (text.empty() || text != known.text()) {
    const Decoded<TopicName> parsed = TopicName::parse(text);
    if (!parsed.has_value()) [[unlikely]]
      return std::unexpected(parsed.error());
    topic = *parsed;
  }
  PacketId packet_id;
  if (qos != 0) {
    packet_id = PacketId(core::load_be16(body.data() + 2 + topic_bytes));
    if (packet_id.value() == 0) [[unlikely]]
      return std::unexpected(publish_error(packet));  // [MQTT-2.3.1-1]
  }
  return Publish{.topic = topic,
                 .payload = body.subspan(payload_begin),
                 .packet_id = packet_id,
                 .qos = static_cast<QoS>(qos),
                 .dup = dup,
                 .retain = (packet.flags & 0x01) != 0};
}

}  // namespace penstock::protocol
