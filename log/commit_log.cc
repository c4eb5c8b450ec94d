#include "log/commit_log.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "log/commit_log_state.h"

namespace penstock::log {
namespace {

constexpr uint64_t kBlock = core::kDirectAlignment;

}  // namespace

// ---------------------------------------------------------------- the append path

AppendRoom CommitLog::State::room_for(uint64_t bytes) {
  const uint64_t padded = padded_record_bytes(bytes);
  if (appended_end + padded <= room_end) [[likely]]
    return AppendRoom::kRoom;
  if (commit.failed()) return AppendRoom::kFailed;
  waiting_bytes = std::max(waiting_bytes, bytes);
  if (commit.no_room()) return AppendRoom::kDiskFull;
  uint64_t end = appended_end + padded;
  if (end > segments.active().end) {
    const bool fits_next =
        maker.status() == SegmentMaker::Status::kReady && kSegmentHeaderBytes + padded <= maker.next().bytes();
    if (!fits_next) {
      if (kSegmentHeaderBytes + padded > options.segment_bytes) oversized_bytes = bytes;
      const bool refused =
          maker.status() == SegmentMaker::Status::kNoRoom || maker.status() == SegmentMaker::Status::kFailed;
      return refused ? AppendRoom::kDiskFull : AppendRoom::kTailFull;
    }
    end = maker.next().first_record() + padded;
  }
  if (core::align_up(end, kBlock) - reclaimed_end > ring.bytes()) return AppendRoom::kTailFull;
  waiting_bytes = 0;
  return AppendRoom::kRoom;
}

Appended CommitLog::State::append(const RecordParts& parts) {
  const uint64_t bytes = record_bytes(parts);
  const uint64_t padded = padded_record_bytes(bytes);
  if (appended_end + padded > room_end) [[unlikely]] {
    CHECK(room_for(bytes) == AppendRoom::kRoom);
    if (appended_end + padded > segments.active().end) roll();
  }
  if (!time_fresh) [[unlikely]]
    refresh_time();
  const uint64_t offset = appended_end;
  const uint64_t end = offset + padded;
  const Sequence sequence = next_sequence;
  const uint8_t log_flags = commit.starts_write(offset, end) ? kRecordStartsWrite : 0;
  encode_record(parts, sequence, epoch, wall_us, ring.at(offset), log_flags);
  if (offset >= index_next_at) [[unlikely]]
    add_index_entry(offset);
  ++next_sequence;
  appended_end = end;
  commit.marks().raise_appended(end);
  shared.appended_end.store(end, std::memory_order_release);
  return {LogOffset(offset), sequence, end};
}

// The next record goes to the next segment. What remains of the active one stays as it is.
void CommitLog::State::roll() {
  Segment& full = segments.active();
  full.data_end = appended_end;
  full.newest_wall_us = wall_us;
  enter_next_segment();
}

void CommitLog::State::enter_next_segment() {
  const int64_t previous_wall_us = wall_us;
  refresh_time();
  Segment next = maker.take();
  next.first_sequence = next_sequence;
  encode_segment_header({.log = options.id.value(),
                         .flags = next.recycled ? kSegmentRecycled : uint16_t{0},
                         .first_sequence = next_sequence.value(),
                         .begin = next.begin,
                         .segment_bytes = next.bytes(),
                         .epoch = epoch,
                         .created_us = wall_us,
                         .previous_wall_us = previous_wall_us},
                        ring.at(next.begin));
  appended_end = next.first_record();
  commit.begin_segment(appended_end);
  index_next_at = 0;
  segments.add(std::move(next));
  segments.publish();
  update_room();
}

void CommitLog::State::add_index_entry(uint64_t offset) {
  segments.active().index.add({.offset = offset, .sequence = next_sequence.value(), .wall_us = wall_us});
  index_next_at = segments.active().index.next_at();
}

// Once per turn: a message is stamped with the time of its turn, which saves reading the clock per message.
void CommitLog::State::refresh_time() {
  wall_us = std::max(wall_us, clock.wall_us());  // the wall clock may jump back, record times must not
  time_fresh = true;
}

// ---------------------------------------------------------------- the face

CommitLog::CommitLog() = default;
CommitLog::~CommitLog() = default;

AppendRoom CommitLog::room_for(uint64_t bytes) const {
  return state_->room_for(bytes);
}
Appended CommitLog::append(const RecordParts& parts) {
  return state_->append(parts);
}
void CommitLog::end_turn(bool is_awaited) {
  state_->end_turn(is_awaited);
}
int64_t CommitLog::next_write_ns() const {
  return state_->next_write_ns;
}

bool CommitLog::needs_turn() const {
  return state_->waits_for_readers();
}
LogId CommitLog::id() const {
  return state_->options.id;
}
Epoch CommitLog::epoch() const {
  return state_->epoch;
}
LogOffset CommitLog::appended_end() const {
  return LogOffset(state_->appended_end);
}
LogOffset CommitLog::durable_end() const {
  return LogOffset(state_->durable_end());
}
LogOffset CommitLog::written_end() const {
  return LogOffset(state_->commit.marks().written());
}
LogOffset CommitLog::synced_end() const {
  return LogOffset(state_->commit.marks().synced());
}
Sequence CommitLog::next_sequence() const {
  return state_->next_sequence;
}
int64_t CommitLog::last_wall_us() const {
  return state_->wall_us;
}
void CommitLog::not_before(int64_t wall_us) {
  state_->wall_us = std::max(state_->wall_us, wall_us);
}
uint64_t CommitLog::writes_count() const {
  return state_->commit.writes_count();
}
uint64_t CommitLog::bytes_written() const {
  return state_->commit.bytes_written();
}
SharedLog& CommitLog::shared() {
  return state_->shared;
}
LogOffset CommitLog::begin() const {
  return LogOffset(state_->segments.all().front().begin);
}

void CommitLog::keep_from(LogOffset offset) {
  state_->keep_from = offset.value();
}

void CommitLog::finish(bool& done) {
  state_->finished = &done;
  state_->continue_finish();
}

}  // namespace penstock::log
