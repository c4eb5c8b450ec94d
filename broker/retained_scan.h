// RetainedScan: the retained messages that a new subscription still has to get, found in slices so that no wildcard
// over a million of them stalls a turn. Belongs to a session; ends with its connection.
#pragma once

#include <string>

#include "broker/retained_store.h"
#include "protocol/topic_filter.h"
#include "protocol/types.h"

namespace penstock::broker {

struct RetainedScan {
  RetainedScan(protocol::TopicFilter wanted, protocol::QoS granted) : filter(wanted.text()), qos(granted) {}

  std::string filter;
  protocol::QoS qos;
  RetainedCursor cursor;
};

}  // namespace penstock::broker
