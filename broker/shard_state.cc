// BrokerShard's state as the body of a checkpoint. broker/shard_restorer.cc reads what is written here, in this order.
#include "broker/broker_shard.h"
#include "broker/byte_codec.h"
#include "broker/checkpoint_file.h"
#include "broker/state_codec.h"

namespace penstock::broker {
namespace {

// `now`: where every log ends. A SUBSCRIBE that still waits for the other shards, so that no SUBACK was sent, begins
// there: what they have appended before was not routed here, and a start would find it in their logs.
void write_subscription(ByteWriter& writer, std::string_view filter, const Subscription& subscription,
                        const LogClock& now) {
  writer.text(filter);
  write_terms(writer, subscription.terms);
  writer.integer(subscription.cursor.value());
  write_clock(writer, subscription.start == nullptr ? now : *subscription.start);
}

void write_session(ByteWriter& writer, Session& session, const FilterTable& filters, const LogClock& now,
                   std::vector<std::byte>& out) {
  writer.text(session.client_id());
  writer.integer(static_cast<uint8_t>(session.was_or_is_connected()));
  writer.integer(session.online() ? kOnline : session.offline_since_us);
  writer.integer(session.expiry_s);
  write_clock(writer, session.done);
  write_window(writer, session.window_if_any(), session.completed_ahead());
  writer.integer(static_cast<uint32_t>(session.inbound.size()));
  for (const uint16_t id : session.inbound) writer.integer(id);
  writer.integer(static_cast<uint32_t>(session.subscriptions.size()));
  for (const Subscription* subscription : session.subscriptions)
    write_subscription(writer, filters.filter(subscription->filter_slot).text(), *subscription, now);
  writer.integer(static_cast<uint8_t>(session.own != nullptr));
  if (session.own == nullptr) return;
  writer.integer(session.own->reader.cursor.value());
  session.own->queue.entries().serialize(out);
}

void write_log_start(ByteWriter& writer, const log::CommitLog::Start& start) {
  writer.integer(start.epoch);
  writer.integer(start.next_sequence.value());
  writer.integer(start.end.value());
  writer.integer(start.last_wall_us);
}

void write_will(ByteWriter& writer, std::string_view client_id, const Will& will) {
  writer.text(client_id);
  writer.text(will.topic);
  writer.blob(will.payload);
  writer.integer(static_cast<uint8_t>(will.qos));
  writer.integer(static_cast<uint8_t>(will.retain));
  writer.integer(will.delay_s);
  writer.blob(will.properties);
}

void write_retained(ByteWriter& writer, const RetainedMessage& message) {
  writer.text(message.topic);
  writer.text(message.publisher);
  writer.blob(message.payload);
  writer.integer(static_cast<uint8_t>(message.qos));
  writer.integer(message.wall_us);
  writer.integer(message.position.log.value());
  writer.integer(message.position.epoch);
  writer.integer(message.position.sequence.value());
  writer.blob(message.properties);
}

bool has_persistent(const FilterQueue& queue) {
  return std::ranges::any_of(queue.subscribers().all(),
                             [](const Subscription* each) { return each->session->persistent; });
}

// A count that is known only after its things were written.
class CountAt {
 public:
  CountAt(ByteWriter& writer, std::vector<std::byte>& out) : out_(out), at_(out.size()) { writer.integer(uint32_t{0}); }
  void add() { core::store_le(out_.data() + at_, ++count_); }

 private:
  std::vector<std::byte>& out_;
  size_t at_;
  uint32_t count_ = 0;
};

}  // namespace

log::CommitLog::Start BrokerShard::log_place() const {
  return {.epoch = log_->epoch(),
          .next_sequence = log_->next_sequence(),
          .end = log_->appended_end(),
          .last_wall_us = log_->last_wall_us()};
}

void BrokerShard::write_state(std::vector<std::byte>& out, const log::CommitLog::Start& place) {
  begin_checkpoint(out);
  ByteWriter writer(out);
  writer.integer(place_.index);
  writer.integer(place_.shards_count);
  writer.integer(log_->id().value());
  write_log_start(writer, place);
  write_clock(writer, routed_);
  writer.integer(next_arrival_);
  writer.integer(queue_file_->next_address());

  LogClock now;
  for (const log::SharedLog* log : shared_logs_) now.advance_to(log->id, log->appended_end.load());
  CountAt sessions(writer, out);
  sessions_.for_each([&](Session& session) {
    if (!session.persistent) return;
    sessions.add();
    write_session(writer, session, filters_, now, out);
  });
  CountAt wills(writer, out);
  sessions_.for_each([&](Session& session) {
    if (session.will == nullptr) return;
    wills.add();
    write_will(writer, session.client_id(), *session.will);
  });
  for (const PendingWill& pending : pending_wills_) {
    wills.add();
    write_will(writer, pending.client_id, pending.will);
  }
  CountAt retained(writer, out);
  retained_.for_each([&](const RetainedMessage& message) {
    retained.add();
    write_retained(writer, message);
  });
  CountAt queues(writer, out);
  filters_.for_each_queue([&](FilterQueue& queue) {
    if (!has_persistent(queue)) return;
    queues.add();
    writer.text(filters_.filter(queue.filter_slot()).text());
    queue.entries().serialize(out);
  });
  CountAt parents(writer, out);
  for (const auto& parent : parent_topics_.parents()) {
    parents.add();
    writer.text(parent->name);
    writer.integer(static_cast<uint8_t>(parent->shared));
    parent->entries->serialize(out);
  }
  end_checkpoint(out);
}

}  // namespace penstock::broker
