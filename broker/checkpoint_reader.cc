// ShardRestorer's reading of checkpoints: the order is that of broker/shard_state.cc. A right checksum says only that
// the bytes are the written ones: whatever they say, the end is a restored shard or an error, and what is taken in is
// no larger than the file. Values that the broker relies on (it CHECKs them, or counts on from them) are refused here.
#include "broker/checkpoint_file.h"
#include "broker/shard_restorer.h"
#include "broker/state_codec.h"

namespace penstock::broker {
namespace {

// The least that one of them can take; bounds a count before anything is reserved for it.
constexpr size_t kSessionBytesMin = 4 + 1 + 8 + 4 + 4 + 4 + 4 + 1;
constexpr size_t kSubscriptionBytesMin = 4 + 1 + 8 + 4;

// Far from where arithmetic wraps.
constexpr int64_t kWallUsMax = int64_t{1} << 58;         // the year 11,000
constexpr uint64_t kLogOffsetMax = uint64_t{1} << 55;    // what a QueueEntry can hold
constexpr uint64_t kArrivalMax = uint64_t{1} << 47;      // half of what it can hold
constexpr uint64_t kPageAddressMax = uint64_t{1} << 59;  // half of what a PageSlot can hold
constexpr log::Epoch kEpochMax = UINT32_MAX / 2;         // one per start
constexpr uint64_t kSequenceMax = uint64_t{1} << 62;

bool is_time(int64_t wall_us) {
  return wall_us >= 0 && wall_us <= kWallUsMax;
}

bool is_place(const log::CommitLog::Start& start) {
  return start.epoch <= kEpochMax && start.next_sequence.value() > 0 && start.next_sequence.value() <= kSequenceMax &&
         start.end.value() <= kLogOffsetMax && start.end.value() % log::kRecordAlignment == 0 &&
         is_time(start.last_wall_us);
}

bool is_client_id(std::string_view text) {
  return !text.empty() && text.size() <= protocol::kStringBytesMax;
}

}  // namespace

core::Status ShardRestorer::read_checkpoint(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, read_whole_file(shard_.seams_.storage, path));
  if (!file.has_value()) return {};  // the first life did not get that far: the log has everything
  auto body = open_checkpoint(*file);
  if (!body.has_value()) return core::failure("checkpoint " + path + ": " + body.error().message);
  version_ = body->version;
  if (!read_body(body->bytes)) return core::failure("checkpoint " + path + ": its content does not fit together");
  return {};
}

bool ShardRestorer::read_body(core::Bytes body) {
  ByteReader reader(body);
  bool is_own = false;
  if (!read_header(reader, is_own)) return false;
  for (uint32_t count = reader.count(kSessionBytesMin); count > 0 && reader.ok(); --count) read_session(reader);
  for (uint32_t count = reader.count(14); count > 0 && reader.ok(); --count) read_will(reader);
  for (uint32_t count = reader.count(35); count > 0 && reader.ok(); --count) read_retained(reader);
  for (uint32_t count = reader.count(4); count > 0 && reader.ok(); --count) read_filter_queue(reader, is_own);
  for (uint32_t count = reader.count(5); count > 0 && reader.ok(); --count) read_parent(reader, is_own);
  return reader.ok();
}

bool ShardRestorer::read_header(ByteReader& reader, bool& is_own) {
  const auto index = reader.integer<uint16_t>();
  const auto shards_count = reader.integer<uint16_t>();
  const log::LogId log(reader.integer<uint16_t>());
  log::CommitLog::Start start;
  start.epoch = reader.integer<log::Epoch>();
  start.next_sequence = log::Sequence(reader.integer<uint64_t>());
  start.end = log::LogOffset(reader.integer<uint64_t>());
  start.last_wall_us = reader.integer<int64_t>();
  const LogClock routed = read_clock(reader);
  const auto next_arrival = reader.integer<uint64_t>();
  const auto next_address = reader.integer<uint64_t>();
  if (!reader.ok() || !is_place(start) || next_arrival > kArrivalMax || next_address > kPageAddressMax) return false;
  is_own = shards_count == shard_.shards_count() && index == shard_.index();
  if (checkpoint_of(log) != nullptr || (is_own && queues_restored_)) return false;  // a shard has one checkpoint
  state_from_.emplace_back(log, start);
  shard_.next_arrival_ = std::max(shard_.next_arrival_, next_arrival);
  if (is_own) {
    queues_restored_ = true;
    shard_.routed_ = routed;
    shard_.make_queue_file(next_address);
    pages_ = shard_.queue_file_.get();
  } else {
    // Queues of another shard are only skipped over.
    foreign_pages_ = std::make_unique<log::QueueFile>(
        shard_.seams_.storage, log::QueueFile::Options{.directory = shard_.place_.directory}, next_address);
    pages_ = foreign_pages_.get();
  }
  return true;
}

void ShardRestorer::read_session(ByteReader& reader) {
  const std::string client_id(reader.text());
  const bool is_new = shard_.sessions_.find(client_id) == nullptr;  // a session is at home on one shard
  if (!is_client_id(client_id) || !is_new) return reader.fail();
  Session* session = is_mine(client_id) ? &obtain_session(client_id) : nullptr;
  const bool online = reader.integer<uint8_t>() != 0;
  const auto offline_since_us = reader.integer<int64_t>();
  if (!is_time(offline_since_us)) return reader.fail();
  const uint32_t expiry_s = has_mqtt5() ? reader.integer<uint32_t>() : kExpiryByBroker;
  LogClock done = read_clock(reader);
  const std::vector<Delivery> deliveries = read_deliveries(reader);
  for (uint32_t count = reader.count(2); count > 0; --count) {
    const protocol::PacketId id(reader.integer<uint16_t>());
    if (id.value() == 0) return reader.fail();
    if (session != nullptr) session->add_inbound(id);
  }
  if (session != nullptr) {
    session->was_connected = online;
    session->offline_since_us = offline_since_us;
    session->expiry_s = expiry_s;
    session->done = std::move(done);
    session->restore_window(shard_.options_.inflight_max, deliveries);
  }
  read_subscriptions(reader, session);
  if (reader.integer<uint8_t>() != 0) read_own_queue(reader, session, queues_restored_);
}

