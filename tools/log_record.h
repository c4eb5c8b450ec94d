// How penstock-log prints a record, and which records a RecordFilter lets through.
#pragma once

#include "log/position.h"
#include "log/record_format.h"
#include "tools/log_tool.h"

namespace penstock::tools {

// Records are printed by name when this build knows their type.
std::string record_type_text(log::RecordType type);
log::LogPosition position_of(log::LogId log, log::RecordView record);

// One line each; the payload of the text form is cut short.
std::string record_line(log::LogId log, log::RecordView record);
Json record_json(log::LogId log, log::LogOffset offset, log::RecordView record);
void print_record(Tool& tool, log::LogId log, log::LogOffset offset, log::RecordView record);

bool accepts(const RecordFilter& filter, log::LogId log, log::RecordView record);

}  // namespace penstock::tools
