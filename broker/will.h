// Will: the testament of one connected client. Kept by its session from CONNECT until the connection ends.
#pragma once

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
};

}  // namespace penstock::broker
