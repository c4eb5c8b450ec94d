// RetainedScan: the retained messages that a new subscription still has to get, found in slices so that no wildcard
// over a million of them stalls a turn. Belongs to a session; ends with its connection.
#pragma once

#include <string>

#include "broker/retained_store.h"
#include "broker/subscription_terms.h"
#include "protocol/topic_filter.h"

namespace penstock::broker {

struct RetainedScan {
  RetainedScan(protocol::TopicFilter wanted, SubscriptionTerms granted) : filter(wanted.text()), terms(granted) {}

  std::string filter;
  SubscriptionTerms terms;
  RetainedCursor cursor;
};

}  // namespace penstock::broker
