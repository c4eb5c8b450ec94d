// BrokerShard: one core's share of the broker: its connections and sessions, its filters and queues, its log.
// Everything in it is touched by one thread only; other shards are reached by mail. It knows no io_uring: network,
// files, time and chance come through the seams, so the same code runs in the simulator.
//
// A turn: begin_turn(now), then the completions of the seams call the handlers, then end_turn() delivers, commits and
// sends.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "broker/acknowledgement_queue.h"
#include "broker/checkpoint_writer.h"
#include "broker/connection.h"
#include "broker/counters.h"
#include "broker/deliveries.h"
#include "broker/filter_table.h"
#include "broker/output_buffer.h"
#include "broker/parent_topics.h"
#include "broker/post_office.h"
#include "broker/remote_filters.h"
#include "broker/retained_store.h"
#include "broker/session_table.h"
#include "broker/shard_options.h"
#include "broker/slab.h"
#include "broker/state_journal.h"
#include "broker/topic_route.h"
#include "core/clock.h"
#include "core/diagnostics.h"
#include "core/network.h"
#include "core/random.h"
#include "core/storage.h"
#include "core/timer_wheel.h"
#include "log/commit_log.h"
#include "log/log_reader.h"
#include "protocol/connect.h"
#include "protocol/publish.h"

namespace penstock::broker {

// The outside as one shard sees it. All outlive the shard.
struct ShardSeams {
  core::Network& network;
  core::Storage& storage;
  core::Clock& clock;
  core::Random& random;
};

// Where the shard's files are and how its log goes on. Made by the start-up (broker/data_directory.h).
struct ShardPlace {
  ShardIndex index = 0;
  ShardIndex shards_count = 1;
  std::string directory;  // checkpoint and queue pages; exists
  log::LogOptions log;
  std::vector<std::string> checkpoints;  // of the last life: every shard's, as they were laid out then
  std::vector<log::LogId> all_logs;      // live ones of all shards and sealed ones
  std::vector<log::LogId> last_logs;     // those of them that were appended to in the last life
  std::string data_directory;
  bool same_layout = true;  // the same number of shards as in the last life
  uint64_t generation = 0;
};

// A shard that waits to hear that a group's subscription is there.
struct ShareAnswer {
  uint64_t end = 0;  // of the record that makes it durable, in this shard's log
  ShardIndex shard = 0;
  uint64_t ticket = 0;  // 0: it does not wait
};

// A SUBSCRIBE on its way to its SUBACK.
struct PendingSubscribe {
  std::string client_id;
  ConnectionRef connection;
  protocol::PacketId packet_id;
  size_t packet_bytes = 0;
  std::vector<protocol::ReasonCode> codes;
  Explanation explanation = Explanation::kNone;                    // of those that are failures
  std::vector<std::pair<std::string, SubscriptionTerms>> filters;  // to be recorded: those of a persistent session
  uint64_t ticket = 0;
  uint32_t answers_left = 0;
  std::vector<ShareAnswer> share_answers;  // of a group's own subscription: who waits for it
};

class BrokerShard final : private log::LogProgressHandler {
 public:
  BrokerShard(ShardPlace place, ShardOptions options, ShardSeams seams, PostCounter post);
  ~BrokerShard();
  BrokerShard(const BrokerShard&) = delete;

  // Start-up, in this order. Each waits for the disk. restore() reads the last life; open() starts the log;
  // add_logs() after every shard's open(): the logs of all shards, live and sealed.
  core::Status restore();
  core::Status open();
  void add_logs(const std::vector<log::SharedLog*>& logs);
  // `source` makes the layers of those who come there, and outlives the shard; null: there are none.
  core::Result<core::Endpoint> listen(const core::Endpoint& endpoint, const TransportSource* source = nullptr);

  void begin_turn(int64_t now_ns);
  // True when there is more to do at once, so that the next turn must not wait.
  bool end_turn();
  // When the next timer is due, in Clock::monotonic_ns(). A stop also waits for what other shards do, which no event
  // tells.
  int64_t next_timer_ns() const {
    if (stop_state_ != StopState::kRunning) return now_ns_ + core::kNsPerMs;
    return std::min({timers_.next_due_ns(), next_housekeeping_ns_, log_->next_write_ns()});
  }

  // Clean stop: closes every connection, records cursors exactly, writes and syncs the log and a checkpoint. Turns go
  // on until stopped().
  void begin_stop();
  bool stopped() const { return stop_state_ == StopState::kStopped; }

