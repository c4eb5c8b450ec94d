// Deliveries: takes messages from the queues of ready sessions and encodes them for their connections. A session pulls
// what its window and its socket allow, merged over its queues in order of arrival, so that overlapping filters deliver
// once, with the highest QoS [MQTT-3.3.5-1]. Runs at the end of each turn; one thread, the shard's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "broker/publish_sender.h"
#include "broker/session.h"
#include "log/log_reader.h"

namespace penstock::broker {

class BrokerShard;

class Deliveries {
 public:
  Deliveries(BrokerShard& shard, PublishSender sender) : shard_(shard), sender_(sender) {}

  // A queue has got entries in this turn.
  void on_new_entries(FilterQueue& queue) {
    if (queue.dirty) return;
    queue.dirty = true;
    dirty_.push_back(&queue);
  }
  void forget(FilterQueue& queue);

  // The session's connection is established: repeats what is incomplete, then takes what waits.
  void begin(Session& session);
  // Its connection is gone: nothing is taken any more.
  void end(Session& session);
  // The session is a group's, and new or restored: it takes from its queue for its members.
  void begin_group(Session& session);
  // Of a connected session: unacknowledged messages that its client takes.
  uint16_t window_limit(const Session& session) const;
  // Before the session is freed.
  void forget(Session& session);
  // The subscription's cursor may have entries before it, in this queue.
  void activate(Subscription& subscription, FilterQueue& queue);
  // Before these of the session's are freed.
  void deactivate(Session& session, const std::vector<Subscription*>& subscriptions);

  void on_output_room(Session& session) { wake(session, DeliveryWait::kSocket); }
  void on_window_room(Session& session) { wake(session, DeliveryWait::kWindow); }
  void on_input_ready(Session& session) { wake(session, DeliveryWait::kRead); }
  void on_work(Session& session) { make_ready(session); }
  // A QoS 2 delivery of a persistent session: PUBREL follows its record. Requires log room.
  void release(Session& session, Delivery& delivery);
  // The session has a step to take when its record is durable.
  void await_durable(Session& session);
  bool awaits_durable() const { return !durable_waiters_.empty(); }
  // Some log is durable further.
  void on_durable();

  // Serves every ready session once.
  void run();
  // Some session is ready, or some queue has entries that nobody was told of: run() must come again.
  bool has_work() const { return !ready_.empty() || !dirty_.empty(); }

 private:
  // A session takes at most this many entries from its queues in one turn, so that others get theirs. A message that
  // several of its filters match is as many entries.
  static constexpr int kEntriesPerTurn = 1024;

  enum class Step : uint8_t { kTook, kNothingLeft, kBlocked };

  void make_ready(Session& session);
  void wake(Session& session, DeliveryWait reason);
  bool wait_for(Session& session, DeliveryWait reason);
  void spread_new_entries();
  void serve(Session& session);
  bool resend(Session& session);
  void resend_releases(Session& session, const InflightWindow& window);
  bool publish_started(Session& session);
  bool deliver_retained(Session& session);
  // `budget`: how many entries more in this turn.
  Step take_next(Session& session, int& budget);
  Step take_run(Session& session, int& budget);
  Step take(Session& session, const log::QueueEntry& entry, std::span<const SubscriptionTerms> terms);
  Step take_with_terms(Session& session, const log::QueueEntry& entry, const log::RecordView& record,
                       std::span<const SubscriptionTerms> terms);
  void serve_group(Session& session);
  bool hand_out_unheld(Session& session);
  ShareGroup::Member* find_member(Session& session, const log::RecordView& record);
  void hand_to(Session& session, ShareGroup::Member& member, const Delivery& delivery, const log::RecordView& record);
  bool make_window_room(Session& session);
  Step take_for_group(Session& session, const log::QueueEntry& entry);
  bool deliver_shared(Session& session);
  bool send_shared(Session& session, const ShareItem& item, const ShareMember::Joined& joined,
                   const log::RecordView& record);
  log::LogReader::State read_shared(log::LogId log, log::LogOffset offset, log::RecordView& record, Session& session);
  void leave_out(Session& session, const log::QueueEntry& entry);
  ActiveSubscription* first_active(Session& session);
  void find_terms(const Session& session, uint64_t arrival);
  int pass(Session& session, uint64_t arrival);
  bool is_passed(const Session& session, const Subscription& subscription, const log::QueueEntry& entry) const;
  bool may_have_been_sent(const Session& session, const log::QueueEntry& entry) const;
  bool is_dropped_at_qos0(const Session& session, const log::QueueEntry& entry) const;
  bool is_durable(log::LogId log, log::LogOffset offset) const;
  bool deliver(Session& session, const log::QueueEntry& entry, const log::RecordView& record, const Grant& grant);
  void start(Session& session, Delivery& delivery);
  void send_again(Session& session, const log::RecordView& record, const Delivery& delivery, bool dup);
  bool fits_again(Session& session, const log::RecordView& record, const Delivery& delivery);
  void find_identifiers(Session& session, const log::RecordView& record, const Delivery& delivery);
  void sift(Session& session);

  BrokerShard& shard_;
  PublishSender sender_;
  std::vector<SubscriptionTerms> terms_;  // of the message being taken
  std::vector<size_t> places_;            // in Session::active, of the same message
  std::vector<uint32_t> identifiers_;     // and its subscription identifiers
  std::vector<FilterQueue*> dirty_;
  std::vector<Session*> ready_;
  std::vector<Session*> serving_;
  std::vector<ActiveSubscription> passing_;
  std::vector<uint32_t> durable_waiters_;  // session slots
};

}  // namespace penstock::broker
