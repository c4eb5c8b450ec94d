// LogSegments: the segments of one open log, oldest first, and the list of them that readers of all shards see. Decides
// what retention takes away, and gives a file up only when no reader can hold a list that names it. One thread, the
// shard's.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/storage.h"
#include "log/segment.h"
#include "log/shared_log.h"

namespace penstock::log {

class LogSegments {
 public:
  LogSegments(core::Storage& storage, SharedLog& shared) : storage_(storage), shared_(shared) {}
  LogSegments(const LogSegments&) = delete;

  bool empty() const { return segments_.empty(); }
  Segment& active() { return segments_.back(); }
  const Segment& active() const { return segments_.back(); }
  std::deque<Segment>& all() { return segments_; }
  const std::deque<Segment>& all() const { return segments_; }

  // References to other segments stay valid.
  void add(Segment segment) { segments_.push_back(std::move(segment)); }
  // Where the byte stream goes on at `end`, the end of a record: in the next segment when its own one is full.
  Segment* continues_at(uint64_t end);

  // Tells readers. Once after each change.
  void publish();

  struct RetentionLimits {
    int64_t oldest_wall_us = 0;  // what is older goes
    uint64_t bytes_max = 0;      // 0: any
    uint64_t keep_from = 0;      // what lies at or behind this offset stays
    uint64_t synced_end = 0;
    size_t segments_kept = 1;  // whatever their age: the one that is written
  };
  // Takes at most `count_max` segments off the list, oldest first. They are given up later.
  void retire(const RetentionLimits& limits, size_t count_max);

  // A file that nobody reads any more: remove it, or use it again.
  struct GivenUp {
    std::string name;
    Sequence first_sequence;
    uint64_t bytes;
  };
  std::vector<GivenUp> take_given_up();

  // Closes every file; no operation and no reader uses one.
  void close_all();

 private:
  struct OldList {
    std::shared_ptr<const SegmentList> list;
    std::vector<Segment> dropped;  // not in the list that came after this one
  };
  void close(core::FileId& file);

  core::Storage& storage_;
  SharedLog& shared_;
  std::deque<Segment> segments_;
  std::deque<OldList> old_lists_;
  std::vector<Segment> dropping_;
};

}  // namespace penstock::log
