// ShareMember: a session's part in the groups of its shared subscriptions: what they have given it and it has not
// completed. Nothing of it is recorded: the group keeps each message until it is reported. One thread, the shard's.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <vector>

#include "broker/mail.h"
#include "log/position.h"
#include "protocol/types.h"

namespace penstock::broker {

struct ShareMember {
  struct Joined {
    uint32_t filter_slot = 0;  // of "$share/GROUP/FILTER"
    ShareToken token = 0;
    ShardIndex home = 0;        // of the group
    bool is_announced = false;  // the group has been told
  };
  std::vector<Joined> joined;
  // Not yet sent; bounded by the credit that each group was given.
  std::deque<ShareItem> inbox;
  absl::flat_hash_map<uint16_t, ShareItem> inflight;  // by packet id

  // The group that a message in flight is of; null: it was left.
  const Joined* joined_for(uint16_t packet_id) const {
    const auto found = inflight.find(packet_id);
    return found == inflight.end() ? nullptr : find(found->second.token);
  }
  const Joined* find(ShareToken token) const {
    for (const Joined& each : joined)
      if (each.token == token) return &each;
    return nullptr;
  }
};

}  // namespace penstock::broker