void ShardRestorer::read_subscriptions(ByteReader& reader, Session* session) {
  uint32_t count = reader.count(kSubscriptionBytesMin);
  if (count > BrokerShard::kSubscriptionsPerSessionMax) reader.fail();
  core::LocalShared<LogClock> start;  // mostly that of the one before, which came in the same SUBSCRIBE
  for (; count > 0 && reader.ok(); --count) {
    const std::string_view filter = reader.text();
    const SubscriptionTerms terms = has_mqtt5() ? read_terms(reader) : SubscriptionTerms(read_qos(reader));
    const log::QueueIndex cursor(reader.integer<uint64_t>());
    LogClock clock = read_clock(reader);
    if (!reader.ok() || !protocol::TopicFilter::parse(filter).has_value()) return reader.fail();
    if (session == nullptr) continue;
    if (start == nullptr || *start != clock) start = core::LocalShared<LogClock>(std::move(clock));
    subscribe(*session, filter, terms, start).cursor = cursor;
  }
}

void ShardRestorer::read_own_queue(ByteReader& reader, Session* session, bool is_own) {
  const log::QueueIndex cursor(reader.integer<uint64_t>());
  auto queue = log::ConsumeQueue::deserialize(reader.rest(), pages_);
  if (!queue.has_value()) return reader.fail();
  if (session == nullptr) return;
  if (!is_own) {
    shard_.obtain_own_queue(*session);
    return;
  }
  session->own = std::make_unique<OwnQueue>(*session, std::move(*queue), false);
  log::ConsumeQueue& entries = session->own->queue.entries();
  session->own->reader.cursor = std::clamp(cursor, entries.begin(), entries.end());
}

void ShardRestorer::read_will(ByteReader& reader) {
  const std::string client_id(reader.text());
  Will will;
  will.topic = std::string(reader.text());
  const core::Bytes payload = reader.blob();
  will.payload.assign(payload.begin(), payload.end());
  will.qos = read_qos(reader);
  will.retain = reader.integer<uint8_t>() != 0;
  if (has_mqtt5()) {
    will.delay_s = reader.integer<uint32_t>();
    const core::Bytes properties = reader.blob();
    will.properties.assign(properties.begin(), properties.end());
  }
  if (!is_client_id(client_id) || !protocol::TopicName::parse(will.topic).has_value()) return reader.fail();
  if (reader.ok() && is_mine(client_id)) wills_[client_id] = std::move(will);
}

void ShardRestorer::read_retained(ByteReader& reader) {
  const std::string_view topic = reader.text();
  const std::string_view publisher = reader.text();
  const core::Bytes payload = reader.blob();
  const auto qos = static_cast<uint8_t>(read_qos(reader));
  const auto wall_us = reader.integer<int64_t>();
  const log::LogId log(reader.integer<uint16_t>());
  const auto epoch = reader.integer<log::Epoch>();
  const log::Sequence sequence(reader.integer<uint64_t>());
  const core::Bytes properties = has_mqtt5() ? reader.blob() : core::Bytes();
  if (!protocol::TopicName::parse(topic).has_value() || publisher.size() > protocol::kStringBytesMax ||
      !is_time(wall_us))
    return reader.fail();
  shard_.retained_.apply(make_retained(
      {.flags = qos, .publisher = publisher, .topic = topic, .properties = properties, .payload = payload}, wall_us,
      log::LogPosition{log, epoch, sequence}));
}

void ShardRestorer::read_filter_queue(ByteReader& reader, bool is_own) {
  const std::string_view filter = reader.text();
  const auto parsed = protocol::TopicFilter::parse(filter);
  if (!parsed.has_value()) return reader.fail();
  auto queue = log::ConsumeQueue::deserialize(reader.rest(), pages_);
  if (!queue.has_value()) return reader.fail();
  if (!is_own) return;
  const auto slot = shard_.filters_.find(*parsed);
  if (!slot.has_value() || shard_.filters_.queue(*slot) != nullptr) return reader.fail();
  if (!(*queue)->empty()) shard_.filters_.adopt(*slot, std::move(*queue));
}

void ShardRestorer::read_parent(ByteReader& reader, bool is_own) {
  const std::string name(reader.text());
  const bool shared = reader.integer<uint8_t>() != 0;
  auto queue = log::ConsumeQueue::deserialize(reader.rest(), pages_);
  if (!queue.has_value()) return reader.fail();
  if (is_own) shard_.parent_topics_.adopt({name, shared, std::move(*queue), {}});
}

// The cursors of the checkpoint hold in the queues of the checkpoint; those that are built anew are read from their
// begin.
void ShardRestorer::place_cursors() {
  shard_.sessions_.for_each([&](Session& session) {
    for (Subscription* subscription : session.subscriptions) {
      FilterQueue* queue = shard_.filters_.queue(subscription->filter_slot);
      subscription->cursor = queue == nullptr
                                 ? log::QueueIndex(0)
                                 : std::clamp(subscription->cursor, queue->entries().begin(), queue->entries().end());
    }
  });
}

}  // namespace penstock::broker
