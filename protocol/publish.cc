// The cold half of PUBLISH decoding: which rule was broken.
#include "protocol/publish.h"

namespace penstock::protocol {

ProtocolError publish_error(const PacketBytes& packet) {
  using Reason = ProtocolErrorReason;
  const uint32_t qos = packet.flags >> 1 & 3;
  if (qos == 3) return {Reason::kInvalidQoS, "MQTT-3.3.1-4", "PUBLISH with both QoS bits set"};
  if (qos == 0 && (packet.flags & 0x08) != 0) {
    return {Reason::kDupAtQoS0, "MQTT-3.3.1-2", "PUBLISH with DUP at QoS 0"};
  }
  const core::Bytes body = packet.body;
  if (body.size() < 2 || 2 + size_t{core::load_be16(body.data())} > body.size()) {
    return {Reason::kTruncatedField, "MQTT-3.3.2-1", "the topic of PUBLISH reaches past its end"};
  }
  const size_t topic_end = 2 + size_t{core::load_be16(body.data())};
  if (topic_end + 2 > body.size()) {
    return {Reason::kTruncatedField, "MQTT-2.3.1-1", "PUBLISH above QoS 0 without a packet id"};
  }
  return {Reason::kPacketIdZero, "MQTT-2.3.1-1", "PUBLISH with packet id 0"};
}

}  // namespace penstock::protocol
