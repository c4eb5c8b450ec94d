// queues: the consume queues of each shard's last checkpoint.
#include <iomanip>

#include "tools/log_checkpoint.h"
#include "tools/log_tool.h"

namespace penstock::tools {
namespace {

Json queue_json(const ShardImage& shard, const QueueImage& image) {
  const log::ConsumeQueue& queue = *image.queue;
  Json json{{"shard", shard.shard},
            {"kind", queue_kind_name(image.kind)},
            {"name", image.name},
            {"id", queue.id()},
            {"begin", queue.begin().value()},
            {"end", queue.end().value()},
            {"entries", queue.end() - queue.begin()}};
  if (queue.oldest_page() != UINT64_MAX) json["oldest_page"] = queue.oldest_page();
  return json;
}

void print_queue(Tool& tool, const ShardImage& shard, const QueueImage& image) {
  if (tool.json) {
    tool.out << to_line(queue_json(shard, image)) << "\n";
    return;
  }
  const log::ConsumeQueue& queue = *image.queue;
  const bool nameless = image.kind == QueueKind::kOtherParents;
  tool.out << "  " << std::left << std::setw(14) << queue_kind_name(image.kind) << std::setw(32)
           << (nameless ? "(all without their own)" : printable(image.name)) << std::right << std::setw(12)
           << queue.end() - queue.begin() << " entries  [" << queue.begin() << ", " << queue.end() << ")"
           << (queue.oldest_page() == UINT64_MAX ? "" : ", partly in page files") << "\n";
}

}  // namespace

int run_queues(Tool& tool) {
  const auto logs = find_logs(tool);
  if (!logs) return unusable(tool, logs.error());
  const ShardImages images = load_shards(tool);
  for (const auto& shard : images.shards) {
    if (!tool.json) {
      tool.out << "shard " << shard->shard << ": " << shard->queues.size() << " queues as of "
               << time_text(shard->start.last_wall_us) << ", log " << shard->log << " sequence "
               << shard->start.next_sequence << "\n";
    }
    for (const QueueImage& image : shard->queues) print_queue(tool, *shard, image);
  }
  if (images.shards.empty() && images.trouble.empty()) {
    tool.err
        << "penstock-log: there is no checkpoint yet; a broker writes the first one after a while, or when it stops\n";
  }
  for (const std::string& trouble : images.trouble) tool.err << "penstock-log: DAMAGED: " << printable(trouble) << "\n";
  return images.trouble.empty() ? kFine : kTrouble;
}

}  // namespace penstock::tools
