#include "bench/hdr_histogram.h"

#include <algorithm>
#include <cmath>

namespace penstock::bench {

HdrHistogram::HdrHistogram() : counts_(Buckets::kCount, 0) {}

void HdrHistogram::merge(const HdrHistogram& other) {
  for (uint32_t i = 0; i < Buckets::kCount; ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
  clamped_ += other.clamped_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void HdrHistogram::clear() {
  std::fill(counts_.begin(), counts_.end(), 0);
  total_ = clamped_ = max_ = 0;
  min_ = kValueMax;
}

double HdrHistogram::mean() const {
  if (total_ == 0) return 0;
  double sum = 0;
  for (uint32_t i = 0; i < Buckets::kCount; ++i) {
    if (counts_[i] == 0) continue;
    const double middle = (static_cast<double>(Buckets::low_of(i)) + static_cast<double>(Buckets::high_of(i))) / 2;
    sum += middle * static_cast<double>(counts_[i]);
  }
  return sum / static_cast<double>(total_);
}

uint64_t HdrHistogram::quantile(double fraction) const {
  if (total_ == 0) return 0;
  const double exact_rank = std::ceil(fraction * static_cast<double>(total_));
  const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(exact_rank), 1, total_);
  uint64_t seen = 0;
  for (uint32_t i = 0; i < Buckets::kCount; ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(Buckets::high_of(i), max_);
  }
  return max_;
}

}  // namespace penstock::bench
