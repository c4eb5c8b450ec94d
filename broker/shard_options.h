// ShardOptions: the settings that a shard looks at while it runs; the same for all shards.
#pragma once

#include <cstdint>
#include <string>

#include "auth/authenticator.h"
#include "log/commit_log.h"

namespace penstock::broker {

enum class ClientIdConflict : uint8_t { kTakeover, kReject };

struct ShardOptions {
  uint32_t payload_bytes_max = 64u << 10;
  uint32_t packet_bytes_max = (64u << 10) + (64u << 10) + 1024;  // payload, topic and headers
  uint16_t inflight_max = 128;                                   // deliveries unacknowledged per session
  uint16_t receive_maximum = 1024;  // of MQTT 5.0: messages of a client not yet acknowledged
  uint16_t keepalive_s_max = 0;     // 0: no limit; otherwise a longer or missing keepalive counts as this
  int64_t session_expiry_us = 0;    // 0: never
  ClientIdConflict client_id_conflict = ClientIdConflict::kTakeover;
  bool queue_qos0 = false;  // keep QoS 0 messages for offline sessions
  int64_t connect_timeout_ns = 10'000'000'000;
  const auth::Authenticator* authenticator = nullptr;  // of MQTT 5.0's enhanced authentication; outlives the shard
  bool must_authenticate = false;                      // a CONNECT without a method is refused
  uint32_t connections_max = 0;                        // of the process; 0: as many as descriptors allow
  uint32_t parent_topics_max = 100;
  uint64_t checkpoint_log_bytes = 64u << 20;  // a checkpoint after this many bytes appended
};

}  // namespace penstock::broker
