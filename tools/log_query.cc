// query: messages of one parent topic. The per-parent-topic index of the last checkpoint says where they are; what the
// log holds behind it is read record by record.
#include "broker/state_records.h"
#include "tools/log_checkpoint.h"
#include "tools/log_lookup.h"
#include "tools/log_record.h"
#include "tools/log_tool.h"

namespace penstock::tools {
namespace {

using Peek = log::ConsumeQueue::Peek;

class Query {
 public:
  Query(Tool& tool, const std::string& parent, const RecordFilter& filter)
      : tool_(tool), parent_(parent), filter_(filter), left_(filter.count_max) {}

  core::Status run(const LogPlace& place, ShardImage* shard) {
    if (left_ == 0) return {};
    if (shard == nullptr) return scan(place, log::LogOffset(0), false);
    QueueImage* const queue = queue_of(*shard);
    // All parents have a queue of their own, or share one: no queue means no message before the checkpoint.
    if (queue != nullptr) RETURN_IF_ERROR(read_index(place, *queue->queue));
    const log::LogOffset passed = shard->routed.offset_of(place.id);
    return scan(place, passed, passed.value() != 0);
  }
  bool damaged() const { return damaged_; }

 private:
  QueueImage* queue_of(ShardImage& shard) const {
    QueueImage* others = nullptr;
    for (QueueImage& image : shard.queues) {
      if (image.kind == QueueKind::kParent && image.name == parent_) return &image;
      if (image.kind == QueueKind::kOtherParents) others = &image;
    }
    return others;
  }

  bool wanted(log::LogId log, log::RecordView record) const {
    return record.header().type == log::kMessage && protocol_parent(record.topic()) == parent_ &&
           accepts(filter_, log, record);
  }
  static std::string_view protocol_parent(std::string_view topic) { return topic.substr(0, topic.find('/')); }

  void print(log::LogId log, log::LogOffset offset, log::RecordView record) {
    print_record(tool_, log, offset, record);
    --left_;
  }

  core::Status read_index(const LogPlace& place, log::ConsumeQueue& queue) {
    ASSIGN_OR_RETURN(const auto lookup, RecordLookup::open(tool_, place));
    log::QueueIndex index = first_of_time(queue, *lookup);
    while (index < queue.end() && left_ > 0) {
      log::QueueEntry entry;
      if (read_entry(tool_, queue, index, entry) == Peek::kGone) {
        index = queue.page_end(index);  // reported at the end
        damaged_ = true;
        continue;
      }
      ++index;
      log::RecordView record;
      const auto found = lookup->at(entry.offset(), record);
      if (found == RecordLookup::Found::kNothing) {
        damaged_ = true;
        tool_.err << "penstock-log: DAMAGED: " << lookup->file_of(entry.offset())
                  << ": no valid record where the index has one\n";
      }
      if (found != RecordLookup::Found::kRecord) continue;
      if (filter_.to_us && record.header().wall_us >= *filter_.to_us) return {};
      if (wanted(place.id, record)) print(place.id, entry.offset(), record);
    }
    return {};
  }

  // Times of one log never go back, so they can be bisected; what cannot be read counts as too old.
  log::QueueIndex first_of_time(log::ConsumeQueue& queue, RecordLookup& lookup) {
    log::QueueIndex low = queue.begin();
    if (!filter_.from_us) return low;
    log::QueueIndex high = queue.end();
    while (low < high) {
      const log::QueueIndex middle = low + (high - low) / 2;
      log::QueueEntry entry;
      log::RecordView record;
      const bool late_enough = read_entry(tool_, queue, middle, entry) == Peek::kReady &&
                               lookup.at(entry.offset(), record) == RecordLookup::Found::kRecord &&
                               record.header().wall_us >= *filter_.from_us;
      if (late_enough) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  // Records from `from` on; `passed`: the one at `from` is in the index.
  core::Status scan(const LogPlace& place, log::LogOffset from, bool passed) {
    if (left_ == 0) return {};
    const auto visit = [&](log::LogOffset offset, log::RecordView record) {
      if (filter_.to_us && record.header().wall_us >= *filter_.to_us) return false;
      const bool in_index = passed ? offset <= from : offset < from;
      if (!in_index && wanted(place.id, record)) print(place.id, offset, record);
      return left_ > 0;
    };
    ASSIGN_OR_RETURN(const log::RecoveredLog recovered,
                     log::recover_log(tool_.storage, place.directory, place.id, from, visit));
    damaged_ |= print_damage(tool_, recovered.damage);
    return {};
  }

  Tool& tool_;
  const std::string& parent_;
  const RecordFilter& filter_;
  uint64_t left_;
  bool damaged_ = false;
};

}  // namespace

int run_query(Tool& tool, const std::string& parent, const RecordFilter& filter) {
  const auto logs = find_logs(tool);
  if (!logs) return unusable(tool, logs.error());
  ShardImages images = load_shards(tool);
  for (const std::string& trouble : images.trouble) {
    tool.err << "penstock-log: DAMAGED: " << printable(trouble) << "; its log is read record by record\n";
  }
  Query query(tool, parent, filter);
  for (const LogPlace& place : *logs) {
    if (filter.log && *filter.log != place.id.value()) continue;
    ShardImage* shard = nullptr;
    for (const auto& each : images.shards) {
      if (each->log == place.id) shard = each.get();
    }
    const core::Status status = query.run(place, shard);
    if (!status) return unusable(tool, status.error());
  }
  for (const auto& shard : images.shards) {
    for (const std::string& what : shard->page_damage) tool.err << "penstock-log: DAMAGED: " << printable(what) << "\n";
  }
  return query.damaged() || !images.trouble.empty() ? kTrouble : kFine;
}

}  // namespace penstock::tools
