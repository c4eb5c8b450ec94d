// verify: everything against its checksums, and the indexes against the log. A broker may write at the same time, so
// something that looks wrong counts only if it still does a moment later.
#include <algorithm>
#include <map>

#include "broker/peer_topic.h"
#include "broker/state_records.h"
#include "log/file_names.h"
#include "log/segment_index.h"
#include "protocol/topic_filter.h"
#include "tools/log_checkpoint.h"
#include "tools/log_lookup.h"
#include "tools/log_tool.h"

namespace penstock::tools {
namespace {

using Peek = log::ConsumeQueue::Peek;

constexpr size_t kProblemsShown = 200;
constexpr int kMomentMs = 300;

class Verification {
 public:
  explicit Verification(Tool& tool) : tool_(tool) {}

  // Checkpoints first: what they point at was in the log before them.
  core::Status run(const std::vector<LogPlace>& logs) {
    ShardImages images = load_shards(tool_);
    if (!images.trouble.empty()) {
      sleep_ms(kMomentMs);
      images = load_shards(tool_);
    }
    for (const std::string& trouble : images.trouble) problem(trouble);
    for (const LogPlace& place : logs) RETURN_IF_ERROR(check_log(place));
    for (const auto& shard : images.shards) check_queues(logs, *shard);
    return {};
  }

  int finish() {
    for (size_t i = 0; i < std::min(problems_.size(), kProblemsShown); ++i) {
      tool_.json ? tool_.out << to_line({{"problem", problems_[i]}}) << "\n"
                 : tool_.out << "DAMAGED: " << printable(problems_[i]) << "\n";
    }
    if (tool_.json) {
      tool_.out << to_line({{"records", records_},
                            {"segments", segments_},
                            {"index_entries", index_entries_},
                            {"queue_entries", queue_entries_},
                            {"problems", problems_.size()}})
                << "\n";
    } else {
      if (problems_.size() > kProblemsShown) tool_.out << "... and " << problems_.size() - kProblemsShown << " more\n";
      tool_.out << (problems_.empty() ? "fine: " : "checked: ") << records_ << " records in " << segments_
                << " segments, " << index_entries_ << " index entries, " << queue_entries_ << " queue entries"
                << (problems_.empty() ? "" : "; " + std::to_string(problems_.size()) + " problems") << "\n";
    }
    return problems_.empty() ? kFine : kTrouble;
  }

 private:
  void problem(std::string what) { problems_.push_back(std::move(what)); }
  void note(const std::string& what) { tool_.err << "penstock-log: " << printable(what) << "\n"; }

  core::Status check_log(const LogPlace& place) {
    auto recovered = scan(place);
    if (recovered && has_damage(*recovered)) {
      sleep_ms(kMomentMs);
      recovered = scan(place);
    }
    if (!recovered) return std::unexpected(recovered.error());
    for (const log::Damage& damage : recovered->damage) {
      damage.torn_end ? note(damage_text(damage) + " (the trace of a crash, or of a broker that writes right now)")
                      : problem(damage_text(damage));
    }
    ASSIGN_OR_RETURN(const auto names, tool_.storage.list(place.directory));
    RETURN_IF_ERROR(check_names(place, names));
    for (const std::string& name : names) {
      if (const auto first = log::parse_index_file_name(name)) check_index_file(place, name, *first);
      if (!is_known(name)) note(log::path_in(place.directory, name) + ": not a file of the log; ignored");
    }
    return {};
  }

  // A segment whose header block is empty is left out by recovery: the newest file may look so after a crash, before
  // its first write. Any other one held records.
  core::Status check_names(const LogPlace& place, const std::vector<std::string>& names) {
    ASSIGN_OR_RETURN(const auto catalog,
                     with_patience([&] { return log::find_segments(tool_.storage, place.directory, place.id); }));
    for (const std::string& name : names) {
      const auto first = log::parse_segment_file_name(name);
      if (!first || catalog.segments.empty()) continue;
      const bool used =
          std::ranges::any_of(catalog.segments, [&](const auto& segment) { return segment.name == name; });
      if (used || first->value() >= catalog.segments.back().header.first_sequence) continue;
      // Retired since the names were listed?
      const auto file = core::BlockingStorage{tool_.storage}.open(log::path_in(place.directory, name), {});
      if (!file) continue;
      tool_.storage.close(*file);
      problem(log::path_in(place.directory, name) + " at offset 0: its header block is empty; its records are lost");
    }
    return {};
  }

  core::Result<log::RecoveredLog> scan(const LogPlace& place) {
    uint64_t records = 0;
    auto recovered = with_patience([&] {
      records = 0;
      return log::recover_log(tool_.storage, place.directory, place.id, log::LogOffset(0),
                              [&](log::LogOffset, log::RecordView) { return ++records, true; });
    });
    if (!recovered) return recovered;
    ASSIGN_OR_RETURN(const auto catalog,
                     with_patience([&] { return log::find_segments(tool_.storage, place.directory, place.id); }));
    segments_ += catalog.segments.size();
    records_ += records;
    return recovered;
  }
  static bool has_damage(const log::RecoveredLog& recovered) {
    return std::ranges::any_of(recovered.damage, [](const log::Damage& damage) { return !damage.torn_end; });
  }
  static bool is_known(const std::string& name) {
    return log::parse_segment_file_name(name) || log::parse_index_file_name(name) || name == log::kNextSegmentName ||
           name == log::kSpareSegmentName;
  }

  void check_index_file(const LogPlace& place, const std::string& name, log::Sequence first) {
    if (check_index_once(place, name, first).empty()) return;
    sleep_ms(kMomentMs);
    const std::string still = check_index_once(place, name, first);
    if (!still.empty()) problem(log::path_in(place.directory, name) + " at offset 0: " + still);
  }

