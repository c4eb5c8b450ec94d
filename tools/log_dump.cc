// dump: records in the order of their log, log by log.
#include "tools/log_record.h"
#include "tools/log_tool.h"

namespace penstock::tools {

int run_dump(Tool& tool, const RecordFilter& filter) {
  const auto logs = find_logs(tool);
  if (!logs) return unusable(tool, logs.error());
  uint64_t left = filter.count_max;
  bool damaged = false;
  for (const LogPlace& place : *logs) {
    if (filter.log && *filter.log != place.id.value()) continue;
    // By the index close to the first record wanted; if that cannot be found, from the start.
    log::LogOffset from{0};
    if (filter.from_us) {
      const auto found = log::find_time(tool.storage, place.directory, place.id, *filter.from_us);
      if (found && *found) from = **found;
    }
    const auto visit = [&](log::LogOffset offset, log::RecordView record) {
      if (filter.to_us && record.header().wall_us >= *filter.to_us) return false;
      if (left == 0) return false;
      if (offset < from || !accepts(filter, place.id, record)) return true;
      print_record(tool, place.id, offset, record);
      --left;
      return left > 0;
    };
    const auto recovered = log::recover_log(tool.storage, place.directory, place.id, from, visit);
    if (!recovered) return unusable(tool, recovered.error());
    damaged |= print_damage(tool, recovered->damage);
  }
  return damaged ? kTrouble : kFine;
}

}  // namespace penstock::tools
