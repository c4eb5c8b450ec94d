// FilterId: one topic filter that a shard's SubscriptionTree holds. Slots are dense and used again, so that the owner
// can keep arrays beside the tree; the generation tells a filter from a later one in the same slot.
#pragma once

#include <cstdint>

namespace penstock::broker {

struct FilterId {
  uint32_t slot = 0;
  uint32_t generation = 0;
  bool operator==(const FilterId&) const = default;
};

}  // namespace penstock::broker
