// LogBuckets: the buckets of a histogram whose width grows with the value, so that the relative error stays the same:
// the idea is Gil Tene's high dynamic range histogram. Pure arithmetic.
#pragma once

#include <bit>
#include <cstdint>

namespace penstock::bench {

// Values below 2^kPrecisionBits are exact; above, a bucket spans 2^-(kPrecisionBits - 1) of its value. Values have at
// most kValueBits.
template <int kPrecisionBits, int kValueBits>
struct LogBuckets {
  static constexpr uint64_t kValueMax = (uint64_t{1} << kValueBits) - 1;
  static constexpr uint32_t kHalf = uint32_t{1} << (kPrecisionBits - 1);
  static constexpr uint32_t kCount = (kValueBits - kPrecisionBits + 2) * kHalf;

  // The first 2 * kHalf slots are the exact values; each further doubling of the range adds kHalf slots.
  static uint32_t index_of(uint64_t value) {
    const int shift = std::bit_width(value | (uint64_t{2} * kHalf - 1)) - kPrecisionBits;
    return static_cast<uint32_t>(shift) * kHalf + static_cast<uint32_t>(value >> shift);
  }
  // The edges of a bucket, both inclusive.
  static uint64_t low_of(uint32_t index) {
    if (index < 2 * kHalf) return index;
    const uint32_t shift = index / kHalf - 1;
    return static_cast<uint64_t>(index - shift * kHalf) << shift;
  }
  static uint64_t high_of(uint32_t index) {
    if (index < 2 * kHalf) return index;
    const uint32_t shift = index / kHalf - 1;
    return low_of(index) + (uint64_t{1} << shift) - 1;
  }
};

}  // namespace penstock::bench
