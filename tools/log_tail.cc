// tail: the last records, and with -f every new one as soon as it is in the files.
#include <deque>

#include "tools/log_record.h"
#include "tools/log_tool.h"

namespace penstock::tools {
namespace {

constexpr int kLookEveryMs = 200;

struct Followed {
  LogPlace place;
  log::CommitLog::Start start;
};

struct LastRecord {
  int64_t wall_us;
  std::string line;
};

// The last `count` records of one log that the filter lets through: from the newest segment, or, when that has too few,
// from the ones before it.
core::Result<std::deque<LastRecord>> last_records(Tool& tool, const RecordFilter& filter, uint64_t count, Followed& log,
                                                  bool& damaged) {
  ASSIGN_OR_RETURN(const log::SegmentCatalog catalog,
                   with_patience([&] { return log::find_segments(tool.storage, log.place.directory, log.place.id); }));
  std::deque<LastRecord> last;
  for (size_t segments = 1;; segments *= 4) {
    const bool all = segments >= catalog.segments.size();
    const log::LogOffset from(all ? 0 : catalog.segments[catalog.segments.size() - segments].begin());
    last.clear();
    const auto visit = [&](log::LogOffset offset, log::RecordView record) {
      if (count == 0 || !accepts(filter, log.place.id, record)) return true;
      if (last.size() == count) last.pop_front();
      last.push_back({record.header().wall_us, tool.json ? to_line(record_json(log.place.id, offset, record))
                                                         : record_line(log.place.id, record)});
      return true;
    };
    ASSIGN_OR_RETURN(const log::RecoveredLog recovered, with_patience([&] {
                       last.clear();
                       return log::recover_log(tool.storage, log.place.directory, log.place.id, from, visit);
                     }));
    if (!all && last.size() < count) continue;
    damaged |= print_damage(tool, recovered.damage);
    log.start = recovered.start;
    return last;
  }
}

// Prints what was added since the last look. Counts each record as it is printed: a look that fails half way goes on
// there.
core::Status look_again(Tool& tool, const RecordFilter& filter, Followed& log) {
  const auto visit = [&](log::LogOffset offset, log::RecordView record) {
    if (accepts(filter, log.place.id, record)) print_record(tool, log.place.id, offset, record);
    const log::RecordHeader& header = record.header();
    log.start = {.epoch = header.epoch,
                 .next_sequence = log::Sequence(header.sequence + 1),
                 .end = offset + log::padded_record_bytes(header.bytes),
                 .last_wall_us = header.wall_us};
    return true;
  };
  const log::CommitLog::Start from = log.start;
  const auto recovered = log::recover_log(tool.storage, log.place.directory, log.place.id, from, visit);
  // A segment that got its name, or was retired, in this moment: the next look finds it.
  if (!recovered && recovered.error().code != ENOENT) return std::unexpected(recovered.error());
  return {};
}

}  // namespace

int run_tail(Tool& tool, uint64_t count, bool follow, const RecordFilter& filter) {
  const auto places = find_logs(tool);
  if (!places) return unusable(tool, places.error());
  std::vector<Followed> logs;
  std::vector<LastRecord> last;
  bool damaged = false;
  for (const LogPlace& place : *places) {
    if (filter.log && *filter.log != place.id.value()) continue;
    logs.push_back({place, {}});
    auto records = last_records(tool, filter, count, logs.back(), damaged);
    if (!records) return unusable(tool, records.error());
    std::ranges::move(*records, std::back_inserter(last));
  }
  std::ranges::stable_sort(last, {}, &LastRecord::wall_us);
  if (last.size() > count) last.erase(last.begin(), last.end() - static_cast<ptrdiff_t>(count));
  for (const LastRecord& record : last) tool.out << record.line << "\n";
  tool.out.flush();
  while (follow && tool.out.good()) {
    sleep_ms(kLookEveryMs);
    for (Followed& log : logs) {
      const core::Status status = look_again(tool, filter, log);
      if (!status) return unusable(tool, status.error());
    }
    tool.out.flush();
  }
  return damaged ? kTrouble : kFine;
}

}  // namespace penstock::tools
