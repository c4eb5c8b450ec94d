// ShardRestorer: brings a shard back to where its last life ended: newest checkpoint, then the records after it, from
// the logs of all shards. Runs on the shard's thread before it serves anybody; waits for the disk.
//
// First pass over each log: changes of session state, retained messages, QoS 2 ids. Second pass: messages into the
// queues of persistent sessions, each only from where the checkpoint's queues end. What a session had already taken, or
// what lies before a subscription, is told apart when it is delivered (Session::done, Subscription::start).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "broker/broker_shard.h"
#include "broker/byte_codec.h"
#include "broker/checkpoint_file.h"
#include "core/result.h"
#include "log/recovery.h"

namespace penstock::broker {

class ShardRestorer {
 public:
  explicit ShardRestorer(BrokerShard& shard) : shard_(shard) {}

  core::Status run();

 private:
  core::Status read_checkpoint(const std::string& path);
  // The checkpoint being read holds what MQTT 5.0 has brought.
  bool has_mqtt5() const { return version_ >= 2; }
  bool read_body(core::Bytes body);
  bool read_header(ByteReader& reader, bool& is_own);
  void read_session(ByteReader& reader);
  void read_subscriptions(ByteReader& reader, Session* session);
  void read_own_queue(ByteReader& reader, Session* session, bool is_own);
  void read_will(ByteReader& reader);
  void read_retained(ByteReader& reader);
  void read_filter_queue(ByteReader& reader, bool is_own);
  void read_parent(ByteReader& reader, bool is_own);
  void place_cursors();

  core::Status replay_state(log::LogId id);
  core::Status replay_messages(log::LogId id);
  // False: whole, but none that this build can have written.
  bool apply(log::LogId id, log::LogOffset offset, const log::RecordView& record);
  void add_arrival(int64_t wall_us, log::LogId id, log::LogOffset offset, uint8_t qos,
                   const std::vector<FilterQueue*>& queues);
  void fill_queues();
  void apply_message(log::LogId id, log::LogOffset offset, const log::RecordView& record);
  void apply_retained(log::LogId id, const log::RecordView& record);
  Subscription& subscribe(Session& session, std::string_view filter, SubscriptionTerms terms,
                          const core::LocalShared<LogClock>& start);
  void unsubscribe(Session& session, std::string_view filter);
  void end_session(Session& session);
  void begin_delivery(Session& session, const Delivery& delivery);
  void forget_what_is_lost();
  void bequeath();
  Session* session_of(std::string_view client_id);
  Session& obtain_session(std::string_view client_id);
  // Where the checkpoint of the log's shard stands; null when there is none.
  const log::CommitLog::Start* checkpoint_of(log::LogId id) const;
  bool was_live(log::LogId id) const {
    const auto& logs = shard_.place_.last_logs;
    return std::find(logs.begin(), logs.end(), id) != logs.end();
  }
  bool is_mine(std::string_view client_id) const { return shard_.home_of(client_id) == shard_.index(); }
  log::LogOffset messages_from(log::LogId id);
  void report(log::LogId id, const std::vector<log::Damage>& damage);

  // A message for the queues; those of all logs are gathered before they are put in.
  struct Arrival {
    int64_t wall_us;
    log::LogOffset offset;
    log::LogId log;
    uint8_t qos;
    uint32_t queues_count;
    size_t first_queue;  // in arrival_queues_
  };

  BrokerShard& shard_;
  std::vector<Arrival> arrivals_;
  std::vector<FilterQueue*> arrival_queues_;
  std::map<std::string, Will> wills_;
  std::vector<std::pair<log::LogId, log::CommitLog::Start>> state_from_;  // where each log's checkpoint stands
  std::map<uint16_t, log::LogOffset> ends_;                               // of the logs of the last life
  int64_t newest_wall_us_ = 0;                                            // of any record in them
  std::unique_ptr<log::QueueFile> foreign_pages_;
  log::QueueFile* pages_ = nullptr;        // of the checkpoint being read
  uint32_t version_ = kCheckpointVersion;  // its own
  bool queues_restored_ = false;           // the queues of the checkpoint are usable: same layout
};

}  // namespace penstock::broker
