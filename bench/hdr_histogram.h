// HdrHistogram: counts of non-negative values (nanoseconds here) with a relative error of at most one in 1024, in
// constant memory and a few instructions per value. The idea is Gil Tene's high dynamic range histogram.
// Owned by one worker thread; merged by the reporting thread once the workers have stopped. Never allocates after
// construction, and never loses a value: what is above the range is counted at the top of it.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace penstock::bench {

class HdrHistogram {
 public:
  // Values below 2^kPrecisionBits are exact; above, a bucket spans 2^-(kPrecisionBits - 1) of its value: 3 digits.
  static constexpr int kPrecisionBits = 11;
  static constexpr int kValueBits = 42;  // 73 minutes in nanoseconds
  static constexpr uint64_t kValueMax = (uint64_t{1} << kValueBits) - 1;

  HdrHistogram();

  void record(uint64_t value) { record_many(value, 1); }
  void record_many(uint64_t value, uint64_t count) {
    if (value > kValueMax) [[unlikely]] {
      value = kValueMax;
      clamped_ += count;
    }
    counts_[index_of(value)] += count;
    total_ += count;
    if (value > max_) max_ = value;
    if (value < min_) min_ = value;
  }

  void merge(const HdrHistogram& other);
  void clear();

  uint64_t count() const { return total_; }
  uint64_t clamped() const { return clamped_; }
  uint64_t min() const { return total_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  double mean() const;

  // The smallest value such that at least `fraction` of all values are not above it (its bucket's upper edge, and
  // never above max()). 0 when empty. `fraction` in [0, 1].
  uint64_t quantile(double fraction) const;

  // The edges of the bucket a value falls into, both inclusive. For tests and for exports.
  static uint64_t bucket_low(uint64_t value) { return low_of(index_of(value)); }
  static uint64_t bucket_high(uint64_t value) { return high_of(index_of(value)); }

 private:
  static constexpr uint32_t kHalf = uint32_t{1} << (kPrecisionBits - 1);
  static constexpr uint32_t kBucketCount = (kValueBits - kPrecisionBits + 2) * kHalf;

  // The first 2 * kHalf slots are the exact values; each further doubling of the range adds kHalf slots.
  static uint32_t index_of(uint64_t value) {
    const int shift = std::bit_width(value | (uint64_t{2} * kHalf - 1)) - kPrecisionBits;
    return static_cast<uint32_t>(shift) * kHalf + static_cast<uint32_t>(value >> shift);
  }
  static uint64_t low_of(uint32_t index);
  static uint64_t high_of(uint32_t index);

  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
  uint64_t clamped_ = 0;
  uint64_t min_ = kValueMax;
  uint64_t max_ = 0;
};

}  // namespace penstock::bench