  // For the parts of the shard.
  core::Network& network() { return seams_.network; }
  core::Clock& clock() { return seams_.clock; }
  core::TimerWheel& timers() { return timers_; }
  const ShardOptions& options() const { return options_; }
  Counters& counters() { return counters_; }
  Deliveries& deliveries() { return deliveries_; }
  SessionTable& sessions() { return sessions_; }
  FilterTable& filters() { return filters_; }
  RetainedStore& retained() { return retained_; }
  StateJournal& journal() { return *journal_; }
  log::CommitLog& log() { return *log_; }
  log::LogReader& reader() { return reader_; }
  OutputBlockPool& output_blocks() { return output_blocks_; }
  AcknowledgementQueue& acknowledgements() { return acknowledgements_; }
  log::SharedLog* shared_log(log::LogId id);
  int64_t now_ns() const { return now_ns_; }
  uint64_t next_arrival() const { return next_arrival_; }
  // Arrivals below this were given in an earlier life.
  uint64_t first_live_arrival() const { return first_live_arrival_; }
  const LogClock& routed_clock() const { return routed_; }
  ShardIndex index() const { return place_.index; }
  ShardIndex shards_count() const { return place_.shards_count; }
  // Which shard a client id is at home on.
  ShardIndex home_of(std::string_view client_id) const;
  std::string make_client_id();

  // Whether a packet that changes state can be handled now: room in the tail for a few records and in every mailbox.
  bool has_log_room() const { return log_->room_for(kStateRecordBytes) == log::AppendRoom::kRoom; }
  Handled room_for_state();  // kDone: go on; kWait; kStop never
  // Room for a "delivery started" of this session, and for the progress record that may be due before it.
  bool can_start_delivery(Session& session);
  // The settings see to it that the log can hold a record of any message that a client may send.
  bool has_room_for_direct() const {
    return log_->room_for(options_.packet_bytes_max + kDirectHeadersBytesMax) == log::AppendRoom::kRoom;
  }

  // The route of a topic; the reference is to the only one that is remembered.
  const TopicRoute& route_of(protocol::TopicName name) {
    const bool same = name.text().data() == route_.topic.data() || name.text() == route_.topic;
    const bool current =
        route_.filters_version == filters_.version() && route_.remote_version == remote_filters_.version();
    return same && current ? route_ : find_route(name);
  }
  protocol::TopicName last_topic() const { return protocol::TopicName::accepted(route_.topic); }
  // Appends and routes a message. Requires log room and mailbox room for one item each.
  log::Appended publish(const log::RecordParts& parts);
  // What a message keeps of the properties of its packet; valid until the next call.
  core::Bytes stored_properties(core::Bytes checked);
  // Not each answer that waits stands for a record in the tail: one to what is repeated, or unknown, keeps its place
  // only.
  bool has_answer_room() const { return acknowledgements_.size() < kAnswersWaitingMax; }
  // They wait for the other shards, in the order in which they came.
  bool has_subscribe_room() const { return pending_subscribes_.size() < kSubscribesWaitingMax; }
  // One message of a few bytes may be for thousands of filters of one client: so many entries of queues a turn, and
  // none in a turn that begins when full pages are written too slowly.
  bool has_queue_room() const { return entries_left_ > 0; }
  bool has_mail_room() { return place_.shards_count == 1 || post_.has_room(kMailPerPacket); }
  // A message for one session only: goes into its own queue. Requires has_room_for_direct(), and a payload that
  // --max-payload allows.
  // `identifier`: of the subscription; 0: none.
  void publish_direct(Session& session, const RetainedMessage& message, protocol::QoS qos, uint32_t identifier);

  // Sessions.
  void establish(Connection& connection, const protocol::Connect& connect, std::string_view client_id);
  // Returns the end of the record that says so; 0 where there is none.
  uint64_t end_session(Session& session);
  // Whether the session may have this filter, beside those it has; if not, why.
  protocol::ReasonCode may_subscribe(Session& session, protocol::TopicFilter filter);
  // DISCONNECT has brought another one.
  void set_expiry(Session& session, uint32_t expiry_s);
  // Before a CONNECT with its client id is served: a will that waits is published or discarded, and a session whose
  // time is over ends.
  void settle_offline_session(Session& session, bool clean_start);
  void discard_will(Session& session);
  void subscribe(Session& session, protocol::TopicFilter filter, SubscriptionTerms terms,
                 protocol::RetainHandling retain_handling, FilterChange& change);
  // Null: there is none with this filter.
  Subscription* find_subscription(Session& session, protocol::TopicFilter filter);
  // Any of the session's, some perhaps twice. The record of a persistent session is left to the caller.
  void unsubscribe(Session& session, std::vector<Subscription*> ended, FilterChange& change);
  // Tells the other shards, which answer when `ticket` is not 0. Returns how many answers will come.
  uint32_t announce(FilterChange change, uint64_t ticket);
  // After subscribe() for each filter: answers the client when every shard routes to us and the records are durable.
  void complete_subscribe(PendingSubscribe pending, FilterChange change);
  // The session's cursors or window moved: a progress record is due.
  void note_progress(Session& session);

