// TopicRoute: where the messages of one topic go. Worked out once for a run of messages with the same topic, which is
// how publishers send them: then nothing that depends on the topic alone is done again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/filter_queue.h"
#include "broker/parent_topics.h"
#include "broker/remote_filters.h"

namespace penstock::broker {

struct TopicRoute {
  std::string topic;
  uint32_t topic_hash = 0;
  std::vector<FilterQueue*> queues;        // of this shard
  ShardSet shards = 0;                     // others that hold a filter which matches
  ParentTopics::Parent* parent = nullptr;  // null: not needed so far
  // What it was worked out from.
  uint64_t filters_version = 0;
  uint64_t remote_version = 0;
};

}  // namespace penstock::broker
