// Names of the files of a log. This file owns them all:
//
//   <data>/log-3/                            one log, by its id
//     00000000000000000001.segment           a segment, by the sequence of its first record (20 digits, so names sort)
//     00000000000000000001.index             its sparse index, written when the segment is full; derived, may be
//     missing next.segment                           made ahead for what comes next. It may already hold records: it
//     gets its
//                                            sequence for a name a moment after its first record, not before
//     spare.segment                          a retired segment that waits to be used again
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "log/position.h"

namespace penstock::log {

constexpr std::string_view kNextSegmentName = "next.segment";
constexpr std::string_view kSpareSegmentName = "spare.segment";

std::string log_directory_name(LogId id);  // "log-3"
std::optional<LogId> parse_log_directory_name(std::string_view name);

std::string segment_file_name(Sequence first);  // "00000000000000000001.segment"
std::optional<Sequence> parse_segment_file_name(std::string_view name);

std::string index_file_name(Sequence first);
std::optional<Sequence> parse_index_file_name(std::string_view name);

std::string path_in(std::string_view directory, std::string_view name);

}  // namespace penstock::log