  // Cut short, or its first block was never written. It is derived data and not used in this state.
  static bool is_unfinished(core::Bytes file) {
    if (file.size() < sizeof(log::IndexFileHeader)) return true;
    const auto header = core::load_le<log::IndexFileHeader>(file.data());
    if (header.magic == 0 && header.checksum == 0) return true;
    return header.magic == log::kIndexMagic && (file.size() - sizeof header) / sizeof(log::IndexEntry) < header.count;
  }

  // What is wrong with it; empty: nothing, or it is gone.
  std::string check_index_once(const LogPlace& place, const std::string& name, log::Sequence first) {
    const core::BlockingStorage blocking{tool_.storage};
    const auto file = blocking.open(log::path_in(place.directory, name), {});
    if (!file) return file.error().code == ENOENT ? "" : file.error().message;
    std::vector<std::byte> content(tool_.storage.size(*file).value_or(0));
    const auto read = blocking.read(*file, 0, content);
    tool_.storage.close(*file);
    if (!read) return read.error().message;
    const auto index = log::SegmentIndex::parse(content, first);
    if (!index && is_unfinished(content)) {
      note(log::path_in(place.directory, name) +
           ": unfinished, the trace of a crash or of a broker that writes it now");
      return {};
    }
    if (!index) return "the sparse index is damaged";
    const auto lookup = RecordLookup::open(tool_, place);
    if (!lookup) return lookup.error().message;
    for (const log::IndexEntry& entry : index->entries()) {
      log::RecordView record;
      const auto found = (*lookup)->at(log::LogOffset(entry.offset), record);
      if (found == RecordLookup::Found::kRetired) continue;
      if (found == RecordLookup::Found::kNothing) {
        return "it points at " + (*lookup)->file_of(log::LogOffset(entry.offset)) + ", where no valid record begins";
      }
      if (record.header().sequence != entry.sequence || record.header().wall_us != entry.wall_us) {
        return "it says sequence " + std::to_string(entry.sequence) + " for a record that is " +
               std::to_string(record.header().sequence);
      }
      ++index_entries_;
    }
    return {};
  }

  void check_queues(const std::vector<LogPlace>& logs, ShardImage& shard) {
    for (const LogPlace& place : logs) {
      auto lookup = RecordLookup::open(tool_, place);
      if (lookup) lookups_[place.id.value()] = std::move(*lookup);
    }
    for (QueueImage& image : shard.queues) check_queue(shard, image);
    for (const std::string& what : shard.page_damage) problem(what);
    lookups_.clear();
  }

  void check_queue(ShardImage& shard, QueueImage& image) {
    log::ConsumeQueue& queue = *image.queue;
    uint64_t arrival = 0;
    for (log::QueueIndex index = queue.begin(); index < queue.end();) {
      log::QueueEntry entry;
      if (read_entry(tool_, queue, index, entry) == Peek::kGone) {
        index = queue.page_end(index);  // the page is in page_damage
        continue;
      }
      std::string wrong = check_entry(image, entry);
      if (entry.arrival() < arrival) wrong = "its arrival goes back";
      arrival = entry.arrival();
      if (!wrong.empty()) {
        problem(shard.checkpoint_path + ": entry " + std::to_string(index.value()) + " of " +
                queue_kind_name(image.kind) + " queue \"" + image.name + "\": " + wrong);
      }
      ++queue_entries_;
      ++index;
    }
  }

  std::string check_entry(const QueueImage& image, const log::QueueEntry& entry) {
    const auto lookup = lookups_.find(entry.log().value());
    if (lookup == lookups_.end()) return {};  // a whole log that was retired
    log::RecordView record;
    const auto found = lookup->second->at(entry.offset(), record);
    if (found == RecordLookup::Found::kRetired) return {};
    if (found == RecordLookup::Found::kNothing) {
      return "no valid record in " + lookup->second->file_of(entry.offset());
    }
    const bool direct = record.header().type == static_cast<log::RecordType>(broker::StateRecord::kDirectMessage);
    if (record.header().type != log::kMessage && !direct) return "it points at a record that is no message";
    const std::string_view topic = record.topic();
    switch (image.kind) {
      case QueueKind::kParent:
        return topic.substr(0, topic.find('/')) == image.name ? "" : "the message has another parent topic";
      case QueueKind::kFilter: {
        const bool match =
            protocol::matches(protocol::TopicFilter::accepted(image.name), protocol::TopicName::accepted(topic));
        return match ? "" : "the message's topic does not match";
      }
      case QueueKind::kOwn:
        return (direct ? record.publisher() : broker::peer_of(protocol::TopicName::accepted(topic))) == image.name
                   ? ""
                   : "the message is for another session";
      case QueueKind::kOtherParents:
        return {};
    }
    return {};
  }

  Tool& tool_;
  std::vector<std::string> problems_;
  std::map<uint16_t, std::unique_ptr<RecordLookup>> lookups_;
  uint64_t records_ = 0;
  uint64_t segments_ = 0;
  uint64_t index_entries_ = 0;
  uint64_t queue_entries_ = 0;
};

}  // namespace

int run_verify(Tool& tool) {
  const auto logs = find_logs(tool);
  if (!logs) return unusable(tool, logs.error());
  Verification verification(tool);
  const core::Status status = verification.run(*logs);
  if (!status) {
    // The rest cannot be judged without this: a later version, files of another log, no permission.
    tool.err << "penstock-log: " << printable(status.error().message) << "\n";
    if (tool.json) tool.out << to_line({{"problem", status.error().message}}) << "\n";
    verification.finish();
    return kTrouble;
  }
  return verification.finish();
}

}  // namespace penstock::tools
