#include "tools/log_lookup.h"

#include <algorithm>

#include "log/file_names.h"

namespace penstock::tools {

core::Result<std::unique_ptr<RecordLookup>> RecordLookup::open(Tool& tool, LogPlace place) {
  ASSIGN_OR_RETURN(log::SegmentCatalog catalog,
                   with_patience([&] { return log::find_segments(tool.storage, place.directory, place.id); }));
  return std::unique_ptr<RecordLookup>(new RecordLookup(tool, std::move(place), std::move(catalog)));
}

const log::FoundSegment* RecordLookup::segment_of(uint64_t offset) const {
  const auto after = std::ranges::upper_bound(catalog_.segments, offset, {}, &log::FoundSegment::begin);
  if (after == catalog_.segments.begin()) return nullptr;
  const log::FoundSegment& segment = *std::prev(after);
  return offset >= segment.first_record() && offset < segment.end() ? &segment : nullptr;
}

RecordLookup::Found RecordLookup::at(log::LogOffset offset, log::RecordView& record) {
  if (catalog_.segments.empty() || offset.value() < catalog_.segments.front().begin()) return Found::kRetired;
  const log::FoundSegment* const segment = segment_of(offset.value());
  if (segment == nullptr || offset.value() % log::kRecordAlignment != 0) return Found::kNothing;
  if (segment != current_) {
    scanner_.reset();
    current_ = nullptr;
    auto scanner = log::SegmentScanner::open(tool_.storage, place_.directory, *segment);
    if (!scanner) return scanner.error().code == ENOENT ? Found::kRetired : Found::kNothing;
    scanner_.emplace(std::move(*scanner));
    current_ = segment;
  }
  if (scanner_->check(offset.value(), record) != log::RecordCheck::kValid) return Found::kNothing;
  // A recycled file still holds valid records of its earlier life.
  const auto next = segment + 1;
  const bool is_last = next == catalog_.segments.data() + catalog_.segments.size();
  const uint64_t sequence = record.header().sequence;
  if (sequence < segment->header.first_sequence) return Found::kNothing;
  if (!is_last && sequence >= next->header.first_sequence) return Found::kNothing;
  return Found::kRecord;
}

std::string RecordLookup::file_of(log::LogOffset offset) const {
  const log::FoundSegment* const segment = segment_of(offset.value());
  if (segment == nullptr) return place_.directory + " at log offset " + std::to_string(offset.value());
  return log::path_in(place_.directory, segment->name) + " at offset " +
         std::to_string(offset.value() - segment->begin());
}

}  // namespace penstock::tools
