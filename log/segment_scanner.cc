#include "log/segment_scanner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "log/file_names.h"

namespace penstock::log {
namespace {

constexpr std::byte kUnreadable{0xee};  // as a record length it is impossible

bool all_zero(const std::byte* at, uint64_t bytes) {
  // The bytes equal themselves one place on: as fast as the machine compares memory, and the end of a log is mostly
  // zeros.
  return at[0] == std::byte{0} && std::memcmp(at, at + 1, bytes - 1) == 0;
}

}  // namespace

bool Expected::accepts(const RecordHeader& header) const {
  if (loose) return header.sequence >= sequence.value() && header.epoch >= epoch;
  // A later start of the log goes on behind damage that it could not read over.
  if (header.type == kEpochStart && header.epoch > epoch) return header.sequence >= sequence.value();
  if (header.sequence != sequence.value()) return false;
  return header.epoch == epoch;
}

core::Result<SegmentScanner> SegmentScanner::open(core::Storage& storage, const std::string& directory,
                                                  const FoundSegment& segment) {
  const core::BlockingStorage blocking{storage};
  ASSIGN_OR_RETURN(const core::FileId file, blocking.open(path_in(directory, segment.name), {}));
  return SegmentScanner(storage, file, segment);
}

SegmentScanner::SegmentScanner(SegmentScanner&& other) noexcept
    : storage_(other.storage_),
      file_(std::exchange(other.file_, core::kNoFile)),
      segment_(other.segment_),
      buffer_(std::move(other.buffer_)),
      buffer_begin_(other.buffer_begin_),
      buffer_end_(other.buffer_end_),
      unreadable_(std::move(other.unreadable_)) {}

SegmentScanner::~SegmentScanner() {
  if (file_ != core::kNoFile) storage_->close(file_);
}

// Bytes of the file from this offset on that belong to the segment.
uint64_t SegmentScanner::available(uint64_t offset) const {
  const uint64_t at = offset - segment_->begin();
  const uint64_t end = std::min(segment_->file_bytes, segment_->header.segment_bytes);
  return at < end ? end - at : 0;
}

const std::byte* SegmentScanner::load(uint64_t offset, uint64_t bytes) {
  if (available(offset) < bytes) return nullptr;
  const uint64_t at = offset - segment_->begin();
  if (at < buffer_begin_ || at + bytes > buffer_end_) {
    const uint64_t begin = core::align_down(at, kBlock);
    fill(begin, std::max(at - begin + bytes, kReadBytes));
  }
  return buffer_.data() + (at - buffer_begin_);
}

void SegmentScanner::fill(uint64_t file_begin, uint64_t bytes) {
  const core::BlockingStorage blocking{*storage_};
  bytes = std::min(bytes, available(segment_->begin() + file_begin));
  if (buffer_.size() < bytes) buffer_.resize(bytes);
  buffer_begin_ = file_begin;
  buffer_end_ = file_begin + bytes;
  const core::MutableBytes into = core::MutableBytes(buffer_).first(bytes);
  const auto read = blocking.read(file_, file_begin, into);
  if (read && *read == bytes) return;
  // Some block cannot be read: take the others one by one.
  for (uint64_t done = 0; done < bytes; done += kBlock) {
    const core::MutableBytes block = into.subspan(done, std::min(kBlock, bytes - done));
    const auto one = blocking.read(file_, file_begin + done, block);
    if (one && *one == block.size()) continue;
    std::ranges::fill(block, kUnreadable);
    unreadable_.insert(file_begin + done);
  }
}

RecordCheck SegmentScanner::check(uint64_t offset, RecordView& record) {
  const uint64_t left = available(offset);
  const uint64_t header_bytes = std::min<uint64_t>(left, sizeof(RecordHeader));
  if (left == 0) return RecordCheck::kEmpty;
  const std::byte* at = load(offset, header_bytes);
  // The length is looked at first: a whole record is loaded only where its length is possible.
  const uint32_t bytes = header_bytes < sizeof(uint32_t) ? 0 : core::load_le<uint32_t>(at);
  const uint64_t padded = padded_record_bytes(bytes);
  if (header_bytes < sizeof(RecordHeader) || bytes < sizeof(RecordHeader) || bytes > kRecordBytesMax) {
    return check_record(at, header_bytes);
  }
  if (padded > left) return RecordCheck::kTruncated;
  at = load(offset, padded);
  record = RecordView(at);
  return check_record(at, padded);
}

bool SegmentScanner::unreadable_at(uint64_t offset) const {
  const uint64_t at = offset - segment_->begin();
  uint64_t end = at + sizeof(RecordHeader);
  const bool loaded = at >= buffer_begin_ && at + sizeof(uint32_t) <= buffer_end_;
  if (loaded) {
    const auto bytes = core::load_le<uint32_t>(buffer_.data() + (at - buffer_begin_));
    if (bytes <= kRecordBytesMax) end = std::max<uint64_t>(end, at + bytes);
  }
  const auto first = unreadable_.lower_bound(core::align_down(at, kBlock));
  return first != unreadable_.end() && *first < end;
}

// Cheap tests of a header that may be none, before a checksum is worth computing.
bool SegmentScanner::plausible(uint64_t offset, const Expected& earlier, uint64_t earlier_at) {
  const std::byte* at = load(offset, sizeof(RecordHeader));
  const uint32_t bytes = core::load_le<uint32_t>(at);
  if (bytes < sizeof(RecordHeader) + 2 || padded_record_bytes(bytes) > available(offset)) return false;
  const uint64_t sequence = core::load_le<uint64_t>(at + offsetof(RecordHeader, sequence));
  // From the earlier record to this one, each record took at least its header.
  const uint64_t sequence_max = earlier.sequence.value() + (offset - earlier_at) / sizeof(RecordHeader);
  if (sequence <= earlier.sequence.value() || sequence > sequence_max) return false;
  return core::load_le<uint32_t>(at + offsetof(RecordHeader, epoch)) >= earlier.epoch;
}

SegmentScanner::Found SegmentScanner::find(uint64_t from, uint64_t until, const Expected& earlier,
                                           uint64_t earlier_at) {
  from = core::align_up(from, kRecordAlignment);
  while (from < until && available(from) >= sizeof(RecordHeader)) {
    if (from % kBlock == 0 && available(from) >= kBlock && all_zero(load(from, kBlock), kBlock)) {
      from += kBlock;
      continue;
    }
    RecordView record;
    if (plausible(from, earlier, earlier_at) && check(from, record) == RecordCheck::kValid) {
      return {from, from + padded_record_bytes(record.header().bytes), record.header()};
    }
    from += kRecordAlignment;
  }
  return {};
}

}  // namespace penstock::log
