#include "log/recovery.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "log/file_names.h"
#include "log/segment_catalog.h"
#include "log/segment_scanner.h"

namespace penstock::log {
namespace {

// A hole at the end of the last segment that is larger than this is taken for the end of the log.
constexpr uint64_t kSearchBytes = 64u << 20;

// One pass over a log. Reads front to back; where the next record is not the expected one, decides why:
//
//   the next segment starts with the expected sequence      this segment ends here
//   the next segment starts with a later one                 corruption (or a missing file): what can be found goes on
//   no next segment; a later record proves that what lies    corruption: goes on behind it
//     here had been written (kRecordStartsWrite)
//   no next segment; no proof                                the end; torn where something is left of a write
class Recovery {
 public:
  Recovery(core::Storage& storage, const std::string& directory, SegmentCatalog catalog, const RecordVisitor& visit)
      : storage_(storage), directory_(directory), catalog_(std::move(catalog)), visit_(visit) {
    result_.damage = catalog_.damage;
  }

  core::Result<RecoveredLog> run(LogOffset from, const CommitLog::Start* known);

 private:
  void choose_start(LogOffset from, const CommitLog::Start* known);
  core::Status scan_segment();
  bool take_record(uint64_t offset, const RecordView& record);
  bool go_on_behind_hole(SegmentScanner& scanner, RecordCheck check);
  bool go_on_before_next(SegmentScanner& scanner);
  bool go_on_at_end(SegmentScanner& scanner, RecordCheck check);
  void report_torn_end(RecordCheck check, uint64_t dropped_end);
  void resume_at(const SegmentScanner::Found& found);
  void add_damage(uint64_t offset, std::string what, uint64_t bytes_lost, bool torn_end = false);
  void add_hole(uint64_t end, std::string what);

  const FoundSegment& segment() const { return catalog_.segments[index_]; }
  const FoundSegment* next_segment() const {
    return index_ + 1 < catalog_.segments.size() ? &catalog_.segments[index_ + 1] : nullptr;
  }

