// RecordLookup: the record at an offset of one log, read from its segment files; quick where offsets rise. Waits for
// the disk. Views live until the next call.
#pragma once

#include <memory>
#include <optional>

#include "log/segment_catalog.h"
#include "log/segment_scanner.h"
#include "tools/log_tool.h"

namespace penstock::tools {

class RecordLookup {
 public:
  static core::Result<std::unique_ptr<RecordLookup>> open(Tool& tool, LogPlace place);

  enum class Found : uint8_t { kRecord, kRetired, kNothing };
  // kRetired: before the oldest segment. kNothing: no valid record of this log begins there.
  Found at(log::LogOffset offset, log::RecordView& record);
  std::string file_of(log::LogOffset offset) const;  // for messages; with the offset in it

 private:
  RecordLookup(Tool& tool, LogPlace place, log::SegmentCatalog catalog)
      : tool_(tool), place_(std::move(place)), catalog_(std::move(catalog)) {}
  const log::FoundSegment* segment_of(uint64_t offset) const;

  Tool& tool_;
  LogPlace place_;
  log::SegmentCatalog catalog_;
  const log::FoundSegment* current_ = nullptr;
  std::optional<log::SegmentScanner> scanner_;  // of current_
};

}  // namespace penstock::tools
