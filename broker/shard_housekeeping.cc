// BrokerShard's slow work: lazy progress records, session expiry, checkpoints, and the clean stop. Once per second, in
// bounded slices.
#include <algorithm>

#include "broker/broker_shard.h"
#include "broker/checkpoint_file.h"

namespace penstock::broker {
namespace {

constexpr int64_t kHousekeepingNs = core::kNsPerSecond;
constexpr size_t kProgressRecordsPerSlice = 4096;
constexpr uint32_t kExpirySlotsPerSlice = 20'000;
constexpr uint32_t kIdleSlotsPerSlice = 20'000;  // of filters, looked at for a queue that is not needed
// So that removed retained messages can be forgotten also where little is published.
constexpr int64_t kRetainedCheckpointNs = 10 * 60 * core::kNsPerSecond;
constexpr int64_t kStopDrainNs = 10 * core::kNsPerSecond;
constexpr int64_t kStopCheckpointNs = 30 * core::kNsPerSecond;

log::LogOffset begin_of(const log::SharedLog& log) {
  const auto segments = log.segments.load();
  // Empty: a sealed log of which retention has taken everything.
  if (segments == nullptr || segments->empty()) return log::LogOffset(log.appended_end.load());
  return segments->front().begin;
}

}  // namespace

void BrokerShard::note_progress(Session& session) {
  if (session.progressed) return;
  session.progressed = true;
  progressed_.push_back(session.slot());
}

void BrokerShard::housekeeping() {
  next_housekeeping_ns_ = now_ns_ + kHousekeepingNs;
  record_progress();
  publish_due_wills();
  expire_sessions();
  retire_entries();
  release_idle_queues();
  queue_file_->flush();
  reader_.retry_reads();
  close_owed();
  settle_retained();
  if (stop_state_ == StopState::kRunning && checkpoint_due()) start_checkpoint();
}

bool BrokerShard::checkpoint_due() const {
  if (log_->appended_end().value() - checkpointed_end_ >= options_.checkpoint_log_bytes) return true;
  // A start reads the other logs from where the checkpoint has seen them, so who logs little must not keep an old one.
  if (logged_bytes() - checkpointed_bytes_ >= options_.checkpoint_log_bytes * (place_.shards_count + 1)) return true;
  return retained_.newest_us() != checkpoint_retained_us_ && now_ns_ - checkpoint_started_ns_ >= kRetainedCheckpointNs;
}

// Of all logs, ever.
uint64_t BrokerShard::logged_bytes() const {
  uint64_t bytes = 0;
  for (const log::SharedLog* log : shared_logs_) bytes += log->appended_end.load();
  return bytes;
}

void BrokerShard::settle_retained() {
  int64_t settled_us = INT64_MAX;
  for (ShardIndex shard = 0; shard < place_.shards_count; ++shard)
    settled_us = std::min(settled_us, post_.office().checkpointed_us(shard).load(std::memory_order_relaxed));
  retained_.settle(settled_us);
}

// How far connected persistent sessions have come. Lazy: after a crash what lies between is delivered again.
void BrokerShard::record_progress() {
  size_t written = 0;
  while (!progressed_.empty() && written < kProgressRecordsPerSlice && has_log_room()) {
    Session* session = sessions_.at(progressed_.back());
    progressed_.pop_back();
    if (session == nullptr || !session->progressed) continue;
    session->progressed = false;
    if (!session->persistent) continue;
    if (!write_progress(*session)) {
      note_progress(*session);
      return;
    }
    ++written;
  }
}

void BrokerShard::expire_sessions() {
  const uint32_t count = std::min(kExpirySlotsPerSlice, sessions_.slots_end());
  for (uint32_t i = 0; i < count && has_log_room() && has_mail_room(); ++i) {
    if (expiry_slot_ >= sessions_.slots_end()) expiry_slot_ = 0;
    Session* session = sessions_.at(expiry_slot_++);
    if (session == nullptr || !is_expired(*session)) continue;
    ++counters_.sessions_expired;
    end_session(*session);  // [MQTT5-4.1.0-2]
  }
}

bool BrokerShard::is_synced(const LogClock& clock) {
  return std::ranges::all_of(clock.entries(), [this](const LogProgress& each) {
    const log::SharedLog* log = shared_log(each.log);
    return log == nullptr || log->synced_end.load(std::memory_order_acquire) > each.offset.value();
  });
}

bool BrokerShard::can_start_delivery(Session& session) {
  if (session.starts_unrecorded >= kStartsUnrecordedMax && !write_progress(session)) return false;
  return has_log_room();
}

bool BrokerShard::write_progress(Session& session) {
  if (log_->room_for(StateJournal::progress_bytes(session)) != log::AppendRoom::kRoom) return false;
  session.starts_unrecorded = 0;
  journal_->progress(session);
  return true;
}

void BrokerShard::start_checkpoint() {
  if (checkpoint_writer_->busy()) return;
  checkpoint_begin_ = log_->appended_end();
  checkpointed_end_ = checkpoint_begin_.value();
  checkpointed_bytes_ = logged_bytes();
  checkpoint_started_ns_ = now_ns_;
  checkpoint_retained_us_ = retained_.newest_us();
  // Of a log that brings us nothing, so that the next start does not read it from where it last did. Only what is
  // synced: a checkpoint would wait for the rest, of a failed log for ever.
  for (const log::SharedLog* log : shared_logs_) {
    const uint64_t mark = log->routed[place_.index].offset.load(std::memory_order_seq_cst);
    if (log->id == place_.log.id || mark == log::kNotPinned) continue;
    routed_.advance_to(log->id, std::min(mark, log->synced_end.load(std::memory_order_acquire)));
  }
  checkpoint_others_ = routed_;
  for (const LogProgress& each : retained_from_.entries())
    checkpoint_others_.advance(each.log, each.sequence, each.offset);
  std::vector<std::byte> state;
  write_state(state);
  checkpoint_writer_->start(std::move(state), queue_file_.get());
}

// The state in the file must not be ahead of the logs on the disk, so its last step waits for them: for ours, and for
// the others as far as their messages stand in our queues and among the retained ones. The file is synced, so they must
// be, whatever the policy.
void BrokerShard::step_checkpoint() {
  if (!checkpoint_writer_->busy()) return;
  if (!checkpoint_writer_->step(log_->synced_end() >= checkpoint_begin_ && is_synced(checkpoint_others_))) return;
  if (!checkpoint_writer_->succeeded()) return;
  post_.office().checkpointed_us(place_.index).store(checkpoint_retained_us_, std::memory_order_relaxed);
  log_->keep_from(checkpoint_begin_);
  retire_queue_pages();
}

// Queues follow the logs' retention: an entry whose record is gone is of no use to anybody.
void BrokerShard::retire_entries() {
  uint64_t begins = 0;
  for (const log::SharedLog* log : shared_logs_) begins += begin_of(*log).value();
  if (begins == retired_begins_) return;
  retired_begins_ = begins;
  const auto begin = [this](log::LogId id) {
    const log::SharedLog* log = shared_log(id);
    return log == nullptr ? log::LogOffset(UINT64_MAX) : begin_of(*log);
  };
  parent_topics_.retire(begin);
  filters_.for_each_queue([&](FilterQueue& queue) { queue.retire(begin, counters_.deliveries_expired); });
  sessions_.for_each([&](Session& session) {
    if (session.own != nullptr) session.own->queue.retire(begin, counters_.deliveries_expired);
  });
}

void BrokerShard::release_idle_queues() {
  filters_.release_idle_queues(kIdleSlotsPerSlice, [this](FilterQueue& queue) {
    // A session may still wait for a page that it does not need any more, for which its cursor was moved on.
    for (const Subscription* each : queue.subscribers().all()) {
      queue.entries().forget(*each->session);
      deliveries_.on_input_ready(*each->session);
    }
  });
}

void BrokerShard::retire_queue_pages() {
  uint64_t oldest = queue_file_->next_address();
  filters_.for_each_queue([&](FilterQueue& queue) { oldest = std::min(oldest, queue.entries().oldest_page()); });
  sessions_.for_each([&](Session& session) {
    if (session.own != nullptr) oldest = std::min(oldest, session.own->queue.entries().oldest_page());
  });
  for (const auto& parent : parent_topics_.parents()) {
    oldest = std::min(oldest, parent->entries->oldest_page());
  }
  queue_file_->retire(oldest);
}

core::Status BrokerShard::write_first_checkpoint() {
  bool log_finished = false;
  log_->finish(log_finished);
  seams_.storage.run_until(log_finished);
  bool pages_synced = false, pages_failed = false;
  queue_file_->sync(pages_synced, pages_failed);
  seams_.storage.run_until(pages_synced);
  std::vector<std::byte> state;
  // The record of this start stays behind the place: by it the shards that are restored after this one, now or after a
  // crash in between, know where the last life has ended.
  write_state(state, last_life_end_);
  if (pages_failed || log_->synced_end() != log_->appended_end())
    return core::failure("the first checkpoint of a new layout could not be written to " + place_.directory);
  return replace_file(seams_.storage, place_.directory, "checkpoint", state);
}

void BrokerShard::begin_stop() {
  if (stop_state_ != StopState::kRunning) return;
  stop_state_ = StopState::kDraining;
  stop_log_end_ = log_->appended_end();
  stop_deadline_ns_ = now_ns_ + kStopDrainNs;
  seams_.network.stop_listening();
}

// Or the next life would repeat what was acknowledged. False: some of it waits for room in the tail.
bool BrokerShard::record_last_progress() {
  bool waits = false;
  sessions_.for_each([&](Session& session) {
    if (!session.progressed) return;
    session.progressed = session.persistent && !write_progress(session);
    waits |= session.progressed && log_->room_for(StateJournal::progress_bytes(session)) == log::AppendRoom::kTailFull;
  });
  return !waits;
}

void BrokerShard::step_stop() {
  switch (stop_state_) {
    case StopState::kDraining:
      // What was published before the stop is acknowledged once it is durable. What comes behind it is not waited for:
      // publishers that go on would hold us for ever, and so would a disk without room.
      if (log_->durable_end() < stop_log_end_ && log_->room_for(0) != log::AppendRoom::kFailed &&
          now_ns_ < stop_deadline_ns_)
        return;
      stop_state_ = StopState::kClosingConnections;
      for (size_t slot = 0; slot < connections_.size(); ++slot)
        if (Connection* connection = connections_[slot].connection.get())
          connection->close(CloseReason::kShutdown, true);
      return;
    case StopState::kClosingConnections:
      if (connections_count_ > 0) return;
      if (!record_last_progress() && now_ns_ < stop_deadline_ns_) return;
      stop_state_ = StopState::kFinishingLog;
      log_->finish(log_finished_);
      return;
    case StopState::kFinishingLog:
      if (!log_finished_) return;
      // A log that could not be finished (failed, disk full) is replayed from the older checkpoint.
      if (log_->synced_end() != log_->appended_end()) {
        if (connections_count_ == 0) stop_state_ = StopState::kStopped;
        return;
      }
      stop_state_ = StopState::kWritingCheckpoint;
      stop_deadline_ns_ = now_ns_ + kStopCheckpointNs;
      start_checkpoint();
      return;
    case StopState::kWritingCheckpoint:
      // Another shard's log may have failed: then the older checkpoint stays. And what another shard has handed over
      // since all connections here were closed is being closed itself.
      if ((!checkpoint_writer_->busy() && connections_count_ == 0) || now_ns_ >= stop_deadline_ns_)
        stop_state_ = StopState::kStopped;
      return;
    case StopState::kRunning:
    case StopState::kStopped:
      return;
  }
}

}  // namespace penstock::broker
