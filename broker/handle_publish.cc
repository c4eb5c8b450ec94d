#include "broker/broker_shard.h"
#include "broker/packet_handlers.h"
#include "core/utf8.h"
#include "protocol/publish.h"
#include "protocol/stored_properties.h"

namespace penstock::broker {
namespace {

using protocol::PacketType;
using protocol::ProtocolErrorReason;
using protocol::ProtocolVersion;
using protocol::QoS;
using protocol::ReasonCode;

struct Refusal {
  ReasonCode reason;
  Explanation explanation;
};

// [MQTT-3.3.4-1] [MQTT-4.3.2-2] [MQTT-2.3.1-6] In the order of the PUBLISH packets: [MQTT-4.6.0-2] [MQTT-4.6.0-3]
// [MQTT5-3.3.4-1] [MQTT5-4.3.2-4] [MQTT5-4.3.3-8] [MQTT5-2.2.1-5] [MQTT5-4.6.0-2] [MQTT5-4.6.0-3]
// Whether the message has expired does not count. [MQTT5-4.3.3-13]
void acknowledge(BrokerShard& shard, Connection& connection, const protocol::Publish& publish, uint64_t end,
                 ReasonCode reason = ReasonCode::kSuccess, Explanation explanation = Explanation::kNone) {
  const PacketType type = publish.qos == QoS::kAtLeastOnce ? PacketType::kPuback : PacketType::kPubrec;
  shard.acknowledgements().push({.end = end,
                                 .connection = connection.ref(),
                                 .type = type,
                                 .reason = reason,
                                 .explanation = explanation,
                                 .packet_id = publish.packet_id});
}

bool is_too_deep(protocol::TopicName topic) {
  return topic.size() >= BrokerShard::kTopicLevelsMax &&
         protocol::count_levels(topic.text()) > BrokerShard::kTopicLevelsMax;
}

Handled fail_receive_maximum(Connection& connection) {
  return connection.fail(
      {ProtocolErrorReason::kReceiveMaximum, "MQTT5-3.3.4-7", "more unacknowledged messages than CONNACK allows"});
}

// What only MQTT 5.0 has: aliases. kDone: go on.
Handled apply_mqtt5(Connection& connection, protocol::Publish& publish) {
  ConnectionTerms& terms = *connection.terms();
  if (publish.topic_alias > InboundAliases::kAliasMax)  // [MQTT5-3.2.2-17] [MQTT5-3.2.2-18]
    return connection.fail({ProtocolErrorReason::kTopicAlias, "MQTT5-3.3.2-9", "a topic alias over the maximum"});
  if (publish.topic_alias != 0 && publish.topic.text().empty()) {
    const std::string_view known = terms.inbound_aliases.topic(publish.topic_alias);
    if (known.empty())
      return connection.fail({ProtocolErrorReason::kMissingProperty, "", "a topic alias that stands for no topic yet"});
    publish.topic = protocol::TopicName::accepted(known);
  } else if (publish.topic_alias != 0 && !is_too_deep(publish.topic)) {
    terms.inbound_aliases.teach(publish.topic_alias, publish.topic.text());
  }
  return Handled::kDone;
}

// Says no to a QoS 1 or 2 message of a client of 5.0.
void refuse(BrokerShard& shard, Connection& connection, const protocol::Publish& publish, Refusal refusal) {
  const auto [reason, explanation] = refusal;
  if (shard.log().room_for(0) == log::AppendRoom::kFailed) {  // nothing that waits is released any more
    connection.note_acknowledged(PacketType::kPuback, reason);
    connection.send_acknowledge(publish.qos == QoS::kAtLeastOnce ? PacketType::kPuback : PacketType::kPubrec,
                                publish.packet_id, reason, explanation);
  } else {
    acknowledge(shard, connection, publish, shard.acknowledgements().last_end(), reason, explanation);
  }
}

// The disk is full or broken. A client of 5.0 is told, and the packet id is free again [MQTT5-4.3.3-9]; the others come
// again after a reconnect.
Handled refuse_for_want_of_disk(BrokerShard& shard, Connection& connection, const protocol::Publish& publish) {
  const bool is_told = connection.terms() != nullptr;
  shard.note_refused_publish(connection, is_told);
  if (is_told && publish.qos != QoS::kAtMostOnce)
    refuse(shard, connection, publish, {ReasonCode::kQuotaExceeded, Explanation::kNoDisk});
  return Handled::kDone;
}

// Why this message is not taken, whatever room there is.
std::optional<Refusal> objection_to(BrokerShard& shard, const protocol::Publish& publish) {
  if (publish.payload.size() > shard.options().payload_bytes_max)
    return Refusal{ReasonCode::kQuotaExceeded, Explanation::kPayloadTooLarge};
  if (publish.payload_is_text && !core::is_utf8(core::as_text(publish.payload)))
    return Refusal{ReasonCode::kPayloadFormatInvalid, Explanation::kPayloadNotText};
  return std::nullopt;
}

// Only 5.0 can refuse a message and keep the connection, and only one that is acknowledged.
Handled refuse_or_close(BrokerShard& shard, Connection& connection, const protocol::Publish& publish, Refusal refusal) {
  if (connection.terms() == nullptr || publish.qos == QoS::kAtMostOnce) {
    if (refusal.reason == ReasonCode::kPayloadFormatInvalid)
      return connection.fail({ProtocolErrorReason::kPayloadFormat, "", "a payload that is called UTF-8 and is not"});
    connection.close(CloseReason::kTooLarge, true);
    return Handled::kStop;
  }
  if (!connection.note_unacknowledged()) return fail_receive_maximum(connection);
  refuse(shard, connection, publish, refusal);
  return Handled::kDone;
}

}  // namespace

Handled handle_publish(BrokerShard& shard, Connection& connection, const protocol::PacketBytes& packet) {
  auto publish = protocol::decode_publish(packet, shard.last_topic(), connection.version());
  if (!publish.has_value()) return connection.fail(publish.error());
  if (!shard.has_mail_room() || !shard.has_answer_room() || !shard.has_queue_room()) return Handled::kWait;
  const bool is_5 = connection.terms() != nullptr;
  if (is_5 && apply_mqtt5(connection, *publish) != Handled::kDone) return Handled::kStop;
  // Of a topic that is not the one before, which was looked at.
  if (publish->topic.text().data() != shard.last_topic().text().data() && is_too_deep(publish->topic))
    return connection.fail({ProtocolErrorReason::kInvalidTopicName, "", "the topic has more than 128 levels"});
  if (const auto objection = objection_to(shard, *publish)) [[unlikely]]
    return refuse_or_close(shard, connection, *publish, *objection);
  Session& session = *connection.session();
  if (publish->qos == QoS::kExactlyOnce && session.has_inbound(publish->packet_id)) {
    if (!connection.note_unacknowledged()) return fail_receive_maximum(connection);
    // Known already; its record may still be on its way to the disk. [MQTT-4.3.3-2] [MQTT5-4.3.3-10]
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
                               .properties = shard.stored_properties(publish->properties),
                               .payload = publish->payload};
  const log::AppendRoom room = shard.log().room_for(log::record_bytes(parts));
  if (room == log::AppendRoom::kTailFull) return Handled::kWait;
  if (publish->qos != QoS::kAtMostOnce && !connection.note_unacknowledged()) return fail_receive_maximum(connection);
  // What was refused before must not come in behind this one.
  if (connection.owes_redelivery || room != log::AppendRoom::kRoom)
    return refuse_for_want_of_disk(shard, connection, *publish);
  ++shard.counters().publishes_received;
  const log::Appended appended = shard.publish(parts);
  if (publish->qos == QoS::kAtMostOnce) return Handled::kDone;  // [MQTT-3.3.4-1] [MQTT5-3.3.4-1]
  // At QoS 1 the next message with this id is a new one. [MQTT5-4.3.2-5]
  if (publish->qos == QoS::kExactlyOnce) session.add_inbound(publish->packet_id);
  acknowledge(shard, connection, *publish, appended.end);
  return Handled::kDone;
}

}  // namespace penstock::broker
