// Will: the testament of one client. Kept by its session from CONNECT until it is published or discarded.
// [MQTT5-3.1.2-7]
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "protocol/types.h"

namespace penstock::broker {

struct Will {
  std::string topic;
  std::vector<std::byte> payload;
  protocol::QoS qos = protocol::QoS::kAtMostOnce;
  bool retain = false;
  std::vector<std::byte> properties = {};  // as a record holds them
  uint32_t delay_s = 0;                    // from the end of the connection
  int64_t due_us = 0;                      // wall time, once the delay has begun
};

}  // namespace penstock::broker
