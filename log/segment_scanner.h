// SegmentScanner: reads records of one segment file from front to back, through a buffer that grows to the largest
// record. For start-up and tools: waits for the disk. Damaged bytes and bytes that cannot be read look the same: not a
// record.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/storage.h"
#include "log/record_format.h"
#include "log/segment_catalog.h"

namespace penstock::log {

// What a record must be to count after what was read before it.
struct Expected {
  Sequence sequence;
  Epoch epoch = 0;
  bool loose = false;  // after a hole: any later sequence, any epoch that is not older

  bool accepts(const RecordHeader& header) const;
};

class SegmentScanner {
 public:
  static constexpr uint64_t kReadBytes = 1u << 20;
  static constexpr uint64_t kBlock = core::kDirectAlignment;

  static core::Result<SegmentScanner> open(core::Storage& storage, const std::string& directory,
                                           const FoundSegment& segment);
  SegmentScanner(SegmentScanner&& other) noexcept;
  SegmentScanner& operator=(SegmentScanner&&) = delete;
  ~SegmentScanner();

  // What lies at this offset of the log, inside the segment. kValid: `record` lives until the next call.
  RecordCheck check(uint64_t offset, RecordView& record);

  // The first valid record in [from, until) that could come after the record `earlier`, lost or not, which lies (or
  // lay) at `earlier_at`. Offset 0: none.
  struct Found {
    uint64_t offset = 0;
    uint64_t end = 0;
    RecordHeader header;
  };
  Found find(uint64_t from, uint64_t until, const Expected& earlier, uint64_t earlier_at);

  uint64_t unreadable_bytes() const { return kBlock * unreadable_.size(); }
  // Whether what lies at this offset, a record or its begin, cannot be judged because the disk does not give it.
  bool unreadable_at(uint64_t offset) const;
  const FoundSegment& segment() const { return *segment_; }

 private:
  SegmentScanner(core::Storage& storage, core::FileId file, const FoundSegment& segment)
      : storage_(&storage), file_(file), segment_(&segment) {}
  // Makes [offset, offset + bytes) readable at the returned address; null where the file ends before.
  const std::byte* load(uint64_t offset, uint64_t bytes);
  void fill(uint64_t file_begin, uint64_t bytes);
  bool plausible(uint64_t offset, const Expected& earlier, uint64_t earlier_at);
  uint64_t available(uint64_t offset) const;

  core::Storage* storage_;
  core::FileId file_;
  const FoundSegment* segment_;
  std::vector<std::byte> buffer_;
  uint64_t buffer_begin_ = 0;  // offsets in the file
  uint64_t buffer_end_ = 0;
  std::set<uint64_t> unreadable_;  // blocks, by their offset in the file
};

}  // namespace penstock::log
