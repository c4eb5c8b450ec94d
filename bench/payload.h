// Payload: what a published message carries so that its receiver can check it: who sent it, which one it is, when it
// was meant to be sent, and a known pattern up to its end.
//
//   byte 0    4     8                16
//        +-----+-----+----------------+------------------------+
//        | tag | seq | intended_ns    | pattern to the end     |
//        +-----+-----+----------------+------------------------+
//   tag = 0xB5 << 24 | publisher (24 bits), seq = low 32 bits of the sequence, all little-endian.
//
// Shorter payloads than kPayloadHeaderBytes carry the pattern only: they can be counted, not checked. Any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "core/bytes.h"

namespace penstock::bench {

constexpr uint32_t kPayloadHeaderBytes = 16;
constexpr uint32_t kPublisherCountMax = 1u << 24;

struct PayloadHeader {
  uint32_t tag;
  uint32_t sequence;
  int64_t intended_ns;

  bool valid() const { return tag >> 24 == 0xB5; }
  uint32_t publisher() const { return tag & 0xFFFFFF; }
};
static_assert(sizeof(PayloadHeader) == kPayloadHeaderBytes);

inline PayloadHeader payload_header(uint32_t publisher, uint64_t sequence, int64_t intended_ns) {
  return {0xB5u << 24 | publisher, static_cast<uint32_t>(sequence), intended_ns};
}

// The bytes that every payload of a run shares, made from the run's seed.
class PayloadPattern {
 public:
  PayloadPattern(uint32_t payload_bytes, uint64_t seed);

  uint32_t size() const { return static_cast<uint32_t>(bytes_.size()); }
  const uint8_t* data() const { return bytes_.data(); }

  // Whether a received payload has the right length and pattern. Long ones are compared at both ends and in one block
  // that `turn` moves through the payload, so that checking costs the same at every size.
  bool matches(const uint8_t* payload, size_t payload_size, uint32_t turn) const {
    if (payload_size != bytes_.size()) return false;
    const size_t begin = payload_size < kPayloadHeaderBytes ? 0 : kPayloadHeaderBytes;
    if (payload_size == begin) return true;  // an empty view may be no address at all
    if (payload_size <= kWholeBytes)
      return std::memcmp(payload + begin, bytes_.data() + begin, payload_size - begin) == 0;
    return matches_in_parts(payload, turn);
  }

 private:
  static constexpr size_t kWholeBytes = 512;
  static constexpr size_t kBlockBytes = 128;
  bool matches_in_parts(const uint8_t* payload, uint32_t turn) const;

  std::vector<uint8_t> bytes_;
};

}  // namespace penstock::bench
