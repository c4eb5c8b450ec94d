// PublishSender: encodes a message into the output of one connection, as a PUBLISH of the version that its client
// speaks. A record holds topic, properties and payload in wire form, so this is copying. One thread, the shard's.
#pragma once

#include <cstdint>
#include <span>

#include "broker/retained_message.h"
#include "log/record_format.h"
#include "protocol/encode_publish5.h"
#include "protocol/types.h"

namespace penstock::broker {

class BrokerShard;
class Connection;

// What the subscriptions that a message came for give it together.
struct Grant {
  protocol::QoS qos = protocol::QoS::kAtMostOnce;
  bool retain = false;
  std::span<const uint32_t> identifiers = {};  // subscription identifiers of all of them
};

class PublishSender {
 public:
  explicit PublishSender(BrokerShard& shard) : shard_(shard) {}

  // Whether the client takes a packet of this size. [MQTT5-3.1.2-24] Only those of 5.0 can say that they do not.
  bool fits(const Connection& connection, const log::RecordView& record, const Grant& grant) const;
  // Requires fits(). `packet_id` is used above QoS 0.
  void send(Connection& connection, const log::RecordView& record, const Grant& grant, protocol::PacketId packet_id,
            bool dup = false);
  // At QoS 0. `identifier`: of the subscription that asked for it, 0: none. Left out where it does not fit.
  void send_retained(Connection& connection, const RetainedMessage& message, uint32_t identifier);

 private:
  void send_5(Connection& connection, protocol::PublishHeader5 header, uint32_t topic_hash, core::Bytes payload);

  BrokerShard& shard_;
};

}  // namespace penstock::broker
