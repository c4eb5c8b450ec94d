#include "log/cold_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "log/segment_format.h"

namespace penstock::log {
namespace {

// A chunk reads a little into the next one, so that the usual record on the border needs no read of its own.
constexpr uint64_t kOverlapBytes = 4096;
constexpr uint64_t kFirstGuessBytes = 4096;  // of a record whose length is not known
constexpr uint64_t kPrefetchedChunks = 2;
constexpr uint32_t kHitsPerPrefetch = 256;  // looks again now and then: there may have been no room for it before
constexpr size_t kSpareBuffersMax = 8;
constexpr size_t kKnownDamageMax = 4096;
constexpr size_t kGivenUpMax = 4096;

uint64_t key_of(LogId log, uint64_t begin, bool exact) {
  return (begin / kRecordAlignment) << 17 | uint64_t{exact} << 16 | log.value();
}

}  // namespace

void Chunk::complete(int32_t result) {
  reader.ended(*this, result);
}

ColdReader::ColdReader(core::Storage& storage, LogReader::Options options)
    : storage_(storage), options_(std::move(options)) {
  CHECK(options_.chunk_bytes >= 4096 && options_.chunk_bytes % 4096 == 0);
  CHECK(options_.chunks_max >= 4);
  bytes_max_ = options_.chunks_max * (options_.chunk_bytes + kOverlapBytes);
}

ColdReader::~ColdReader() {
  roomless_ = {};
  for (auto& [key, chunk] : chunks_) chunk->waiters = {};
  storage_.run_until(idle_);
}

void ColdReader::add_log(SharedLog& log) {
  logs_.try_emplace(log.id.value());
}

void ColdReader::end_batch() {
  for (auto& [id, log] : logs_) log.segments.reset();  // lets the owner close files
  ++batch_;
  // While nothing can be evicted, the next read that ends tells them.
  if (roomless_.empty() || under_way_ + unread_.size() == chunks_.size()) return;
  WaiterList<ReadWaiter> waiters = std::exchange(roomless_, {});
  tell(waiters);
}

const SegmentFile* ColdReader::segment_of(SharedLog& log, uint64_t offset) {
  std::shared_ptr<const SegmentList>& segments = logs_.find(log.id.value())->second.segments;
  if (segments == nullptr) segments = log.segments.load();
  if (segments == nullptr) return nullptr;
  const auto after = std::upper_bound(segments->begin(), segments->end(), LogOffset(offset),
                                      [](LogOffset at, const SegmentFile& file) { return at < file.begin; });
  if (after == segments->begin()) return nullptr;
  const SegmentFile& segment = *std::prev(after);
  if (offset >= segment.end.value() || offset < segment.begin.value() + kSegmentHeaderBytes) return nullptr;
  return &segment;
}

ColdReader::State ColdReader::read(SharedLog& log, uint64_t offset, uint64_t tail_begin, RecordView& out,
                                   ReadWaiter& waiter) {
  const Wanted wanted{log, offset, tail_begin, &waiter};
  Chunk* const recent = logs_.find(log.id.value())->second.recent;
  if (recent != nullptr && offset - recent->begin < options_.chunk_bytes && offset < recent->valid_end &&
      take(*recent, offset, out) == Found::kRecord) {
    if (recent->hits % kHitsPerPrefetch == 2) prefetch(wanted, *recent);
    return State::kReady;
  }
  const SegmentFile* const segment = segment_of(log, offset);
  if (segment == nullptr) return State::kGone;
  return read_grid(wanted, *segment, out);
}

ColdReader::State ColdReader::read_grid(const Wanted& wanted, const SegmentFile& segment, RecordView& out) {
  const uint64_t segment_begin = segment.begin.value();
  const uint64_t begin = segment_begin + (wanted.offset - segment_begin) / options_.chunk_bytes * options_.chunk_bytes;
  const uint64_t bytes = std::min(options_.chunk_bytes + kOverlapBytes, segment.end.value() - begin);
  const auto found = chunks_.find(key_of(wanted.log.id, begin, false));
  if (found == chunks_.end()) {
    // A large record may have pushed the chunk out that said how large it is.
    if (chunks_.contains(key_of(wanted.log.id, wanted.offset, true))) return read_exact(wanted, segment, 0, out);
    return load(wanted, segment, begin, bytes, false);
  }
  Chunk& chunk = *found->second;
  if (chunk.state == Chunk::State::kLoading) return wait(chunk, wanted);
  if (wanted.offset >= chunk.valid_end) {
    // Read when this record was not in the file yet.
    if (chunk.batch == batch_) {
      roomless_.add(*wanted.waiter);
      return State::kPending;
    }
    evict(chunk);
    return load(wanted, segment, begin, bytes, false);
  }
  // Only the bad sectors of a chunk that could not be read are lost, not all of it.
  if (chunk.state == Chunk::State::kFailed) return read_exact(wanted, segment, kFirstGuessBytes, out);
  switch (take(chunk, wanted.offset, out)) {
    case Found::kRecord:
      logs_.find(wanted.log.id.value())->second.recent = &chunk;
      if (chunk.hits % kHitsPerPrefetch == 2) prefetch(wanted, chunk);
      return State::kReady;
    case Found::kTooShort:
      return read_exact(wanted, segment, bytes_needed(chunk, wanted.offset, segment), out);
    case Found::kDamaged:
      break;
  }
  return damaged(wanted.log, wanted.offset, "no valid record of this segment");
}

ColdReader::State ColdReader::read_exact(const Wanted& wanted, const SegmentFile& segment, uint64_t bytes,
                                         RecordView& out) {
  const auto found = chunks_.find(key_of(wanted.log.id, wanted.offset, true));
  if (found == chunks_.end()) {
    if (bytes == 0) return damaged(wanted.log, wanted.offset, "its length reaches past the segment");
    return load(wanted, segment, wanted.offset, std::min(bytes, segment.end.value() - wanted.offset), true);
  }
  Chunk& chunk = *found->second;
  if (chunk.state == Chunk::State::kLoading) return wait(chunk, wanted);
  if (chunk.state == Chunk::State::kFailed) return damaged(wanted.log, wanted.offset, "it cannot be read");
  switch (take(chunk, wanted.offset, out)) {
    case Found::kRecord:
      return State::kReady;
    case Found::kTooShort:
      bytes = bytes_needed(chunk, wanted.offset, segment);
      if (bytes <= chunk.wanted_bytes) return damaged(wanted.log, wanted.offset, "the file ends within it");
      evict(chunk);
      return load(wanted, segment, wanted.offset, bytes, true);
    case Found::kDamaged:
      break;
  }
  return damaged(wanted.log, wanted.offset, "no valid record of this segment");
}

// The record at `offset`, if it lies whole in the chunk. Checked once.
ColdReader::Found ColdReader::take(Chunk& chunk, uint64_t offset, RecordView& out) {
  if (!chunk.holds(offset) || offset % kRecordAlignment != 0) return Found::kTooShort;
  const uint64_t at = offset - chunk.begin;
  const std::byte* const bytes = chunk.buffer.get() + at;
  uint64_t& word = chunk.checked[at / kRecordAlignment / 64];
  const uint64_t bit = uint64_t{1} << (at / kRecordAlignment % 64);
  if ((word & bit) == 0) {
    if (chunk.bytes - at < sizeof(RecordHeader)) return Found::kTooShort;
    switch (check_record(bytes, chunk.bytes - at)) {
      case RecordCheck::kValid:
        break;
      case RecordCheck::kTruncated:
        return Found::kTooShort;
      case RecordCheck::kEmpty:
      case RecordCheck::kCorrupt:
        return Found::kDamaged;
    }
    const Sequence sequence = RecordView(bytes).sequence();
    if (sequence < chunk.first_sequence || sequence >= chunk.end_sequence) return Found::kDamaged;
    word |= bit;
  }
  out = RecordView(bytes);
  chunk.batch = batch_;
  chunk.used_at = ++clock_;
  ++chunk.hits;
  return Found::kRecord;
}

// How much to read for a record that reaches past the chunk; 0 where its length is impossible.
uint64_t ColdReader::bytes_needed(const Chunk& chunk, uint64_t offset, const SegmentFile& segment) const {
  const uint64_t at = offset - chunk.begin;
  if (at + sizeof(RecordHeader) > chunk.bytes) return kFirstGuessBytes;
  const uint64_t bytes = padded_record_bytes(RecordView(chunk.buffer.get() + at).header().bytes);
  return bytes <= segment.end.value() - offset ? bytes : 0;
}

ColdReader::State ColdReader::wait(Chunk& chunk, const Wanted& wanted) {
  if (wanted.waiter != nullptr) chunk.waiters.add(*wanted.waiter);
  return State::kPending;
}

// --- Chunks.

ColdReader::State ColdReader::load(const Wanted& wanted, const SegmentFile& segment, uint64_t begin, uint64_t bytes,
                                   bool exact) {
  if (!make_room(bytes)) {
    if (wanted.waiter != nullptr) roomless_.add(*wanted.waiter);
    return State::kPending;
  }
  auto owned = std::make_unique<Chunk>(*this);
  Chunk& chunk = *owned;
  chunk.key = key_of(wanted.log.id, begin, exact);
  chunk.exact = exact;
  chunk.begin = begin;
  chunk.wanted_bytes = bytes;
  chunk.valid_end = wanted.tail_begin;
  chunk.segments = logs_.find(wanted.log.id.value())->second.segments;
  chunk.file = segment.file;
  chunk.file_offset = begin - segment.begin.value();
  chunk.first_sequence = segment.first_sequence;
  const bool newest = &segment == &chunk.segments->back();
  chunk.end_sequence = newest ? Sequence(UINT64_MAX) : (&segment + 1)->first_sequence;
  chunk.buffer = take_buffer(bytes);
  chunk.checked.resize(bytes / kRecordAlignment / 64 + 1);
  chunk.used_at = ++clock_;
  bytes_ += bytes;
  if (wanted.waiter != nullptr) chunk.waiters.add(*wanted.waiter);
  chunks_.emplace(chunk.key, std::move(owned));
  ++cold_reads_;
  read_on(chunk);
  return State::kPending;
}

void ColdReader::read_on(Chunk& chunk) {
  ++under_way_;
  idle_ = false;
  storage_.read(chunk.file, chunk.file_offset + chunk.bytes,
                {chunk.buffer.get() + chunk.bytes, chunk.wanted_bytes - chunk.bytes}, chunk);
}

void ColdReader::ended(Chunk& chunk, int32_t result) {
  --under_way_;
  idle_ = under_way_ == 0;
  if (result > 0) {
    chunk.bytes += static_cast<uint64_t>(result);
    if (chunk.bytes < chunk.wanted_bytes) {
      read_on(chunk);
      return;
    }
  }
  if (result >= 0) {
    disk_gives_ = true;
    if (!given_up_.empty()) given_up_.erase(place_of(chunk));
  } else if (chunk.exact && waits_for_retry(chunk, result)) {
    return;
  }
  chunk.state = result < 0 ? Chunk::State::kFailed : Chunk::State::kReady;
  // It stays until those who wait for it have had their turn, or others who need room would take it from them.
  chunk.batch = batch_;
  chunk.segments.reset();
  WaiterList<ReadWaiter> waiters = std::exchange(chunk.waiters, {});
  waiters.absorb(roomless_);
  tell(waiters);
}

// The grid's chunk that an exact one lies in.
uint64_t ColdReader::place_of(const Chunk& chunk) const {
  const uint64_t begin = chunk.begin - chunk.file_offset % options_.chunk_bytes;
  return key_of(LogId(static_cast<uint16_t>(chunk.key)), begin, false);
}

// A disk that gives nothing now may give it later, and what it holds is acknowledged: so its readers wait a while, and
// only then the record is lost to them. What lies near one that had all its tries gets no more of them, so that a bad
// sector delays a session once and not for each of its records.
bool ColdReader::waits_for_retry(Chunk& chunk, int32_t result) {
  if (++chunk.tries >= options_.read_tries_max) {
    if (given_up_.size() >= kGivenUpMax) given_up_.clear();
    given_up_.insert(place_of(chunk));
    return false;
  }
  if (given_up_.contains(place_of(chunk))) return false;
  if (std::exchange(disk_gives_, false) && options_.report) {
    options_.report("log " + std::to_string(static_cast<uint16_t>(chunk.key)) + " at offset " +
                    std::to_string(chunk.begin) + " cannot be read: " + std::strerror(-result) +
                    "; it is tried again every second");
  }
  unread_.push_back(&chunk);
  return true;
}

void ColdReader::retry_reads() {
  for (Chunk* chunk : std::exchange(unread_, {})) read_on(*chunk);
  // And what is behind chunks that could not be read as a whole gets another chance to come as a whole.
  std::vector<Chunk*> failed;
  for (auto& [key, chunk] : chunks_) {
    if (!chunk->exact && chunk->state == Chunk::State::kFailed) failed.push_back(chunk.get());
  }
  for (Chunk* chunk : failed) evict(*chunk);
}

// A backlog is read from front to back: the second record taken from a chunk says that the next chunks will be wanted.
void ColdReader::prefetch(const Wanted& wanted, const Chunk& chunk) {
  Wanted next = wanted;
  next.waiter = nullptr;
  const SegmentFile* segment = segment_of(wanted.log, wanted.offset);
  if (segment == nullptr) return;
  const SegmentList& segments = *logs_.find(wanted.log.id.value())->second.segments;
  uint64_t begin = chunk.begin;
  for (uint64_t i = 0; i < kPrefetchedChunks; ++i) {
    begin += options_.chunk_bytes;
    if (begin >= segment->end.value()) {
      if (++segment == segments.data() + segments.size()) return;
      begin = segment->begin.value();
    }
    if (begin >= wanted.tail_begin) return;
    if (chunks_.contains(key_of(wanted.log.id, begin, false))) continue;
    // Chunks that somebody waits for must not lose their place to those that nobody asked for yet.
    if (under_way_ * 2 >= options_.chunks_max) return;
    load(next, *segment, begin, std::min(options_.chunk_bytes + kOverlapBytes, segment->end.value() - begin), false);
  }
}

// A record larger than the whole pool is read when no other such one is there.
bool ColdReader::make_room(uint64_t bytes) {
  const size_t count_max = options_.chunks_max * 4;  // reads of single records are small
  const uint64_t bytes_max = std::max(bytes_max_, bytes);
  while (bytes_ + bytes > bytes_max || chunks_.size() >= count_max) {
    Chunk* oldest = nullptr;
    for (auto& [key, chunk] : chunks_) {
      if (chunk->state == Chunk::State::kLoading || chunk->batch == batch_) continue;
      if (oldest == nullptr || chunk->used_at < oldest->used_at) oldest = chunk.get();
    }
    if (oldest == nullptr) return false;
    evict(*oldest);
  }
  return true;
}

void ColdReader::evict(Chunk& chunk) {
  for (auto& [id, log] : logs_) {
    if (log.recent == &chunk) log.recent = nullptr;
  }
  bytes_ -= chunk.wanted_bytes;
  if (chunk.wanted_bytes == options_.chunk_bytes + kOverlapBytes && spare_buffers_.size() < kSpareBuffersMax) {
    spare_buffers_.push_back(std::move(chunk.buffer));
  }
  chunks_.erase(chunk.key);
}

ChunkBuffer ColdReader::take_buffer(uint64_t bytes) {
  if (bytes == options_.chunk_bytes + kOverlapBytes && !spare_buffers_.empty()) {
    ChunkBuffer buffer = std::move(spare_buffers_.back());
    spare_buffers_.pop_back();
    return buffer;
  }
  return ChunkBuffer(new (std::align_val_t(4096)) std::byte[bytes]);
}

// --- Waiters and damage.

// A waiter may forget others while it is told, also from within another list's telling.
void ColdReader::tell(WaiterList<ReadWaiter>& waiters) {
  telling_.push_back(&waiters);
  waiters.drain([](ReadWaiter& waiter) { waiter.on_read_ready(); });
  telling_.pop_back();
}

void ColdReader::forget(ReadWaiter& waiter) {
  for (auto& [key, chunk] : chunks_) chunk->waiters.remove(waiter);
  roomless_.remove(waiter);
  for (WaiterList<ReadWaiter>* list : telling_) list->remove(waiter);
}

ColdReader::State ColdReader::damaged(const SharedLog& log, uint64_t offset, const std::string& what) {
  if (known_damage_.size() >= kKnownDamageMax) known_damage_.clear();
  if (known_damage_.insert(key_of(log.id, offset, true)).second) {
    ++damaged_records_;
    if (options_.report) {
      options_.report("record at offset " + std::to_string(offset) + " of log " + std::to_string(log.id.value()) +
                      " is lost: " + what);
    }
  }
  return State::kGone;
}

}  // namespace penstock::log
