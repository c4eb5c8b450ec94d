// PublishSender: encodes a message into the output of one connection, as a PUBLISH of the version that its client
// speaks. A record holds topic, properties and payload in wire form, so this is copying. One thread, the shard's.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "broker/connection.h"
#include "broker/counters.h"
#include "broker/output_buffer.h"
#include "broker/retained_message.h"
#include "core/clock.h"
#include "log/record_format.h"
#include "protocol/encode_publish5.h"
#include "protocol/types.h"

namespace penstock::broker {

// What the subscriptions that a message came for give it together.
struct Grant {
  protocol::QoS qos = protocol::QoS::kAtMostOnce;
  bool retain = false;
  std::span<const uint32_t> identifiers = {};  // subscription identifiers of all of them
};

class PublishSender {
 public:
  // They outlive it.
  PublishSender(OutputBlockPool& blocks, Counters& counters, core::Clock& clock)
      : blocks_(blocks), counters_(counters), clock_(clock) {}

  // Whether the client takes a packet of this size. [MQTT5-3.1.2-24] Only those of 5.0 can say that they do not.
  bool fits(const Connection& connection, const log::RecordView& record, const Grant& grant) const {
    const ConnectionTerms* terms = connection.terms();
    return terms == nullptr || terms->packet_bytes_max == protocol::kPacketBytesMax ||
           fits_into(terms->packet_bytes_max, record, grant);
  }
  // Requires fits(). `packet_id` is used above QoS 0.
  void send(Connection& connection, const log::RecordView& record, const Grant& grant, protocol::PacketId packet_id,
            bool dup = false) {
    if (connection.terms() == nullptr)
      send_3(connection, record, grant, packet_id, dup);
    else
      send_5(connection, record, grant, packet_id, dup);
  }
  // At QoS 0. `identifier`: of the subscription that asked for it, 0: none. Left out where it does not fit.
  void send_retained(Connection& connection, const RetainedMessage& message, uint32_t identifier);

 private:
  static bool fits_into(uint32_t packet_bytes_max, const log::RecordView& record, const Grant& grant);
  // 3.1 and 3.1.1; inline, because it is done for each delivery.
  void send_3(Connection& connection, const log::RecordView& record, const Grant& grant, protocol::PacketId packet_id,
              bool dup);
  void send_5(Connection& connection, const log::RecordView& record, const Grant& grant, protocol::PacketId packet_id,
              bool dup);
  void send_5(Connection& connection, protocol::PublishHeader5 header, uint32_t topic_hash, core::Bytes payload);

  OutputBlockPool& blocks_;
  Counters& counters_;
  core::Clock& clock_;
};

inline void PublishSender::send_3(Connection& connection, const log::RecordView& record, const Grant& grant,
                                  protocol::PacketId packet_id, bool dup) {
  const core::Bytes topic = record.topic_wire();
  const core::Bytes payload = record.payload();
  const size_t id_bytes = grant.qos == protocol::QoS::kAtMostOnce ? 0 : 2;
  const size_t remaining = topic.size() + id_bytes + payload.size();
  const size_t bytes = 1 + protocol::remaining_length_bytes(remaining) + remaining;
  OutputBuffer& output = connection.output();
  std::byte* at = output.reserve(blocks_, bytes);
  at += protocol::write_fixed_header(at, protocol::PacketType::kPublish,
                                     protocol::publish_flags(grant.qos, dup, grant.retain), remaining);
  std::memcpy(at, topic.data(), topic.size());
  at += topic.size();
  if (id_bytes != 0) core::store_be16(at, packet_id.value());
  at += id_bytes;
  if (!payload.empty()) std::memcpy(at, payload.data(), payload.size());
  output.commit(bytes);
  if (!connection.flush_listed) connection.list_flush();
  ++counters_.deliveries_sent;
}

}  // namespace penstock::broker
