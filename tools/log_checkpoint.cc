#include "tools/log_checkpoint.h"

#include <algorithm>

#include "broker/byte_codec.h"
#include "broker/checkpoint_file.h"
#include "broker/data_directory.h"
#include "broker/state_codec.h"

namespace penstock::tools {
namespace {

// The least that one of each can take; bounds a count before anything is made for it.
constexpr size_t kSessionBytesMin = 30;
constexpr size_t kSubscriptionBytesMin = 17;
constexpr size_t kWillBytesMin = 14;
constexpr size_t kRetainedBytesMin = 35;
constexpr size_t kQueueBytesMin = 4;
constexpr size_t kParentBytesMin = 5;

struct PageRead final : log::PageWaiter {
  void on_page_ready() override { done = true; }
  bool done = false;
};

class CheckpointReader {
 public:
  CheckpointReader(Tool& tool, ShardImage& shard, const broker::CheckpointBody& body)
      : tool_(tool), shard_(shard), reader_(body.bytes), has_mqtt5_(body.version >= 2) {}

  bool read() {
    read_header();
    for (uint32_t count = reader_.count(kSessionBytesMin); count > 0 && reader_.ok(); --count) read_session();
    for (uint32_t count = reader_.count(kWillBytesMin); count > 0 && reader_.ok(); --count) read_will();
    for (uint32_t count = reader_.count(kRetainedBytesMin); count > 0 && reader_.ok(); --count) skip_retained();
    for (uint32_t count = reader_.count(kQueueBytesMin); count > 0 && reader_.ok(); --count) {
      std::string filter(reader_.text());
      read_queue(QueueKind::kFilter, std::move(filter));
    }
    for (uint32_t count = reader_.count(kParentBytesMin); count > 0 && reader_.ok(); --count) {
      std::string name(reader_.text());
      const bool shared = reader_.integer<uint8_t>() != 0;
      read_queue(shared ? QueueKind::kOtherParents : QueueKind::kParent, std::move(name));
    }
    count_waiting();
    return reader_.ok() && reader_.rest().empty();
  }

 private:
  void read_header() {
    reader_.integer<uint16_t>();  // shard
    reader_.integer<uint16_t>();  // of so many
    shard_.log = log::LogId(reader_.integer<uint16_t>());
    shard_.start.epoch = reader_.integer<log::Epoch>();
    shard_.start.next_sequence = log::Sequence(reader_.integer<uint64_t>());
    shard_.start.end = log::LogOffset(reader_.integer<uint64_t>());
    shard_.start.last_wall_us = reader_.integer<int64_t>();
    shard_.routed = broker::read_clock(reader_);
    reader_.integer<uint64_t>();  // next arrival
    const auto next_page = reader_.integer<uint64_t>();
    if (next_page >= uint64_t{1} << 60) reader_.fail();
    if (!reader_.ok()) return;
    shard_.pages = std::make_unique<log::QueueFile>(
        tool_.storage,
        log::QueueFile::Options{
            .directory = shard_.directory,
            .read_only = true,
            .report = [this_shard = &shard_](std::string what) { this_shard->page_damage.push_back(std::move(what)); }},
        next_page);
  }

  void read_session() {
    const std::string client_id(reader_.text());
    SessionImage& session = shard_.sessions[client_id];
    session.shard = shard_.shard;
    reader_.integer<uint8_t>();  // whether what waits may have been sent before
    session.since_us = reader_.integer<int64_t>();
    session.online = session.since_us == broker::kOnline;
    if (has_mqtt5_) reader_.integer<uint32_t>();  // expiry
    broker::read_clock(reader_);
    session.deliveries = broker::read_deliveries(reader_);
    for (uint32_t count = reader_.count(2); count > 0; --count) session.inbound.push_back(reader_.integer<uint16_t>());
    for (uint32_t count = reader_.count(kSubscriptionBytesMin); count > 0 && reader_.ok(); --count) {
      const std::string filter(reader_.text());
      SubscriptionImage& subscription = session.subscriptions[filter];
      const broker::SubscriptionTerms terms =
          has_mqtt5_ ? broker::read_terms(reader_) : broker::SubscriptionTerms(broker::read_qos(reader_));
      subscription.qos = static_cast<int>(terms.qos());
      subscription.cursor = log::QueueIndex(reader_.integer<uint64_t>());
      broker::read_clock(reader_);
    }
    if (reader_.integer<uint8_t>() == 0) return;
    const log::QueueIndex cursor(reader_.integer<uint64_t>());
    if (!read_queue(QueueKind::kOwn, client_id)) return;
    const log::ConsumeQueue& queue = *shard_.queues.back().queue;
    session.own_waiting = queue.end() - std::clamp(cursor, queue.begin(), queue.end());
  }

