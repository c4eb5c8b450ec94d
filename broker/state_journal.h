// StateJournal: writes the state records of persistent sessions into the shard's log. Each call appends one record,
// which requires BrokerShard::has_log_room(), and returns its end: the step that depends on it waits until the log is
// durable up to there. One thread, the shard's.
#pragma once

#include <cstdint>

#include "broker/session.h"
#include "broker/state_records.h"
#include "log/commit_log.h"
#include "protocol/topic_filter.h"

namespace penstock::broker {

class StateJournal {
 public:
  explicit StateJournal(log::CommitLog& log) : log_(log) {}

  uint64_t session_opened(const Session& session);
  uint64_t session_ended(const Session& session);
  uint64_t subscribed(const Session& session, protocol::TopicFilter filter, protocol::QoS qos, const LogClock& start);
  uint64_t unsubscribed(const Session& session, protocol::TopicFilter filter);
  // `done` and `window`: of the session, as far as they may be recorded.
  uint64_t progress(const Session& session, bool online, const LogClock& done, const InflightWindow* window);
  uint64_t delivery_started(const Session& session, const Delivery& delivery);
  uint64_t delivery_released(const Session& session, protocol::PacketId packet_id);
  uint64_t inbound_released(const Session& session, protocol::PacketId packet_id);
  uint64_t will_set(const Session& session, const Will& will);
  uint64_t will_cleared(std::string_view client_id);

 private:
  uint64_t append(StateRecord type, std::string_view client_id, log::RecordParts parts = {});

  log::CommitLog& log_;
};

}  // namespace penstock::broker
