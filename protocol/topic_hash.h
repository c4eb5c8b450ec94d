// topic_hash: the 32-bit hash of a topic name that records carry and tables use. It lies on disk: never change it
// without a new record version.
#pragma once

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <cstdint>

#include "protocol/topic_name.h"

namespace penstock::protocol {

// Low half of XXH3-64, seed 0. Inline, so that this folder needs no library.
inline uint32_t topic_hash(TopicName name) {
  return static_cast<uint32_t>(XXH3_64bits(name.text().data(), name.size()));
}

}  // namespace penstock::protocol
