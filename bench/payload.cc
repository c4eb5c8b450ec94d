#include "bench/payload.h"

#include "core/random.h"

namespace penstock::bench {

PayloadPattern::PayloadPattern(uint32_t payload_bytes, uint64_t seed) : bytes_(payload_bytes) {
  core::SeededRandom random(seed);
  for (auto& byte : bytes_) byte = static_cast<uint8_t>(random.next_u64() >> 56);
}

bool PayloadPattern::matches_in_parts(const uint8_t* payload, uint32_t turn) const {
  const auto same = [&](size_t at) { return std::memcmp(payload + at, bytes_.data() + at, kBlockBytes) == 0; };
  const size_t last = bytes_.size() - kBlockBytes;
  const size_t moving = kPayloadHeaderBytes + (uint64_t{turn} * kBlockBytes) % (last - kPayloadHeaderBytes);
  return same(kPayloadHeaderBytes) && same(moving) && same(last);
}

}  // namespace penstock::bench
