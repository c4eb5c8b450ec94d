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
  if (topic_end + 2 > body.size()) {
    return {Reason::kTruncatedField, "MQTT-2.3.1-1", "PUBLISH above QoS 0 without a packet id"};
  }
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

}  // namespace

ProtocolError publish_error(const PacketBytes& packet, ProtocolVersion version) {
  const ProtocolError error = broken_rule(packet);
  return version == ProtocolVersion::kMqtt5 ? in_mqtt5(error) : error;
}

Decoded<Publish> decode_publish_properties(Publish publish, core::Bytes body, size_t properties_begin, Sender sender) {
  FieldReader reader(body.subspan(properties_begin));
  const Decoded<core::Bytes> section = take_properties(reader);
  if (!section.has_value()) return std::unexpected(section.error());
  const PropertyPlace place =
      sender == Sender::kClient ? PropertyPlace::kPublishFromClient : PropertyPlace::kPublishFromServer;
  PropertyChecker checker(*section, place);
  for (Property property; checker.next(property);) keep(property, publish);
  if (checker.error().has_value()) return std::unexpected(*checker.error());
  if (publish.topic.size() == 0 && publish.topic_alias == 0) {
    return std::unexpected(
        ProtocolError{Reason::kMissingProperty, "", "PUBLISH with an empty topic and no topic alias"});
  }
  publish.properties = *section;
  publish.payload = reader.rest();
  return publish;
}

}  // namespace penstock::protocol