  // Shared subscriptions. `session`: of a member; `home`: of the group.
  void complete_share(Session& session, protocol::PacketId packet_id);
  void report_share(ShardIndex home, ShareItem item, bool is_returned);
  // In the name of a group: the member gets this message.
  void assign_share(ShareToken token, log::LogId log, log::LogOffset offset);

  bool has_pending_wills() const { return !pending_wills_.empty(); }

  // Connections.
  void add_flush(Connection& connection) { flush_.push_back(connection.ref()); }
  void add_waiting(Connection& connection) { waiting_.push_back(connection.ref()); }
  // In the next turn, which comes at once.
  void resume_soon(Connection& connection) {
    add_waiting(connection);
    resume_soon_ = true;
  }
  Connection* find(ConnectionRef ref);
  void forget(Connection& connection);
  void send_hand_over(Connection& connection, ShardIndex to, HandOver body);
  // A step of a handshake that costs much. False: enough for this turn, or others are first: go_on_later().
  bool take_handshake_step();
  // Its transport goes on in a turn that has time for it; the next one comes at once.
  void go_on_later(Connection& connection) { held_transports_.push_back(connection.ref()); }
  void on_connection_lost(Connection& connection);
  void report_refused_authentication(const Connection& connection, const std::string& detail);
  void report_protocol_error(const Connection& connection, const protocol::ProtocolError& error);
  // `is_told`: by a reason code, so that it need not come again to learn it.
  void note_refused_publish(Connection& connection, bool is_told);
  void report_layer_failure(const Connection& connection, const core::StreamFailure& failure);
  // Something that it asked for stays unanswered for want of disk: it is closed when there is room again.
  // [MQTT-4.8.0-2]
  void owe_redelivery(Connection& connection);

  // Start-up, after every shard's open() and before any serves: the restored state, whole on the disk. Waits for it. Of
  // a new layout, and where restore() found that not all of the last life counts.
  bool must_checkpoint() const { return must_checkpoint_; }
  core::Status write_first_checkpoint();
  // For checkpoints.
  void write_state(std::vector<std::byte>& out) { write_state(out, log_place()); }
  const ShardPlace& place() const { return place_; }
  log::QueueFile* queue_file() { return queue_file_.get(); }

  // Of a record beside what its PUBLISH held: topic, properties, payload.
  static constexpr uint64_t kDirectHeadersBytesMax = sizeof(log::RecordHeader) + 2 + protocol::kStringBytesMax;
  static constexpr size_t kMailPerPacket = 16;
  // A handshake takes some two of these; with RSA one may cost a millisecond.
  static constexpr uint32_t kHandshakeStepsPerTurn = 4;
  static constexpr size_t kSubscriptionsPerSessionMax = 10'000;
  static constexpr size_t kAnswersWaitingMax = 1u << 20;
  static constexpr int64_t kQueueEntriesPerTurn = 1 << 20;
  static constexpr size_t kSubscribesWaitingMax = 4096;
  static constexpr size_t kFilterBytesPerSessionMax = 1u << 20;
  static constexpr size_t kTopicLevelsMax = 128;  // each level of a filter is a node of a tree on every shard
  // Queue ids of sessions' own queues have this bit (broker/parent_topics.h has the other).
  static constexpr uint64_t kOwnQueueIdBit = uint64_t{1} << 62;

 private:
  friend class ShardRestorer;
  enum class StopState : uint8_t {
    kRunning,
    kDraining,
    kClosingConnections,
    kFinishingLog,
    kWritingCheckpoint,
    kStopped
  };
  struct ConnectionSlot {
    std::unique_ptr<Connection> connection;
    uint32_t generation = 0;
  };
  struct PendingWill {
    std::string client_id;
    Will will;
  };

