// The cold half of PUBLISH decoding: which rule was broken, and the properties of 5.0.
#include "protocol/publish.h"

#include "protocol/field_reader.h"
#include "protocol/property.h"

namespace penstock::protocol {
namespace {

using Reason = ProtocolErrorReason;

ProtocolError broken_rule(const PacketBytes& packet) {
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
  if (qos != 0 && topic_end + 2 > body.size()) {
    return {Reason::kTruncatedField, "MQTT-2.3.1-1", "PUBLISH above QoS 0 without a packet id"};
  }
  const Decoded<TopicName> topic = TopicName::parse(core::as_text(body.subspan(2, topic_end - 2)));
  if (!topic.has_value()) return topic.error();
  return {Reason::kPacketIdZero, "MQTT-2.3.1-1", "PUBLISH with packet id 0"};
}

void keep(const Property& property, Publish& publish) {
  switch (property.id) {
    case PropertyId::kTopicAlias:
      publish.topic_alias = static_cast<uint16_t>(property.number);
      return;
    case PropertyId::kMessageExpiryInterval:
      publish.message_expiry_s = property.number;
      return;
    case PropertyId::kPayloadFormatIndicator:
      publish.payload_is_text = property.number != 0;
      return;
    default:
      return;
  }
}

std::optional<ProtocolError> read_properties(const PacketBytes& packet, TopicName topic, Sender sender, Publish& out) {
  out.topic = topic;
  out.qos = static_cast<QoS>(packet.flags >> 1 & 3);
  out.dup = (packet.flags & 0x08) != 0;
  out.retain = (packet.flags & 0x01) != 0;
  FieldReader reader(packet.body);
  reader.take_sized();
  if (out.qos != QoS::kAtMostOnce) out.packet_id = PacketId(reader.take_u16());
  const Decoded<core::Bytes> section = take_properties(reader);
  if (!section.has_value()) return section.error();
  const PropertyPlace place =
      sender == Sender::kClient ? PropertyPlace::kPublishFromClient : PropertyPlace::kPublishFromServer;
  PropertyChecker checker(*section, place);
  for (Property property; checker.next(property);) keep(property, out);
  if (checker.error().has_value()) return checker.error();
  if (out.topic.size() == 0 && out.topic_alias == 0) {
    return ProtocolError{Reason::kMissingProperty, "", "PUBLISH with an empty topic and no topic alias"};
  }
  out.properties = *section;
  out.payload = reader.rest();
  return std::nullopt;
}

}  // namespace

ProtocolError publish_error(const PacketBytes& packet, ProtocolVersion version) {
  const ProtocolError error = broken_rule(packet);
  return version == ProtocolVersion::kMqtt5 ? in_mqtt5(error) : error;
}

// Filled where it is returned, for the reason that decode_publish has.
Decoded<Publish> decode_publish_properties(const PacketBytes& packet, TopicName topic, Sender sender) {
  Decoded<Publish> decoded(std::in_place);
  if (const auto error = read_properties(packet, topic, sender, *decoded)) decoded = std::unexpected(*error);
  return decoded;
}

}  // namespace penstock::protocol