  core::Storage& storage_;
  const std::string& directory_;
  SegmentCatalog catalog_;
  const RecordVisitor& visit_;
  RecoveredLog result_;
  size_t index_ = 0;
  uint64_t offset_ = 0;  // where the next record should be
  uint64_t visit_from_ = 0;
  Expected expected_;
  bool stopped_ = false;  // by the visitor
  bool end_unreadable_ = false;
};

core::Result<RecoveredLog> Recovery::run(LogOffset from, const CommitLog::Start* known) {
  if (catalog_.segments.empty()) {
    if (known != nullptr) result_.start = *known;
    return std::move(result_);
  }
  result_.begin = LogOffset(catalog_.segments.front().begin());
  choose_start(from, known);
  for (; index_ < catalog_.segments.size() && !stopped_; ++index_) {
    offset_ = std::max(offset_, segment().first_record());
    RETURN_IF_ERROR(scan_segment());
  }
  result_.start.next_sequence = expected_.sequence;
  result_.start.epoch = std::max(result_.start.epoch, expected_.epoch);
  return std::move(result_);
}

// The segment in which the record before `from` ends: its sequence is what the next one must continue.
void Recovery::choose_start(LogOffset from, const CommitLog::Start* known) {
  visit_from_ = from.value();
  while (next_segment() != nullptr && next_segment()->begin() < from.value()) ++index_;
  const FoundSegment& first = segment();
  const bool inside = from.value() > first.begin() && from.value() <= first.end();
  if (known != nullptr && inside) {
    offset_ = from.value();
    expected_ = {.sequence = known->next_sequence, .epoch = known->epoch};
    result_.start = *known;
    return;
  }
  if (from.value() > first.end()) {
    add_damage(first.end(), "the log ends before the place from which it should be read",
               from - LogOffset(first.end()));
  }
  offset_ = first.first_record();
  expected_ = {
      .sequence = Sequence(first.header.first_sequence), .epoch = first.header.epoch, .loose = first.header_lost};
  if (first.begin() > 0) result_.start.end = LogOffset(offset_);
  if (first.header.previous_wall_us != INT64_MAX) result_.start.last_wall_us = first.header.previous_wall_us;
}

core::Status Recovery::scan_segment() {
  ASSIGN_OR_RETURN(SegmentScanner scanner, SegmentScanner::open(storage_, directory_, segment()));
  while (!stopped_) {
    RecordView record;
    const bool inside = offset_ + sizeof(RecordHeader) <= segment().end();
    const RecordCheck check = inside ? scanner.check(offset_, record) : RecordCheck::kEmpty;
    if (check == RecordCheck::kValid && expected_.accepts(record.header())) {
      stopped_ = !take_record(offset_, record);
      continue;
    }
    const FoundSegment* next = next_segment();
    if (next != nullptr && next->header.first_sequence < expected_.sequence.value()) {
      return core::failure(path_in(directory_, next->name) + ": its records begin before those of " + segment().name +
                           " end");
    }
    if (!go_on_behind_hole(scanner, check)) break;
  }
  // Acknowledged records may lie there; who goes on now would write over them.
  if (end_unreadable_) {
    return core::failure(
        path_in(directory_, segment().name) + ": the disk does not give what lies at " +
        std::to_string(offset_ - segment().begin()) +
        ", where the log ends or goes on. Nothing was changed. Start again when the disk can be read, "
        "or put a copy in the place of this file that has zeros for what is lost (dd conv=noerror,sync)");
  }
  return {};
}

bool Recovery::take_record(uint64_t offset, const RecordView& record) {
  const RecordHeader& header = record.header();
  offset_ = offset + padded_record_bytes(header.bytes);
  expected_ = {.sequence = Sequence(header.sequence + 1), .epoch = header.epoch};
  result_.start.end = LogOffset(offset_);
  result_.start.epoch = header.epoch;
  result_.start.last_wall_us = std::max(result_.start.last_wall_us, header.wall_us);
  return offset < visit_from_ || visit_(LogOffset(offset), record);
}

bool Recovery::go_on_behind_hole(SegmentScanner& scanner, RecordCheck check) {
  return next_segment() != nullptr ? go_on_before_next(scanner) : go_on_at_end(scanner, check);
}

bool Recovery::go_on_before_next(SegmentScanner& scanner) {
  const FoundSegment& next = *next_segment();
  if (Sequence(next.header.first_sequence) == expected_.sequence) return false;  // nothing is missing
  const SegmentScanner::Found found = scanner.find(offset_ + kRecordAlignment, segment().end(), expected_, offset_);
  if (found.offset != 0 && found.header.sequence < next.header.first_sequence) {
    resume_at(found);
    return true;
  }
  const bool gap = next.begin() != segment().end();
  add_hole(std::max(next.begin(), offset_),
           "records " + std::to_string(expected_.sequence.value()) + " to " +
               std::to_string(next.header.first_sequence - 1) +
               (gap ? " are gone: a segment file is missing behind this one" : " are damaged"));
  expected_ = {.sequence = Sequence(next.header.first_sequence),
               .epoch = std::max(next.header.epoch, expected_.epoch),
               .loose = next.header_lost};
  return false;
}

bool Recovery::go_on_at_end(SegmentScanner& scanner, RecordCheck check) {
  const bool at_unreadable = scanner.unreadable_at(offset_);  // before the search loads what lies behind
  const uint64_t until = std::min(segment().end(), offset_ + kSearchBytes);
  SegmentScanner::Found first;
  SegmentScanner::Found last;
  Expected earlier = expected_;
  uint64_t earlier_at = offset_;
  for (uint64_t from = offset_ + kRecordAlignment;;) {
    const SegmentScanner::Found found = scanner.find(from, until, earlier, earlier_at);
    if (found.offset == 0) break;
    if (first.offset == 0) first = found;
    last = found;
    if ((found.header.flags & kRecordStartsWrite) != 0) {
      resume_at(first);
      return true;
    }
    earlier = {.sequence = Sequence(found.header.sequence), .epoch = found.header.epoch};
    earlier_at = found.offset;
    from = found.end;
  }
  end_unreadable_ = at_unreadable;
  if (!end_unreadable_) report_torn_end(check, last.end);
  return false;
}

void Recovery::report_torn_end(RecordCheck check, uint64_t dropped_end) {
  // On a block border of a recycled file there is whatever the file held before, not the trace of a write.
  const bool recycled = (segment().header.flags & kSegmentRecycled) != 0;
  const bool leftover = recycled && offset_ % core::kDirectAlignment == 0;
  if (dropped_end == 0 && (check == RecordCheck::kEmpty || check == RecordCheck::kValid || leftover)) return;
  const uint64_t end = dropped_end != 0 ? dropped_end : core::align_up(offset_ + 1, core::kDirectAlignment);
  add_damage(offset_, "the last write was cut off by a crash; it had not been acknowledged under --durability sync",
             end - offset_, true);
}

void Recovery::resume_at(const SegmentScanner::Found& found) {
  add_hole(found.offset, "damaged: records " + std::to_string(expected_.sequence.value()) + " to " +
                             std::to_string(found.header.sequence - 1) + " are lost; the log goes on behind them");
  offset_ = found.offset;
  expected_ = {.sequence = Sequence(found.header.sequence), .epoch = found.header.epoch, .loose = true};
}

void Recovery::add_damage(uint64_t offset, std::string what, uint64_t bytes_lost, bool torn_end) {
  result_.damage.push_back({.file = path_in(directory_, segment().name),
                            .file_offset = offset - segment().begin(),
                            .what = std::move(what),
                            .bytes_lost = bytes_lost,
                            .torn_end = torn_end});
}

void Recovery::add_hole(uint64_t end, std::string what) {
  add_damage(offset_, std::move(what), end - offset_);
  result_.holes.push_back({.begin = LogOffset(offset_), .end = LogOffset(end), .epoch = expected_.epoch});
}

}  // namespace

core::Result<RecoveredLog> recover_log(core::Storage& storage, const std::string& directory, LogId id, LogOffset from,
                                       const RecordVisitor& visit) {
  ASSIGN_OR_RETURN(SegmentCatalog catalog, find_segments(storage, directory, id));
  return Recovery(storage, directory, std::move(catalog), visit).run(from, nullptr);
}

core::Result<RecoveredLog> recover_log(core::Storage& storage, const std::string& directory, LogId id,
                                       const CommitLog::Start& from, const RecordVisitor& visit) {
  ASSIGN_OR_RETURN(SegmentCatalog catalog, find_segments(storage, directory, id));
  return Recovery(storage, directory, std::move(catalog), visit).run(from.end, &from);
}

}  // namespace penstock::log
