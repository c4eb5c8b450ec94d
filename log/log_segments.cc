#include "log/log_segments.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/check.h"

namespace penstock::log {

Segment* LogSegments::continues_at(uint64_t end) {
  // Almost always the last one or the one before.
  for (size_t i = segments_.size(); i-- > 0;) {
    Segment& segment = segments_[i];
    if (end < segment.begin || (end == segment.begin && i > 0)) continue;
    const bool goes_on_behind = segment.full() && end >= segment.data_end && i + 1 < segments_.size();
    return goes_on_behind ? &segments_[i + 1] : &segment;
  }
  return &segments_.front();
}

void LogSegments::publish() {
  auto list = std::make_shared<SegmentList>();
  list->reserve(segments_.size());
  for (const Segment& segment : segments_) {
    list->push_back({.file = segment.read_file,
                     .begin = LogOffset(segment.begin),
                     .end = LogOffset(segment.end),
                     .first_sequence = segment.first_sequence});
  }
  auto old = shared_.segments.exchange(std::move(list));
  if (old == nullptr) return;
  old_lists_.push_back({.list = std::move(old), .dropped = std::exchange(dropping_, {})});
}

void LogSegments::retire(const RetentionLimits& limits, size_t count_max) {
  uint64_t bytes = 0;
  for (const Segment& segment : segments_) bytes += segment.bytes();
  size_t count = 0;
  while (count < count_max && segments_.size() > limits.segments_kept) {
    Segment& oldest = segments_.front();
    const bool expired = oldest.newest_wall_us < limits.oldest_wall_us;
    const bool too_much = limits.bytes_max != 0 && bytes > limits.bytes_max;
    if (!expired && !too_much) break;
    // Its records must be durable (the index of what is gone may lie behind it), and no start-up may need them.
    if (oldest.end > limits.keep_from || oldest.written_here()) break;
    // The header of the next one is then the only one that tells where the log begins.
    if (segments_.size() > 1 && segments_[1].begin >= limits.synced_end) break;
    bytes -= oldest.bytes();
    dropping_.push_back(std::move(oldest));
    segments_.pop_front();
    ++count;
  }
  if (count != 0) publish();
}

std::vector<LogSegments::GivenUp> LogSegments::take_given_up() {
  std::vector<GivenUp> given_up;
  // Ours is the last reference and the list is no longer the current one: nobody can get it any more. In order, so that
  // a list that is still held keeps all that came after it.
  while (!old_lists_.empty() && old_lists_.front().list.use_count() == 1) {
    std::atomic_thread_fence(std::memory_order_acquire);
    for (Segment& segment : old_lists_.front().dropped) {
      close(segment.read_file);
      given_up.push_back({.name = segment.name, .first_sequence = segment.first_sequence, .bytes = segment.bytes()});
    }
    old_lists_.pop_front();
  }
  return given_up;
}

void LogSegments::close(core::FileId& file) {
  if (file != core::kNoFile) storage_.close(file);
  file = core::kNoFile;
}

void LogSegments::close_all() {
  const auto close_files = [this](Segment& segment) {
    close(segment.commit_file);
    close(segment.prewrite_file);
    close(segment.read_file);
  };
  std::ranges::for_each(segments_, close_files);
  for (OldList& old : old_lists_) std::ranges::for_each(old.dropped, close_files);
  shared_.segments.store(nullptr);
}

}  // namespace penstock::log
