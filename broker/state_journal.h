// StateJournal: writes the state records of persistent sessions into the shard's log. Each call appends one record and
// returns its end: the step that depends on it waits until the log is durable up to there. A call requires room for its
// record: BrokerShard::has_log_room(), or, where its size has no small bound, room for what *_bytes() says. One thread,
// the shard's.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "broker/session.h"
#include "broker/state_records.h"
#include "log/commit_log.h"

namespace penstock::broker {

// Room for the records of one packet, where they have no larger bound: those of a CONNECT ("session ended", "session
// opened", "will set") hold up to five strings of 65,535 bytes, as many bytes of properties, and a clock of as many
// logs as the shards of twenty layouts may have.
constexpr uint64_t kStateRecordBytes = 416u << 10;
constexpr size_t kWillPropertiesBytesMax = 65'535;
// QoS 2 deliveries of a session that are started before its next progress record. A restart restores so many, and the
// progress record that tells of them must have a bound.
constexpr uint32_t kStartsUnrecordedMax = 1024;

class StateJournal {
 public:
  explicit StateJournal(log::CommitLog& log) : log_(log) {}

  uint64_t session_opened(const Session& session, bool is_new);
  uint64_t session_expiry(const Session& session);
  uint64_t session_ended(const Session& session);
  // `packet_bytes`: of the SUBSCRIBE or UNSUBSCRIBE.
  static uint64_t subscribed_bytes(const Session& session, size_t packet_bytes, const LogClock& start);
  uint64_t subscribed(const Session& session, const LogClock& start, std::span<const GrantedFilter> filters);
  uint64_t unsubscribed(const Session& session, std::span<const std::string_view> filters);
  // An upper bound.
  static uint64_t progress_bytes(const Session& session);
  uint64_t progress(const Session& session);
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