  // Sockets do not say which listener they came by.
  struct Acceptor final : core::AcceptHandler {
    Acceptor(BrokerShard& its_shard, const TransportSource* its_source) : shard(its_shard), source(its_source) {}
    void on_accepted(core::SocketId socket) override {
      shard.accept(socket, source == nullptr ? nullptr : source->make_transport());
    }
    BrokerShard& shard;
    const TransportSource* source;
  };

  void on_log_progress() override;

  void accept(core::SocketId socket, std::unique_ptr<Transport> transport);
  Connection& add_connection(core::SocketId socket, std::unique_ptr<Transport> transport);
  void run_held_transports();
  void log_closing(const Connection& connection, const std::string& why);
  void spread_log_progress();
  void release_acknowledgements();
  void drop_acknowledgements();
  void send(const Acknowledgement& acknowledgement, const std::vector<protocol::ReasonCode>* codes);
  void flush_connections();
  void resume_waiting();
  void close_owed();
  void receive_mail();
  void on_mail(Mail mail);
  void on_route(const Mail& mail);
  void on_filters(const Mail& mail, const FilterChange& change);
  void on_filters_noted(const Mail& mail);
  void on_answer(uint64_t ticket);
  void add_share(Session& session, uint32_t filter_slot);
  void announce_shares(Session& session, PendingSubscribe* pending);
  void tell_share_credit(Session& session, uint16_t credit);
  void return_shares(Session& session);
  void leave_share(Session& session, uint32_t filter_slot);
  void on_assigned(ShardIndex home, const std::vector<ShareItem>& items);
  void on_join(ShardIndex from, const ShareMail& mail);
  Session& make_group(const std::string& id);
  void subscribe_group(Session& session, std::string_view shared_filter, const ShareAnswer& answer);
  bool has_answer_to_join() const;
  void answer_joins();
  Session* group_of(ShareToken token);
  void on_leave(ShareToken token);
  void on_reports(const std::vector<ShareItem>& items);
  void begin_shares();
  void on_rejoined();
  bool knows_members() const { return shards_rejoined_ == place_.shards_count; }
  void forsake(Session& group);
  void forsake_empty_groups();
  void end_forsaken_groups();
  void post_share(ShardIndex to, ShareMail mail);
  void flush_shares(ShardIndex to);
  void flush_shares();
  void on_share(ShardIndex from, const ShareMail& mail);
  void publish_routed_marks();
  const TopicRoute& find_route(protocol::TopicName name);
  const TopicRoute& find_route_to(std::string_view peer);
  ParentTopics::Parent& parent_of_route() {
    if (route_.parent == nullptr) [[unlikely]]
      route_.parent = &parent_topics_.obtain(last_topic().parent_topic(), queue_file_.get());
    return *route_.parent;
  }
  void put_into_queues(const TopicRoute& route, log::LogId log, log::LogOffset offset, uint8_t qos);
  void set_retained(const log::RecordParts& parts, const log::Appended& appended);
  uint32_t bounded_expiry_s(uint32_t wanted_s, protocol::ProtocolVersion version) const;
  // Offline for so long it ends; INT64_MAX: never.
  int64_t expiry_us(const Session& session) const;
  bool is_expired(const Session& session) const;
  std::unique_ptr<Will> make_will(const protocol::WillMessage& will);
  void give_up_will(Session& session);
  void delay_will(Session& session, int64_t offline_since_us);
  void publish_due_wills();
  void session_online(Session& session);
  void session_offline(Session& session);
  void drop_subscriptions(Session& session, FilterChange& change);
  void drop_subscription(Subscription& subscription, FilterChange& change);
  void publish_pending_wills();
  void finish_subscribes();
  bool finish_subscribe(PendingSubscribe& pending);
  Subscription& add_subscription(Session& session, uint32_t filter_slot, SubscriptionTerms terms);
  OwnQueue& obtain_own_queue(Session& session);
  void make_queue_file(uint64_t next_address);
  void housekeeping();
  bool is_synced(const LogClock& clock);
  // False: no room for it now. `progressed` is the caller's.
  bool write_progress(Session& session);
  log::CommitLog::Start log_place() const;
  // `place`: the record of our log with which a replay has to begin.
  void write_state(std::vector<std::byte>& out, const log::CommitLog::Start& place);
  bool checkpoint_due() const;
  uint64_t logged_bytes() const;
  void start_checkpoint();
  void step_checkpoint();
  void release_idle_queues();
  void retire_queue_pages();
  void settle_retained();
  void retire_entries();
  void record_progress();
  bool record_last_progress();
  void expire_sessions();
  void step_stop();

