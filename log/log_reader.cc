#include "log/log_reader.h"

#include <algorithm>

#include "core/check.h"
#include "log/cold_reader.h"

namespace penstock::log {

LogReader::LogReader(core::Storage& storage, Options options) : shard_(options.shard) {
  CHECK_LT(shard_, kShardsMax);
  cold_ = std::make_unique<ColdReader>(storage, std::move(options));
}

LogReader::~LogReader() {
  if (in_batch_) end_batch();
}

void LogReader::add_log(SharedLog& log) {
  CHECK(!in_batch_);
  const size_t place = log.id.value();
  if (place >= tails_.size()) tails_.resize(place + 1);
  CHECK(tails_[place].log == nullptr);
  tails_[place].log = &log;
  cold_->add_log(log);
}

void LogReader::begin_batch() {
  CHECK(!in_batch_);
  in_batch_ = true;
  cold_->begin_batch();
}

void LogReader::end_batch() {
  CHECK(in_batch_);
  for (Tail* tail : pinned_) {
    tail->begin = tail->bytes = 0;
    tail->pinned = false;
    tail->log->pins[shard_].offset.store(kNotPinned, std::memory_order_release);
  }
  pinned_.clear();
  in_batch_ = false;
  cold_->end_batch();
}

void LogReader::retry_reads() {
  cold_->retry_reads();
}

// First the pin, then the look at tail_begin, both seq_cst: if the owner has raised tail_begin without seeing the pin,
// we see its new value here, and use nothing before it.
void LogReader::pin(Tail& tail) {
  SharedLog& log = *tail.log;
  std::atomic<uint64_t>& pin = log.pins[shard_].offset;
  const uint64_t seen = log.tail_begin.load(std::memory_order_relaxed);
  pin.store(seen, std::memory_order_seq_cst);
  const uint64_t begin = log.tail_begin.load(std::memory_order_seq_cst);
  if (begin != seen) pin.store(begin, std::memory_order_release);
  tail.base = log.tail;
  tail.mask = log.tail_mask;
  tail.begin = begin;
  tail.pinned = true;
  pinned_.push_back(&tail);
}

// Not in the known part of a pinned tail: the log is not pinned yet, or grew since, or the record is older than the
// tail.
LogReader::State LogReader::read_unpinned(LogId log, LogOffset offset, RecordView& out, ReadWaiter& waiter) {
  CHECK(in_batch_);
  if (log.value() >= tails_.size() || tails_[log.value()].log == nullptr) return State::kGone;
  Tail& tail = tails_[log.value()];
  const uint64_t at = offset.value();
  if (!tail.pinned) pin(tail);
  const uint64_t end = tail.log->appended_end.load(std::memory_order_acquire);
  if (at >= end) return State::kGone;  // an index that is ahead of its log
  tail.bytes = end - std::min(tail.begin, end);
  if (at < tail.begin) return cold_->read(*tail.log, at, tail.begin, out, waiter);
  out = RecordView(tail.base + (at & tail.mask));
  return State::kReady;
}

void LogReader::forget(ReadWaiter& waiter) {
  cold_->forget(waiter);
}
uint64_t LogReader::cold_reads() const {
  return cold_->cold_reads();
}
uint64_t LogReader::damaged_records() const {
  return cold_->damaged_records();
}

}  // namespace penstock::log
