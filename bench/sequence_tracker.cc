#include "bench/sequence_tracker.h"

#include <algorithm>

namespace penstock::bench {

uint64_t SequenceTracker::arrive_out_of_turn(uint32_t ahead, bool repeat_allowed, SequenceCounts& counts) {
  if (ahead <= kAheadMax) {
    remember({next_, next_ + ahead});
    counts.missing += ahead;
    next_ += ahead + uint64_t{1};
    return ahead + uint64_t{1};
  }
  const uint64_t behind = uint32_t{0} - ahead;
  if (behind > next_ || behind > kAheadMax) {
    ++counts.corrupt;
    return 0;
  }
  if (fill(next_ - behind)) {
    --counts.missing;
    ++counts.reordered;
  } else if (repeat_allowed) {
    ++counts.redelivered;
  } else {
    ++counts.duplicates;
  }
  return 0;
}

void SequenceTracker::remember(Gap gap) {
  if (!gaps_) gaps_ = std::make_unique<std::vector<Gap>>();
  if (gaps_->size() == kGapCountMax) gaps_->erase(gaps_->begin());
  gaps_->push_back(gap);
}

bool SequenceTracker::fill(uint64_t sequence) {
  if (!gaps_) return false;
  const auto after = std::upper_bound(gaps_->begin(), gaps_->end(), sequence,
                                      [](uint64_t value, const Gap& gap) { return value < gap.begin; });
  if (after == gaps_->begin()) return false;
  const auto at = std::prev(after);
  if (sequence >= at->end) return false;
  const Gap right{sequence + 1, at->end};
  at->end = sequence;
  const bool left_is_empty = at->begin == at->end;
  if (right.begin == right.end) {
    if (left_is_empty) gaps_->erase(at);
  } else if (left_is_empty) {
    *at = right;
  } else if (gaps_->size() < kGapCountMax) {
    gaps_->insert(std::next(at), right);
  }
  return true;
}

}  // namespace penstock::bench
