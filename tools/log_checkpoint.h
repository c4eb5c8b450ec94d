// What penstock-log takes out of a shard's checkpoint: sessions, wills, retained messages, and its consume queues with
// their pages. Safe on any bytes. The order is that of broker/shard_state.cc.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/inflight_window.h"
#include "broker/log_progress.h"
#include "log/commit_log.h"
#include "log/consume_queue.h"
#include "tools/log_tool.h"

namespace penstock::tools {

struct SubscriptionImage {
  int qos = 0;
  uint64_t waiting = 0;        // entries of the queue at and behind the cursor
  bool waiting_known = false;  // not for a subscription that is younger than the checkpoint
  log::QueueIndex cursor;
};

struct SessionImage {
  size_t shard = 0;
  bool online = false;
  int64_t since_us = 0;  // of the last change between on and offline that was recorded
  std::map<std::string, SubscriptionImage> subscriptions;  // by filter
  std::vector<broker::Delivery> deliveries;
  std::vector<uint16_t> inbound;  // QoS 2 packet ids received and not released
  uint64_t own_waiting = 0;       // messages for this session alone
  std::string will_topic;         // empty: none
};

enum class QueueKind : uint8_t { kFilter, kParent, kOtherParents, kOwn };
const char* queue_kind_name(QueueKind kind);

struct QueueImage {
  QueueKind kind = QueueKind::kFilter;
  std::string name;  // filter, parent topic or client id
  std::unique_ptr<log::ConsumeQueue> queue;
};

struct ShardImage {
  size_t shard = 0;
  std::string directory;
  std::string checkpoint_path;
  log::LogId log;
  log::CommitLog::Start start;  // the log at the time of the checkpoint
  broker::LogClock routed;      // how far the queues have come in each log
  std::unique_ptr<log::QueueFile> pages;
  std::map<std::string, SessionImage> sessions;  // by client id
  std::vector<QueueImage> queues;
  uint64_t retained_count = 0;
  std::vector<std::string> page_damage;  // what reading pages reported
};

struct ShardImages {
  uint64_t generation = 0;
  std::vector<std::unique_ptr<ShardImage>> shards;  // those with a checkpoint
  std::vector<std::string> trouble;                 // damaged manifest or checkpoints, one line each
};

// Of the layout that the manifest names. Nothing there (a single log's directory, a broker that never got as far as its
// first checkpoint) is no trouble.
ShardImages load_shards(Tool& tool);

// The entry at `index`, waiting for its page.
log::ConsumeQueue::Peek read_entry(Tool& tool, log::ConsumeQueue& queue, log::QueueIndex index, log::QueueEntry& entry);

}  // namespace penstock::tools
