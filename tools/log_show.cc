// show: one message by its id, with all that its record holds.
#include "tools/log_record.h"
#include "tools/log_tool.h"

namespace penstock::tools {
namespace {

constexpr size_t kHexRow = 16;

void print_hex(std::ostream& out, core::Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (size_t row = 0; row < bytes.size(); row += kHexRow) {
    std::string hex, text;
    for (size_t i = row; i < std::min(row + kHexRow, bytes.size()); ++i) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      hex += {kDigits[byte >> 4], kDigits[byte & 15], ' '};
      text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
    }
    hex.resize(kHexRow * 3, ' ');
    out << "  " << hex << " " << text << "\n";
  }
}

void print_whole(Tool& tool, log::LogId log, log::LogOffset offset, log::RecordView record) {
  if (tool.json) return print_record(tool, log, offset, record);
  const log::RecordHeader& header = record.header();
  tool.out << "id          " << log::to_string(position_of(log, record)) << "\n"
           << "type        " << record_type_text(header.type) << "\n"
           << "time        " << time_text(header.wall_us) << "\n"
           << "client      " << printable(record.publisher()) << "\n"
           << "topic       " << printable(record.topic()) << "\n"
           << "QoS         " << int{record.qos()} << (record.retain() ? ", retain" : "") << "\n"
           << "packet id   " << header.packet_id << "\n"
           << "place       log " << log << ", offset " << offset << ", " << header.bytes << " bytes\n";
  if (!record.properties().empty()) {
    tool.out << "properties  " << record.properties().size() << " bytes\n";
    print_hex(tool.out, record.properties());
  }
  tool.out << "payload     " << record.payload().size() << " bytes\n";
  if (record.payload().empty()) return;
  if (is_text(record.payload())) {
    tool.out << core::as_text(record.payload()) << "\n";
  } else {
    print_hex(tool.out, record.payload());
  }
}

int not_there(Tool& tool, const std::string& message) {
  if (tool.json) tool.out << to_line({{"error", message}}) << "\n";
  tool.err << "penstock-log: " << message << "\n";
  return kTrouble;
}

}  // namespace

int run_show(Tool& tool, const std::string& message_id) {
  const auto position = log::parse_position(message_id);
  if (!position) {
    return unusable(tool,
                    {0, "\"" + message_id + "\" is no message id: it must look like 3-1-42 (log-epoch-sequence)"});
  }
  const auto logs = find_logs(tool);
  if (!logs) return unusable(tool, logs.error());
  for (const LogPlace& place : *logs) {
    if (place.id != position->log) continue;
    const auto offset =
        with_patience([&] { return log::find_sequence(tool.storage, place.directory, place.id, position->sequence); });
    if (!offset) return unusable(tool, offset.error());
    if (!*offset)
      return not_there(tool, message_id + " is not in log " + std::to_string(place.id.value()) +
                                 ": it was never written, has been retired, or is damaged (see verify)");
    bool shown = false;
    log::Epoch epoch = 0;
    const auto visit = [&](log::LogOffset at, log::RecordView record) {
      if (record.sequence() < position->sequence) return true;
      if (record.sequence() > position->sequence) return false;
      epoch = record.header().epoch;
      shown = epoch == position->epoch;
      if (shown) print_whole(tool, place.id, at, record);
      return false;
    };
    const auto recovered = log::recover_log(tool.storage, place.directory, place.id, **offset, visit);
    if (!recovered) return unusable(tool, recovered.error());
    if (shown) return kFine;
    return not_there(tool, message_id + " was cut off by a crash before it was durable; the record of epoch " +
                               std::to_string(epoch) + " has its sequence now");
  }
  return not_there(tool, "there is no log " + std::to_string(position->log.value()) + " in " + tool.directory);
}

}  // namespace penstock::tools
