// HdrHistogram: counts of non-negative values (nanoseconds here) with a relative error of at most one in 1024, in
// constant memory and a few instructions per value.
// Owned by one worker thread; merged by the reporting thread once the workers have stopped. Never allocates after
// construction, and never loses a value: what is above the range is counted at the top of it.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/log_buckets.h"

namespace penstock::bench {

class HdrHistogram {
 public:
  // Three digits, up to 73 minutes in nanoseconds.
  using Buckets = LogBuckets<11, 42>;
  static constexpr uint64_t kValueMax = Buckets::kValueMax;

  HdrHistogram();

  void record(uint64_t value) { record_many(value, 1); }
  void record_many(uint64_t value, uint64_t count) {
    if (value > kValueMax) [[unlikely]] {
      value = kValueMax;
      clamped_ += count;
    }
    counts_[Buckets::index_of(value)] += count;
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
  static uint64_t bucket_low(uint64_t value) { return Buckets::low_of(Buckets::index_of(value)); }
  static uint64_t bucket_high(uint64_t value) { return Buckets::high_of(Buckets::index_of(value)); }

 private:
  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
  uint64_t clamped_ = 0;
  uint64_t min_ = kValueMax;
  uint64_t max_ = 0;
};

}  // namespace penstock::bench
