// What a CommitLog does once per turn and when the disk has done something: keeps room in the tail, keeps the next
// segment ready, names and closes segments, gives up old ones.
#include <algorithm>
#include <utility>

#include "log/commit_log_state.h"
#include "log/file_names.h"

namespace penstock::log {
namespace {

constexpr uint64_t kBlock = core::kDirectAlignment;
constexpr size_t kRetiredPerSecondMax = 8;

}  // namespace

// ---------------------------------------------------------------- once per turn

void CommitLog::State::end_turn(bool is_awaited) {
  time_fresh = false;
  const int64_t now_ns = clock.monotonic_ns();
  if (now_ns >= next_second_ns) {
    next_second_ns = now_ns + core::kNsPerSecond;
    every_second();
  }
  for (const auto& file : segments.take_given_up()) dispose(file);
  reclaim_tail();
  tell_if_room_came_back();
  start_write(is_awaited, now_ns);
  if (options.durability == Durability::kMemory) publish_ends();
  prepare_next();
  advance_prewriting();
}

void CommitLog::State::start_write(bool is_awaited, int64_t now_ns) {
  const uint64_t unwritten = commit.marks().appended() - commit.marks().written();
  if (unwritten == 0 || commit.failed() || commit.no_room()) {
    next_write_ns = INT64_MAX;
    return;
  }
  next_write_ns = std::min(next_write_ns, now_ns + kLazyWriteNs);
  // An append that waits for room waits for this, too.
  if (!is_awaited && waiting_bytes == 0 && unwritten < kLazyWriteBytes && now_ns < next_write_ns) return;
  next_write_ns = INT64_MAX;  // while a write is under way its end brings the next turn
  commit.start(maker.direct());
}

void CommitLog::State::every_second() {
  commit.retry();
  commit.start_sync();
  naming_failed = false;
  finish_segments();
  if (chores.pending() > FileChores::kPendingMax / 2) return;
  segments.retire({.oldest_wall_us = clock.wall_us() - options.retention_us,
                   .bytes_max = options.retention_bytes,
                   .keep_from = keep_from,
                   .synced_end = commit.marks().synced()},
                  kRetiredPerSecondMax);
}

uint64_t CommitLog::State::lowest_pin() const {
  uint64_t lowest = kNotPinned;
  for (const Pin& pin : shared.pins) lowest = std::min(lowest, pin.offset.load(std::memory_order_seq_cst));
  for (const Pin& pin : shared.routed) lowest = std::min(lowest, pin.offset.load(std::memory_order_seq_cst));
  return lowest;
}

// Frees the oldest part of the tail in steps of a sixteenth, so that the pins of all shards are looked at rarely.
void CommitLog::State::reclaim_tail() {
  const uint64_t begin = shared.tail_begin.load(std::memory_order_relaxed);
  const uint64_t free = begin + ring.bytes() - std::min(core::align_up(appended_end, kBlock), begin + ring.bytes());
  const bool wanted = free < ring.bytes() / 16 * 3 || waiting_bytes != 0;
  if (wanted) {
    uint64_t target = appended_end - std::min(appended_end, ring.bytes() / 4 * 3);
    // An append waits and may need more than that: its record, and the rest of the segment that it cannot use.
    if (waiting_bytes != 0) target = appended_end - std::min(appended_end, ring.bytes() / 4);
    const Watermarks& marks = commit.marks();
    const uint64_t saved = options.durability == Durability::kSync ? marks.synced() : marks.written();
    target = core::align_down(std::min(target, saved), kBlock);  // the block of `saved` is written once more
    if (target > begin) shared.tail_begin.store(target, std::memory_order_seq_cst);
  }
  if (reclaimed_end < reclaimable_end()) {
    reclaimed_end = std::max(reclaimed_end, core::align_down(std::min(reclaimable_end(), lowest_pin()), kBlock));
    update_room();
  }
}

uint64_t CommitLog::State::reclaimable_end() const {
  return core::align_down(shared.tail_begin.load(std::memory_order_relaxed), kBlock);
}

bool CommitLog::State::waits_for_readers() const {
  return waiting_bytes != 0 && reclaimed_end < reclaimable_end();
}

void CommitLog::State::update_room() {
  const bool open = !commit.failed() && !commit.no_room() && !segments.empty();
  room_end = open ? std::min(segments.active().end, reclaimed_end + ring.bytes()) : 0;
}

void CommitLog::State::tell_if_room_came_back() {
  if (waiting_bytes == 0 || !ready) return;
  const uint64_t bytes = waiting_bytes;
  const AppendRoom room = room_for(bytes);
  if (room != AppendRoom::kRoom && room != AppendRoom::kFailed) return;
  waiting_bytes = 0;
  handler.on_log_progress();
}

void CommitLog::State::prepare_next() {
  if (commit.failed() || maker.status() == SegmentMaker::Status::kMaking || segments.empty()) return;
  // The file that the maker would replace must not be the one that we write: first it gets its own name.
  if (segments.active().name == kNextSegmentName) return;
  const uint64_t needed = core::align_up(kSegmentHeaderBytes + padded_record_bytes(oversized_bytes), kBlock);
  const uint64_t bytes = std::max(options.segment_bytes, oversized_bytes == 0 ? 0 : needed);
  const uint64_t begin = segments.active().end;
  if (maker.status() == SegmentMaker::Status::kReady) {
    const bool fits = maker.next().bytes() >= bytes && maker.next().begin == begin;
    if (fits || prewriter.overlaps(maker.next().begin, maker.next().end)) return;
    maker.discard();
    prewriter.restart_at(std::min(prewriter.end(), begin));
  } else if (maker.status() != SegmentMaker::Status::kNone) {
    const int64_t now_ns = clock.monotonic_ns();
    if (now_ns < retry_make_ns) return;
  }
  retry_make_ns = clock.monotonic_ns() + core::kNsPerSecond;
  maker.make(begin, bytes);
}

void CommitLog::State::on_segment_settled() {
  if (maker.status() == SegmentMaker::Status::kReady && maker.next().bytes() > options.segment_bytes) {
    oversized_bytes = 0;
  }
  tell_if_room_came_back();
}

void CommitLog::State::advance_prewriting() {
  if (segments.empty() || commit.failed()) return;
  const Segment* next = maker.status() == SegmentMaker::Status::kReady ? &maker.next() : nullptr;
  if (segments.active().prewrite_file == core::kNoFile) return;
  prewriter.advance(appended_end, segments.active(), next);
}

// ---------------------------------------------------------------- from completions

uint64_t CommitLog::State::durable_end() const {
  switch (options.durability) {
    case Durability::kSync:
      return commit.marks().synced();
    case Durability::kWrite:
      return commit.marks().written();
    case Durability::kMemory:
      break;
  }
  return appended_end;
}

void CommitLog::State::publish_ends() {
  shared.durable_end.store(durable_end(), std::memory_order_release);
  shared.synced_end.store(commit.marks().synced(), std::memory_order_release);
}

void CommitLog::State::on_commit_advanced() {
  update_room();
  publish_ends();
  finish_segments();
  if (ready) {
    if (waiting_bytes != 0) reclaim_tail();
    waiting_bytes = 0;  // the handler asks again for what it wants
    handler.on_log_progress();
  }
  continue_finish();
}

void CommitLog::State::on_commit_failed(const std::string& what) {
  report("log " + std::to_string(options.id.value()) + " stops: " + what +
         "; it acknowledges and takes nothing more until the broker is restarted");
  update_room();
}

// Segments that are written to, oldest first: names them, and closes what is full and durable.
void CommitLog::State::finish_segments() {
  std::deque<Segment>& all = segments.all();
  if (all.empty()) return;
  if (all.back().name == kNextSegmentName) name_segment(all.back());
  size_t first = all.size();
  while (first > 0 && all[first - 1].written_here()) --first;
  for (size_t i = first; i < all.size(); ++i) {
    Segment& segment = all[i];
    if (!segment.full() || segment.data_end > commit.marks().synced()) return;
    if (prewriter.overlaps(segment.begin, segment.end)) return;
    storage.close(std::exchange(segment.commit_file, core::kNoFile));
    storage.close(std::exchange(segment.prewrite_file, core::kNoFile));
    chores.write_file(path_in(options.directory, index_file_name(segment.first_sequence)),
                      segment.index.serialize(segment.first_sequence), nullptr);
    segment.index = SegmentIndex();
  }
}

// Once its header is on the disk, and not before: a segment with a sequence for a name has a right header.
void CommitLog::State::name_segment(Segment& segment) {
  if (naming || naming_failed || commit.marks().written() <= segment.begin) return;
  naming = true;
  const std::string name = segment_file_name(segment.first_sequence);
  chores.rename(path_in(options.directory, kNextSegmentName), path_in(options.directory, name),
                [this, &segment, name](int32_t result) {
                  naming = false;
                  // Tried again every second; until then no next segment is made, because it would take the place.
                  naming_failed = result < 0;
                  if (naming_failed) return report("naming a segment in " + options.directory + " failed");
                  segment.name = name;
                  finish_segments();
                });
  chores.sync_directory(options.directory, nullptr);
}

void CommitLog::State::dispose(const LogSegments::GivenUp& file) {
  const std::string path = path_in(options.directory, file.name);
  if (file.bytes == options.segment_bytes && !maker.has_spare()) {
    maker.set_spare(1);  // taken; the real size follows when the name is durable
    chores.rename(path, path_in(options.directory, kSpareSegmentName), nullptr);
    chores.sync_directory(options.directory,
                          [this, bytes = file.bytes](int32_t result) { maker.set_spare(result < 0 ? 0 : bytes); });
  } else {
    chores.remove(path, nullptr);
  }
  chores.remove(path_in(options.directory, index_file_name(file.first_sequence)), nullptr);
  chores.sync_directory(options.directory, nullptr);
}

void CommitLog::State::continue_finish() {
  if (finished == nullptr) return;
  const Watermarks& marks = commit.marks();
  if (commit.failed() || commit.no_room() || marks.synced() == appended_end) {
    *std::exchange(finished, nullptr) = true;
    return;
  }
  commit.start(maker.direct());
  if (marks.written() == appended_end) commit.start_sync();
}

}  // namespace penstock::log
