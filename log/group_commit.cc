#include "log/group_commit.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/check.h"
#include "log/log_segments.h"

namespace penstock::log {
namespace {

constexpr uint64_t kBlock = core::kDirectAlignment;
constexpr int kTriesMax = 64;  // of a part that keeps moving a little: a broken disk must not hold us for ever

}  // namespace

void GroupCommit::Freed::operator()(std::byte* memory) const {
  std::free(memory);
}

GroupCommit::GroupCommit(core::Storage& storage, const core::MirroredRing& ring, LogSegments& segments,
                         Prewriter& prewriter, CommitHandler& handler, Settings settings)
    : storage_(storage),
      ring_(ring),
      segments_(segments),
      prewriter_(prewriter),
      handler_(handler),
      settings_(settings),
      copy_(static_cast<std::byte*>(std::aligned_alloc(kBlock, kCopiedBytesMax))) {
  body_.owner = last_.owner = this;
  sync_.owner = this;
}

void GroupCommit::start_at(uint64_t end) {
  marks_.start_at(end);
  begin_segment(end);
}

void GroupCommit::begin_segment(uint64_t offset) {
  batch_begin_ = offset;
  batch_limit_ = core::align_down(offset, kBlock) + kWriteBytesMax;
}

void GroupCommit::split_batch(uint64_t offset, uint64_t end) {
  if (offset != batch_begin_) {
    boundaries_.push_back(offset);
    begin_segment(offset);
  }
  batch_limit_ = std::max(batch_limit_, end);  // a record larger than a batch is one by itself
}

// Where the write that starts at the written end stops: at the end of a batch, of a segment, or of what there is.
uint64_t GroupCommit::next_write_end() const {
  uint64_t end = std::min(marks_.appended(), write_segment_->data_end);
  if (!boundaries_.empty()) end = std::min(end, boundaries_.front());
  return end;
}

void GroupCommit::start(bool direct) {
  if (writing_ || failed_ || marks_.written() == marks_.appended()) return;
  write_segment_ = segments_.continues_at(marks_.written());
  // Whatever the policy, a segment is durable as a whole before the next one begins: so only the last one can lose its
  // header or records in a power cut, and where a segment begins is never a guess.
  if (marks_.written() <= write_segment_->begin && marks_.synced() != marks_.written()) return start_sync();
  const uint64_t begin = std::max(core::align_down(marks_.written(), kBlock), write_segment_->begin);
  uint64_t end = next_write_end();
  // A batch that is one huge record goes out in pieces.
  if (end > begin + kWriteBytesMax + kBlock) end = begin + kWriteBytesMax;
  if (prewriter_.overlaps(begin, core::align_up(end, kBlock))) return;
  if (end == marks_.appended()) begin_segment(end);  // what comes now is behind this write
  if (!boundaries_.empty() && boundaries_.front() == end) boundaries_.pop_front();
  prewriter_.skip_to(core::align_up(end, kBlock));
  writing_ = true;
  write_end_ = end;
  sync_after_write_ = settings_.sync_writes && !direct;
  plan_parts(begin, end);
}

// Full blocks straight from the tail; a partly filled last block, and any short write as a whole, from a copy.
void GroupCommit::plan_parts(uint64_t begin, uint64_t end) {
  const uint64_t padded_end = core::align_up(end, kBlock);
  const uint64_t cut = padded_end - begin <= kCopiedBytesMax ? begin : core::align_down(end, kBlock);
  std::memcpy(copy_.get(), ring_.at(cut), end - cut);
  std::memset(copy_.get() + (end - cut), 0, padded_end - end);
  body_.from = {ring_.at(begin), cut - begin};
  body_.file_offset = begin - write_segment_->begin;
  last_.from = {copy_.get(), padded_end - cut};
  last_.file_offset = cut - write_segment_->begin;
  body_.tries = last_.tries = 0;
  ++writes_count_;
  bytes_written_ += padded_end - begin;
  parts_left_ = (body_.from.empty() ? 0 : 1) + (last_.from.empty() ? 0 : 1);
  const bool body = !body_.from.empty();
  const bool last = !last_.from.empty();
  if (body) run_part(body_);
  if (last) run_part(last_);
}

void GroupCommit::operation_started() {
  ++operations_;
  idle_ = false;
}

void GroupCommit::operation_ended() {
  idle_ = --operations_ == 0;
}

void GroupCommit::run_part(Part& part) {
  operation_started();
  storage_.write(write_segment_->commit_file, part.file_offset, part.from, part);
}

void GroupCommit::Part::complete(int32_t result) {
  owner->on_part(*this, result);
}

void GroupCommit::on_part(Part& part, int32_t result) {
  operation_ended();
  if (result == -ENOSPC || result == -EDQUOT) {
    // Nothing is lost: the bytes are in the tail. The same write is tried again when there may be room.
    part.waits_for_room = true;
    no_room_ = true;
    return handler_.on_commit_advanced();
  }
  const bool moved_some = result >= 0 && static_cast<uint64_t>(result) < part.from.size();
  if (result == -EINTR || result == -EAGAIN || moved_some) {
    const uint64_t moved = result > 0 ? core::align_down(static_cast<uint64_t>(result), kBlock) : 0;
    part.from = part.from.subspan(moved);
    part.file_offset += moved;
    if (++part.tries < kTriesMax) return run_part(part);
    result = -EIO;
  }
  if (result < 0) fail("writing", result);
  if (--parts_left_ == 0) on_write_ended();
}

void GroupCommit::retry() {
  if (!no_room_) return;
  no_room_ = false;
  for (Part* part : {&body_, &last_}) {
    if (!part->waits_for_room) continue;
    part->waits_for_room = false;
    run_part(*part);
  }
}

void GroupCommit::on_write_ended() {
  writing_ = false;
  if (failed_) return handler_.on_commit_advanced();
  marks_.raise_written(write_end_);
  if (sync_after_write_) {
    writing_ = true;  // until it is durable: the next write must not start before
    operation_started();
    sync_segment_ = write_segment_;
    sync_end_ = write_end_;
    return storage_.sync(write_segment_->commit_file, sync_);
  }
  if (settings_.sync_writes) marks_.raise_synced(write_end_);
  handler_.on_commit_advanced();
}

// For the policies that do not sync each write: bounds what a power cut can take.
void GroupCommit::start_sync() {
  if (syncing_ || failed_ || settings_.sync_writes || marks_.synced() == marks_.written()) return;
  syncing_ = true;
  operation_started();
  sync_segment_ = segments_.continues_at(marks_.synced());
  sync_end_ = std::min(marks_.written(), sync_segment_->data_end);
  storage_.sync(sync_segment_->commit_file, sync_);
}

void GroupCommit::on_synced(int32_t result) {
  operation_ended();
  if (settings_.sync_writes) {
    writing_ = false;
  } else {
    syncing_ = false;
  }
  // A failed sync is final: the kernel may have dropped the pages and called them clean, so that a second sync would
  // succeed without them.
  if (result < 0) {
    fail("syncing", result);
  } else {
    marks_.raise_synced(sync_end_);
  }
  handler_.on_commit_advanced();
}

void GroupCommit::fail(const char* doing, int32_t result) {
  if (failed_) return;
  failed_ = true;
  handler_.on_commit_failed(std::string(doing) + " segment " + write_segment_->name + " at offset " +
                            std::to_string(write_end_) + ": " + std::strerror(-result));
}

}  // namespace penstock::log
