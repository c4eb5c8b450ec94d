// Which shard a client id is at home on: the same for every shard and over restarts, as long as the number of shards
// is.
#pragma once

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace penstock::broker {

inline uint16_t home_shard(std::string_view client_id, uint16_t shards_count) {
  return shards_count == 1 ? 0 : static_cast<uint16_t>(XXH3_64bits(client_id.data(), client_id.size()) % shards_count);
}

}  // namespace penstock::broker
