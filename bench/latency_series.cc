#include "bench/latency_series.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.h"

namespace penstock::bench {

LatencySeries::LatencySeries(int64_t duration_ns, int64_t interval_ns) : interval_ns_(interval_ns) {
  const int64_t intervals = (duration_ns + interval_ns - 1) / interval_ns;
  CHECK(intervals >= 1 && intervals <= kIntervalsMax);
  counts_.assign(static_cast<size_t>(intervals) * Buckets::kCount, 0);
  maxima_.assign(static_cast<size_t>(intervals), 0);
}

void LatencySeries::merge(const LatencySeries& other) {
  if (!other.enabled()) return;
  if (!enabled()) {
    *this = other;
    return;
  }
  CHECK_EQ(counts_.size(), other.counts_.size());
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  for (size_t i = 0; i < maxima_.size(); ++i) maxima_[i] = std::max(maxima_[i], other.maxima_[i]);
}

uint64_t LatencySeries::count(size_t interval) const {
  const auto* first = counts_.data() + interval * Buckets::kCount;
  return std::accumulate(first, first + Buckets::kCount, uint64_t{0});
}

uint64_t LatencySeries::quantile(size_t interval, double fraction) const {
  const uint64_t total = count(interval);
  if (total == 0) return 0;
  const auto rank =
      std::clamp<uint64_t>(static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(total))), 1, total);
  uint64_t seen = 0;
  for (uint32_t i = 0; i < Buckets::kCount; ++i) {
    seen += counts_[interval * Buckets::kCount + i];
    if (seen >= rank) return std::min(Buckets::high_of(i), maxima_[interval]);
  }
  return maxima_[interval];
}

}  // namespace penstock::bench
