#include "broker/broker_shard.h"

#include <algorithm>

#include "broker/session_hash.h"
#include "core/check.h"

namespace penstock::broker {
namespace {

// One a second: as long as a disk or its path may be away without a message being lost to its receiver.
constexpr int kReadTriesMax = 30;

}  // namespace

BrokerShard::BrokerShard(ShardPlace place, ShardOptions options, ShardSeams seams, PostCounter post)
    : place_(std::move(place)),
      options_(options),
      seams_(seams),
      post_(std::move(post)),
      now_ns_(seams.clock.monotonic_ns()),
      timers_(now_ns_),
      filters_(seams.random.next_u64()),
      remote_filters_(seams.random.next_u64()),
      retained_(seams.random.next_u64(), {}),
      parent_topics_(options.parent_topics_max),
      reader_(seams.storage, {.shard = place_.index,
                              .read_tries_max = kReadTriesMax,
                              .report = [](std::string line) { core::log_line(core::LogLevel::kError, line); }}),
      deliveries_(*this, PublishSender(output_blocks_, counters_, seams_.clock)),
      share_reports_(place_.shards_count),
      share_assigned_(place_.shards_count),
      last_routed_(place_.shards_count),
      qos2_routed_(place_.shards_count) {}

BrokerShard::~BrokerShard() {
  // It waits for the storage, whose other completions still find everything here.
  checkpoint_writer_.reset();
}

core::Status BrokerShard::open() {
  ASSIGN_OR_RETURN(log_, log::CommitLog::open(seams_.storage, seams_.clock, place_.log, log_start_, *this));
  journal_ = std::make_unique<StateJournal>(*log_);
  checkpoint_writer_ = std::make_unique<CheckpointWriter>(seams_.storage, place_.directory);
  checkpoint_started_ns_ = seams_.clock.monotonic_ns();
  return {};
}

void BrokerShard::make_queue_file(uint64_t next_address) {
  queue_file_ = std::make_unique<log::QueueFile>(
      seams_.storage,
      log::QueueFile::Options{.directory = place_.directory,
                              .read_tries_max = kReadTriesMax,
                              .report = [](std::string line) { core::log_line(core::LogLevel::kError, line); }},
      next_address);
}

void BrokerShard::add_logs(const std::vector<log::SharedLog*>& logs) {
  shared_logs_ = logs;
  for (log::SharedLog* log : logs) {
    reader_.add_log(*log);
    // Whatever the earlier lives have left there is in our queues, or nobody here wants it: a subscription of this life
    // begins behind it, also when a later layout builds its queue anew.
    routed_.advance_to(log->id, log->appended_end);
  }
  publish_routed_marks();
  if (place_.shards_count > 1) {
    FilterChange change;
    filters_.for_each_filter([&](protocol::TopicFilter filter) {
      if (!filter.is_shared()) change.added.emplace_back(filter.text());
    });
    if (!change.added.empty()) announce(std::move(change), 0);
  }
  begin_shares();
}

log::SharedLog* BrokerShard::shared_log(log::LogId id) {
  for (log::SharedLog* log : shared_logs_)
    if (log->id == id) return log;
  return nullptr;
}

ShardIndex BrokerShard::home_of(std::string_view client_id) const {
  return home_shard(client_id, place_.shards_count);
}

std::string BrokerShard::make_client_id() {
  for (;;) {
    char text[32];
    std::snprintf(text, sizeof text, "auto-%016llx", static_cast<unsigned long long>(seams_.random.next_u64()));
    // [MQTT5-3.2.2-16] Whoever had it before would be at home here, too.
    if (home_of(text) == place_.index && sessions_.find(text) == nullptr) return text;
  }
}

void BrokerShard::begin_turn(int64_t now_ns) {
  now_ns_ = now_ns;
  handshake_steps_left_ = kHandshakeStepsPerTurn;
  entries_left_ = queue_file_->is_behind() ? 0 : kQueueEntriesPerTurn;
  timers_.advance(now_ns);
}

bool BrokerShard::end_turn() {
  receive_mail();
  end_forsaken_groups();
  run_held_transports();
  finish_subscribes();
  publish_pending_wills();
  resume_waiting();
  if (now_ns_ >= next_housekeeping_ns_) housekeeping();
  spread_log_progress();
  deliveries_.run();
  release_acknowledgements();
  flush_shares();
  log_->end_turn(!acknowledgements_.empty() || !share_answers_.empty() || deliveries_.awaits_durable() ||
                 stop_state_ != StopState::kRunning);
  publish_routed_marks();
  flush_connections();
  step_checkpoint();
  post_.end_turn();
  if (stop_state_ != StopState::kRunning) step_stop();
  // Also what came up behind deliveries_.run(): retained messages taken into own queues, sessions that came online.
  const bool has_new_budget = entries_left_ <= 0 && !queue_file_->is_behind();
  return deliveries_.has_work() || log_moved_ || resume_soon_ || post_.has_backlog() || !flush_.empty() ||
         !held_transports_.empty() || log_->needs_turn() || has_answer_to_join() ||
         // Nobody wakes us when another shard has emptied its mailbox.
         (!waiting_.empty() && (has_new_budget || !has_mail_room()));
}

Connection& BrokerShard::add_connection(core::SocketId socket, std::unique_ptr<Transport> transport) {
  uint32_t slot;
  if (free_connections_.empty()) {
    slot = static_cast<uint32_t>(connections_.size());
    connections_.emplace_back();
  } else {
    slot = free_connections_.back();
    free_connections_.pop_back();
  }
  ConnectionSlot& place = connections_[slot];
  ++place.generation;
  const ConnectionRef ref{slot, place.generation};
  place.connection = std::make_unique<Connection>(*this, socket, ref, std::move(transport));
  ++connections_count_;
  ++post_.office().connections_count();
  return *place.connection;
}

Connection* BrokerShard::find(ConnectionRef ref) {
  const ConnectionSlot& slot = connections_[ref.slot];
  return slot.generation == ref.generation ? slot.connection.get() : nullptr;
}

void BrokerShard::forget(Connection& connection) {
  const uint32_t slot = connection.ref().slot;
  free_connections_.push_back(slot);
  --connections_count_;
  --post_.office().connections_count();
  connections_[slot].connection.reset();
}

void BrokerShard::send_hand_over(Connection& connection, ShardIndex to, HandOver body) {
  forget(connection);
  post_.post(to, Mail{.kind = MailKind::kHandOver, .body = std::make_unique<HandOver>(std::move(body))});
}

void BrokerShard::flush_connections() {
  flushing_.swap(flush_);
  for (const ConnectionRef ref : flushing_) {
    Connection* connection = find(ref);
    if (connection == nullptr) continue;
    connection->flush_listed = false;
    connection->flush();
  }
  flushing_.clear();
}

// Connections whose packet could not be handled for want of room, in the order in which they began to wait.
void BrokerShard::resume_waiting() {
  resume_soon_ = false;
  if (waiting_.empty() || room_for_state() == Handled::kWait) return;
  resuming_.swap(waiting_);
  auto next = resuming_.begin();
  while (next != resuming_.end() && room_for_state() != Handled::kWait)
    if (Connection* connection = find(*next++)) connection->resume();
  waiting_.insert(waiting_.end(), next, resuming_.end());
  // A CONNECT may wait for another connection that only now has come to its end.
  if (waiting_.size() < resuming_.size()) resume_soon_ = !waiting_.empty();
  resuming_.clear();
}

Handled BrokerShard::room_for_state() {
  if (!has_mail_room() || !has_answer_room()) return Handled::kWait;
  return log_->room_for(kStateRecordBytes) == log::AppendRoom::kTailFull ? Handled::kWait : Handled::kDone;
}

void BrokerShard::on_log_progress() {
  log_moved_ = true;
}

// Before the deliveries of the turn: those that waited for this must not wait for whatever comes next.
void BrokerShard::spread_log_progress() {
  if (!log_moved_) return;
  log_moved_ = false;
  deliveries_.on_durable();
  for (ShardIndex to = 0; to < place_.shards_count; ++to) {
    if (!qos2_routed_[to]) continue;
    qos2_routed_[to] = log_->durable_end().value() < last_routed_[to];
    post_.post(to, Mail{.kind = MailKind::kDurableMoved});
  }
  close_owed();
}

void BrokerShard::release_acknowledgements() {
  const bool was_full = !has_answer_room();
  acknowledgements_.release(log_->durable_end().value(),
                            [this](const Acknowledgement& acknowledgement,
                                   const std::vector<protocol::ReasonCode>* codes) { send(acknowledgement, codes); });
  if (!acknowledgements_.empty() && log_->room_for(0) == log::AppendRoom::kFailed) drop_acknowledgements();
  if (was_full && has_answer_room()) resume_soon_ = !waiting_.empty();
}

// They would wait for ever, and clients could add to them without end. What needs no record is answered again.
void BrokerShard::drop_acknowledgements() {
  acknowledgements_.drop([this](const Acknowledgement& acknowledgement) {
    Connection* connection = find(acknowledgement.connection);
    if (connection == nullptr || connection->closing()) return;
    if (acknowledgement.type == protocol::PacketType::kConnack)
      connection->close(CloseReason::kRefused);
    else
      owe_redelivery(*connection);
  });
}

void BrokerShard::send(const Acknowledgement& acknowledgement, const std::vector<protocol::ReasonCode>* codes) {
  Connection* connection = find(acknowledgement.connection);
  if (connection == nullptr || connection->closing()) return;
  switch (acknowledgement.type) {
    case protocol::PacketType::kConnack:
      if (!connection->send_accepted(acknowledgement.session_present)) {
        connection->close(CloseReason::kRefused);
        return;
      }
      connection->established();
      session_online(*connection->session());
      return;
    case protocol::PacketType::kSuback:
      connection->send_suback(acknowledgement.packet_id, *codes, acknowledgement.explanation);
      return;
    case protocol::PacketType::kUnsuback:
      connection->send_unsuback(acknowledgement.packet_id, *codes);
      return;
    default:
      connection->note_acknowledged(acknowledgement.type, acknowledgement.reason);
      connection->send_acknowledge(acknowledgement.type, acknowledgement.packet_id, acknowledgement.reason,
                                   acknowledgement.explanation);
  }
}

void BrokerShard::note_refused_publish(Connection& connection, bool is_told) {
  ++counters_.publishes_refused;
  uint64_t suppressed = 0;
  if (refused_limit_.allow(now_ns_, suppressed))
    core::log_line(core::LogLevel::kError,
                   "publishes are refused: " + std::string(log_->room_for(0) == log::AppendRoom::kFailed
                                                               ? "the log has failed; restart after repairing the disk"
                                                               : "no room on the disk under " + place_.log.directory));
  if (!is_told) owe_redelivery(connection);
}

void BrokerShard::owe_redelivery(Connection& connection) {
  if (connection.owes_redelivery) return;
  connection.owes_redelivery = true;
  owed_.push_back(connection.ref());
}

// MQTT 3.1.1 has no refusal of a publish: a client repeats what is unacknowledged only after a reconnect. So once there
// is room again, those that were refused something are asked to come back.
void BrokerShard::close_owed() {
  if (owed_.empty() || !has_log_room()) return;
  for (const ConnectionRef ref : owed_)
    if (Connection* connection = find(ref)) connection->close(CloseReason::kRedeliveryOwed, true);
  owed_.clear();
}

}  // namespace penstock::broker
