#include "broker/publish_sender.h"

#include "broker/message_expiry.h"
#include "protocol/encode.h"
#include "protocol/topic_hash.h"

namespace penstock::broker {
namespace {

using protocol::PublishHeader5;
using protocol::QoS;
using protocol::TopicName;

constexpr size_t kAliasBytesMax = 5;  // and two lengths that may grow

// Seconds that are left of a message that expires. [MQTT5-3.3.2-6]
std::optional<uint32_t> expiry_left(core::Bytes properties, int64_t published_us, core::Clock& clock) {
  const auto expiry_s = protocol::stored_expiry_s(properties);
  if (!expiry_s.has_value()) return std::nullopt;
  return seconds_left(*expiry_s, published_us, clock.wall_us());
}

}  // namespace

bool PublishSender::fits_into(uint32_t packet_bytes_max, const log::RecordView& record, const Grant& grant) {
  const PublishHeader5 header{.topic = TopicName::accepted(record.topic()),
                              .properties = record.properties(),
                              .subscription_ids = grant.identifiers,
                              .payload_bytes = record.payload().size(),
                              .qos = grant.qos};
  return protocol::publish5_bytes(header) <= packet_bytes_max;  // [MQTT5-3.1.2-24]
}

void PublishSender::send_5(Connection& connection, const log::RecordView& record, const Grant& grant,
                           protocol::PacketId packet_id, bool dup) {
  send_5(connection,
         {.topic = TopicName::accepted(record.topic()),
          .properties = record.properties(),
          .message_expiry_s = expiry_left(record.properties(), record.header().wall_us, clock_),
          .subscription_ids = grant.identifiers,
          .packet_id = packet_id,
          .qos = grant.qos,
          .dup = dup,
          .retain = grant.retain},
         record.header().topic_hash, record.payload());
}

void PublishSender::send_retained(Connection& connection, const RetainedMessage& message, uint32_t identifier) {
  const TopicName topic = TopicName::accepted(message.topic);
  if (const ConnectionTerms* terms = connection.terms()) {
    PublishHeader5 header{.topic = topic,
                          .properties = message.properties,
                          .message_expiry_s = expiry_left(message.properties, message.wall_us, clock_),
                          .subscription_ids = {&identifier, identifier == 0 ? 0u : 1u},
                          .payload_bytes = message.payload.size(),
                          .retain = true};
    if (protocol::publish5_bytes(header) > terms->packet_bytes_max)  // [MQTT5-3.1.2-25]
      ++counters_.deliveries_too_large;
    else
      send_5(connection, header, protocol::topic_hash(topic), message.payload);
    return;
  }
  // [MQTT-3.3.1-8]
  const size_t bytes = protocol::publish_bytes(message.topic.size(), QoS::kAtMostOnce, message.payload.size());
  protocol::encode_publish({connection.reserve(bytes), bytes}, {.topic = topic, .retain = true}, message.payload);
  connection.commit(bytes);
  ++counters_.deliveries_sent;
}

void PublishSender::send_5(Connection& connection, PublishHeader5 header, uint32_t topic_hash, core::Bytes payload) {
  header.payload_bytes = payload.size();
  ConnectionTerms& terms = *connection.terms();
  if (protocol::publish5_bytes(header) + kAliasBytesMax <= terms.packet_bytes_max) {
    const OutboundAliases::Alias alias = terms.outbound_aliases.use(header.topic.text(), topic_hash);
    header.topic_alias = alias.number;
    if (alias.is_known) header.topic = {};
  }
  const size_t bytes = protocol::publish5_bytes(header);
  protocol::encode_publish5({connection.reserve(bytes), bytes}, header, payload);
  connection.commit(bytes);
  ++counters_.deliveries_sent;
}

}  // namespace penstock::broker
