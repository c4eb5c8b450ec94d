// LatencySeries: latencies over time: a small histogram for each interval of the measured span, so that a stall shows
// when it happened and not only that it did. All memory is taken at the start and a value costs two stores, so that
// looking does not disturb what is looked at. Owned by one worker thread; merged once the workers have stopped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/log_buckets.h"

namespace penstock::bench {

class LatencySeries {
 public:
  static constexpr int64_t kIntervalsMax = 1200;  // 6 MB for each worker

  LatencySeries() = default;  // takes nothing
  // duration_ns / interval_ns is at most kIntervalsMax.
  LatencySeries(int64_t duration_ns, int64_t interval_ns);

  bool enabled() const { return interval_ns_ != 0; }
  int64_t interval_ns() const { return interval_ns_; }
  size_t size() const { return maxima_.size(); }

  // `at_ns` since the begin of the span, of the intended time.
  void record(int64_t at_ns, uint64_t value) {
    const auto interval = static_cast<size_t>(at_ns / interval_ns_);
    if (at_ns < 0 || interval >= maxima_.size()) return;
    if (value > Buckets::kValueMax) value = Buckets::kValueMax;
    ++counts_[interval * Buckets::kCount + Buckets::index_of(value)];
    if (value > maxima_[interval]) maxima_[interval] = value;
  }

  void merge(const LatencySeries& other);

  uint64_t count(size_t interval) const;
  uint64_t max(size_t interval) const { return maxima_[interval]; }
  // As HdrHistogram::quantile, three percent too high at most.
  uint64_t quantile(size_t interval, double fraction) const;

 private:
  using Buckets = LogBuckets<6, 42>;

  int64_t interval_ns_ = 0;
  std::vector<uint32_t> counts_;  // by interval, then bucket
  std::vector<uint64_t> maxima_;  // by interval
};

}  // namespace penstock::bench