  void read_will() {
    const std::string client_id(reader_.text());
    const std::string topic(reader_.text());
    reader_.blob();
    broker::read_qos(reader_);
    reader_.integer<uint8_t>();
    if (has_mqtt5_) {
      reader_.integer<uint32_t>();  // delay
      reader_.blob();
    }
    const auto session = shard_.sessions.find(client_id);
    if (session != shard_.sessions.end()) session->second.will_topic = topic;
  }

  void skip_retained() {
    reader_.text();
    reader_.text();
    reader_.blob();
    broker::read_qos(reader_);
    reader_.integer<int64_t>();
    reader_.integer<uint16_t>();
    reader_.integer<log::Epoch>();
    reader_.integer<uint64_t>();
    if (has_mqtt5_) reader_.blob();
    ++shard_.retained_count;
  }

  bool read_queue(QueueKind kind, std::string name) {
    if (!reader_.ok()) return false;
    auto queue = log::ConsumeQueue::deserialize(reader_.rest(), shard_.pages.get());
    if (!queue) {
      reader_.fail();
      return false;
    }
    shard_.queues.push_back({kind, std::move(name), std::move(*queue)});
    return true;
  }

  void count_waiting() {
    std::map<std::string_view, const log::ConsumeQueue*> by_filter;
    for (const QueueImage& image : shard_.queues) {
      if (image.kind == QueueKind::kFilter) by_filter[image.name] = image.queue.get();
    }
    for (auto& [client_id, session] : shard_.sessions) {
      for (auto& [filter, subscription] : session.subscriptions) {
        subscription.waiting_known = true;  // no queue: nothing waits
        const auto found = by_filter.find(filter);
        if (found == by_filter.end()) continue;
        const log::ConsumeQueue& queue = *found->second;
        subscription.waiting = queue.end() - std::clamp(subscription.cursor, queue.begin(), queue.end());
      }
    }
  }

  Tool& tool_;
  ShardImage& shard_;
  broker::ByteReader reader_;
  bool has_mqtt5_;
};

void load_shard(Tool& tool, ShardImages& images, size_t shard) {
  auto image = std::make_unique<ShardImage>();
  image->shard = shard;
  image->directory = broker::shard_directory(tool.directory, images.generation, shard);
  image->checkpoint_path = image->directory + "/checkpoint";
  const auto file = broker::read_whole_file(tool.storage, image->checkpoint_path);
  if (!file) {
    images.trouble.push_back(file.error().message);
    return;
  }
  if (!file->has_value()) return;
  const auto body = broker::open_checkpoint(**file);
  if (!body) {
    images.trouble.push_back(image->checkpoint_path + ": " + body.error().message);
    return;
  }
  if (!CheckpointReader(tool, *image, *body).read()) {
    images.trouble.push_back(image->checkpoint_path + ": its content does not fit together");
    return;
  }
  images.shards.push_back(std::move(image));
}

}  // namespace

const char* queue_kind_name(QueueKind kind) {
  switch (kind) {
    case QueueKind::kFilter:
      return "filter";
    case QueueKind::kParent:
      return "parent";
    case QueueKind::kOtherParents:
      return "other parents";
    case QueueKind::kOwn:
      return "session";
  }
  return "?";
}

ShardImages load_shards(Tool& tool) {
  ShardImages images;
  const std::string path = tool.directory + "/manifest";
  const auto file = broker::read_whole_file(tool.storage, path);
  if (!file) {
    images.trouble.push_back(file.error().message);
    return images;
  }
  if (!file->has_value()) return images;
  const auto manifest = broker::parse_manifest(core::as_text(**file));
  if (!manifest) {
    images.trouble.push_back(path + ": " + manifest.error().message);
    return images;
  }
  images.generation = manifest->generation;
  for (size_t shard = 0; shard < manifest->shard_logs.size(); ++shard) load_shard(tool, images, shard);
  return images;
}

log::ConsumeQueue::Peek read_entry(Tool& tool, log::ConsumeQueue& queue, log::QueueIndex index,
                                   log::QueueEntry& entry) {
  while (true) {
    PageRead read;
    const auto peek = queue.peek(index, entry, read);
    if (peek != log::ConsumeQueue::Peek::kPending) return peek;
    tool.storage.run_until(read.done);
  }
}

}  // namespace penstock::tools
