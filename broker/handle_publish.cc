#include "broker/broker_shard.h"
#include "broker/packet_handlers.h"
#include "protocol/publish.h"

namespace penstock::broker {
namespace {

using protocol::PacketType;
using protocol::QoS;

// [MQTT-3.3.4-1] [MQTT-4.3.2-2] [MQTT-2.3.1-6] In the order of the PUBLISH packets: [MQTT-4.6.0-2] [MQTT-4.6.0-3]
void acknowledge(BrokerShard& shard, Connection& connection, const protocol::Publish& publish, uint64_t end) {
  const PacketType type = publish.qos == QoS::kAtLeastOnce ? PacketType::kPuback : PacketType::kPubrec;
  shard.acknowledgements().push(
      {.end = end, .connection = connection.ref(), .type = type, .packet_id = publish.packet_id});
}

bool is_too_deep(protocol::TopicName topic) {
  return topic.size() >= BrokerShard::kTopicLevelsMax &&
         protocol::count_levels(topic.text()) > BrokerShard::kTopicLevelsMax;
}

}  // namespace

Handled handle_publish(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  const auto publish = protocol::decode_publish(packet, shard.last_topic());
  if (!publish.has_value()) {
    connection.fail(publish.error());
    return Handled::kStop;
  }
  // Of a topic that is not the one before, which was looked at.
  if (publish->topic.text().data() != shard.last_topic().text().data() && is_too_deep(publish->topic)) {
    connection.fail({protocol::ProtocolErrorReason::kInvalidTopicName, "", "the topic has more than 128 levels"});
    return Handled::kStop;
  }
  if (publish->payload.size() > shard.options().payload_bytes_max) {
    connection.close(CloseReason::kTooLarge, true);
    return Handled::kStop;
  }
  Session& session = *connection.session();
  if (publish->qos == QoS::kExactlyOnce && session.has_inbound(publish->packet_id)) {
    // Known already; its record may still be on its way to the disk. [MQTT-4.3.3-2]
    acknowledge(shard, connection, *publish, shard.log().appended_end().value());
    return Handled::kDone;
  }
  uint8_t flags = static_cast<uint8_t>(publish->qos);
  if (publish->retain) flags |= log::kRecordRetain;
  if (session.persistent) flags |= kRecordPublisherPersistent;
  const TopicRoute& route = shard.route_of(publish->topic);
  const log::RecordParts parts{.type = log::kMessage,
                               .flags = flags,
                               .packet_id = publish->packet_id.value(),
                               .topic_hash = route.topic_hash,
                               .publisher = session.client_id(),
                               .topic = route.topic,
                               .payload = publish->payload};
  if (!shard.has_mail_room()) return Handled::kWait;
  if (connection.owes_redelivery) {  // what was refused before must not come behind this one
    shard.note_refused_publish(connection);
    return Handled::kDone;
  }
  switch (shard.log().room_for(log::record_bytes(parts))) {
    case log::AppendRoom::kRoom:
      break;
    case log::AppendRoom::kTailFull:
      return Handled::kWait;
    case log::AppendRoom::kDiskFull:
    case log::AppendRoom::kFailed:
      shard.note_refused_publish(connection);
      return Handled::kDone;
  }
  ++shard.counters().publishes_received;
  const log::Appended appended = shard.publish(parts, publish->retain);
  if (publish->qos == QoS::kAtMostOnce) return Handled::kDone;  // [MQTT-3.3.4-1]
  if (publish->qos == QoS::kExactlyOnce) session.add_inbound(publish->packet_id);
  acknowledge(shard, connection, *publish, appended.end);
  return Handled::kDone;
}

}  // namespace penstock::broker
