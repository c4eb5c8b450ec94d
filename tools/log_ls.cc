// ls: the segments of each log.
#include <algorithm>
#include <iomanip>

#include "tools/log_tool.h"

namespace penstock::tools {
namespace {

struct Row {
  std::string file;
  uint64_t first_sequence = 0;
  uint64_t end_sequence = 0;  // 0: not known
  uint64_t begin = 0;
  uint64_t file_bytes = 0;
  int64_t created_us = 0;
  int64_t newest_us = 0;  // 0: not known
  std::string state;
};

std::string state_of(const log::FoundSegment& segment, bool is_last) {
  if (segment.header_lost) return "header lost";
  std::string state = is_last ? "active" : "full";
  if (segment.file_bytes < segment.header.segment_bytes) state += ", cut short";
  if (segment.header_damaged) state += ", header copy damaged";
  if ((segment.header.flags & log::kSegmentRecycled) != 0) state += ", recycled";
  return state;
}

std::vector<Row> rows_of(const log::SegmentCatalog& catalog, const log::RecoveredLog& end) {
  std::vector<Row> rows;
  for (size_t i = 0; i < catalog.segments.size(); ++i) {
    const log::FoundSegment& segment = catalog.segments[i];
    const bool is_last = i + 1 == catalog.segments.size();
    Row row{.file = segment.name,
            .first_sequence = segment.header.first_sequence,
            .begin = segment.begin(),
            .file_bytes = segment.file_bytes,
            .created_us = segment.header.created_us,
            .state = state_of(segment, is_last)};
    if (is_last) {
      row.end_sequence = end.start.next_sequence.value();
      row.newest_us = end.start.last_wall_us;
    } else {
      row.end_sequence = catalog.segments[i + 1].header.first_sequence;
      row.newest_us = catalog.segments[i + 1].header.previous_wall_us;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string range_text(const Row& row) {
  if (row.end_sequence <= row.first_sequence) return "none";
  return std::to_string(row.first_sequence) + ".." + std::to_string(row.end_sequence - 1);
}

void print_table(Tool& tool, const LogPlace& place, const std::vector<Row>& rows) {
  tool.out << place.directory << ": log " << place.id << ", " << rows.size() << " segments\n";
  for (const Row& row : rows) {
    tool.out << "  " << std::left << std::setw(30) << row.file << std::setw(24) << range_text(row) << std::setw(11)
             << bytes_text(row.file_bytes) << time_text(row.created_us) << " .. "
             << (row.newest_us > 0 && row.newest_us != INT64_MAX ? time_text(row.newest_us) : "?") << "  " << row.state
             << "\n";
  }
}

void print_json(Tool& tool, const LogPlace& place, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    Json json{{"log", place.id.value()},
              {"file", place.directory + "/" + row.file},
              {"first_sequence", row.first_sequence},
              {"end_sequence", row.end_sequence},
              {"offset", row.begin},
              {"bytes", row.file_bytes},
              {"created", time_text(row.created_us)},
              {"state", row.state}};
    if (row.newest_us > 0 && row.newest_us != INT64_MAX) json["newest"] = time_text(row.newest_us);
    tool.out << to_line(json) << "\n";
  }
}

}  // namespace

int run_ls(Tool& tool) {
  const auto logs = find_logs(tool);
  if (!logs) return unusable(tool, logs.error());
  bool damaged = false;
  for (const LogPlace& place : *logs) {
    const auto catalog = with_patience([&] { return log::find_segments(tool.storage, place.directory, place.id); });
    if (!catalog) return unusable(tool, catalog.error());
    // Where the last segment ends only its records say.
    const log::LogOffset last(catalog->segments.empty() ? 0 : catalog->segments.back().begin());
    const auto end = with_patience([&] {
      return log::recover_log(tool.storage, place.directory, place.id, last,
                              [](log::LogOffset, log::RecordView) { return true; });
    });
    if (!end) return unusable(tool, end.error());
    const std::vector<Row> rows = rows_of(*catalog, *end);
    tool.json ? print_json(tool, place, rows) : print_table(tool, place, rows);
    damaged |= print_damage(tool, end->damage);
  }
  return damaged ? kTrouble : kFine;
}

}  // namespace penstock::tools