  const ShardPlace place_;
  const ShardOptions options_;
  ShardSeams seams_;
  PostCounter post_;
  int64_t now_ns_;
  core::TimerWheel timers_;
  Counters counters_;
  OutputBlockPool output_blocks_;

  std::unique_ptr<log::QueueFile> queue_file_;
  FilterTable filters_;
  Slab<Subscription> subscriptions_;  // of all sessions
  RemoteFilters remote_filters_;
  RetainedStore retained_;
  ParentTopics parent_topics_;
  TopicRoute route_;  // of the last message
  SessionTable sessions_;
  log::LogReader reader_;
  std::unique_ptr<log::CommitLog> log_;
  std::unique_ptr<StateJournal> journal_;
  std::unique_ptr<CheckpointWriter> checkpoint_writer_;
  std::vector<log::SharedLog*> shared_logs_;
  log::CommitLog::Start log_start_;
  log::CommitLog::Start last_life_end_;  // where our log ended before the starts that followed
  bool must_checkpoint_ = false;
  Deliveries deliveries_;
  AcknowledgementQueue acknowledgements_;

  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::vector<ConnectionSlot> connections_;
  std::vector<uint32_t> free_connections_;
  size_t connections_count_ = 0;
  std::vector<ConnectionRef> flush_;
  std::vector<ConnectionRef> flushing_;
  std::vector<ConnectionRef> waiting_;
  std::vector<ConnectionRef> resuming_;
  std::vector<ConnectionRef> owed_;
  std::deque<ConnectionRef> held_transports_;        // in the order in which they began to wait
  uint32_t handshake_steps_left_ = 0;                // in this turn
  std::deque<PendingSubscribe> pending_subscribes_;  // in the order in which they came and are finished
  std::deque<PendingWill> pending_wills_;            // bounded by the sessions with a will
  // Of sessions that are offline, by the time (wall, us) when it is due, and the session's slot.
  absl::btree_set<std::pair<int64_t, uint32_t>> delayed_wills_;
  std::vector<std::byte> properties_;  // where those of one packet are rearranged
  // The same of groups, which wait for nobody's order: what a client waits for must not stand behind what waits for it.
  std::deque<PendingSubscribe> pending_groups_;
  uint64_t last_ticket_ = 0;
  uint64_t last_share_token_ = 0;
  absl::flat_hash_map<ShareToken, uint32_t> share_members_;  // slots of sessions here
  absl::flat_hash_map<ShareToken, uint32_t> share_groups_;   // slots of the groups of members anywhere
  ShardIndex shards_rejoined_ = 0;                      // those that have told of all members that they have restored
  std::vector<std::string> forsaken_groups_;            // ids of those whose is_forsaken was set
  std::deque<ShareAnswer> share_answers_;               // in the order of their ends
  std::vector<std::vector<ShareItem>> share_reports_;   // of this turn, by the group's shard
  std::vector<std::vector<ShareItem>> share_assigned_;  // of this turn, by the member's shard

  int64_t entries_left_ = kQueueEntriesPerTurn;  // that queues take in this turn
  uint64_t next_arrival_ = 1;
  uint64_t first_live_arrival_ = 1;
  LogClock routed_;                    // up to where each log's messages have been put into our queues
  LogClock retained_from_;             // the newest retained message of each other shard's log that we hold
  std::vector<uint64_t> last_routed_;  // per shard: end of the last record of our log that was posted to it
  std::vector<bool> qos2_routed_;      // per shard: since our log was last durable further
  log::Appended last_published_;
  core::RateLimit error_limit_{20, core::kNsPerSecond};
  core::RateLimit refused_limit_{1, 10 * core::kNsPerSecond};
  int64_t next_housekeeping_ns_ = 0;
  uint64_t checkpointed_end_ = 0;  // in this life; 0: not yet
  uint64_t retired_begins_ = 0;
  log::LogOffset checkpoint_begin_{0};
  uint64_t checkpointed_bytes_ = 0;  // logged_bytes() then
  int64_t checkpoint_started_ns_ = 0;
  int64_t checkpoint_retained_us_ = 0;  // the newest retained message in it
  LogClock checkpoint_others_;          // the same for the logs of the other shards
  int64_t stop_deadline_ns_ = 0;        // of the step of the stop that is under way
  log::LogOffset stop_log_end_{0};      // what was appended when the stop began
  uint32_t expiry_slot_ = 0;
  std::vector<uint32_t> progressed_;
  StopState stop_state_ = StopState::kRunning;
  bool log_finished_ = false;
  bool log_moved_ = false;
  bool resume_soon_ = false;
};

}  // namespace penstock::broker
