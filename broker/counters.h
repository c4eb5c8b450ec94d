// Counters: what one shard has done. Written by that shard only; read from elsewhere after it stopped, or roughly.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "protocol/protocol_error.h"

namespace penstock::broker {

// Why connections end.
enum class CloseReason : uint8_t {
  kDisconnect,  // DISCONNECT packet
  kPeerClosed,  // without DISCONNECT
  kBroken,      // socket error
  kProtocolError,
  kRefused,  // CONNACK with a refusal
  kConnectTimeout,
  kKeepalive,
  kTakenOver,
  kTooLarge,  // payload over --max-payload
  kTooManyConnections,
  kLayerFailed,     // of TLS, WebSocket or the PROXY header
  kRedeliveryOwed,  // publishes were refused for want of disk and there is room again
  kNotAuthorized,   // it could not authenticate again
  kShutdown,
};
constexpr size_t kCloseReasonCount = static_cast<size_t>(CloseReason::kShutdown) + 1;
const char* to_string(CloseReason reason);

// Counts by names that the program has made: few, and their texts live as long as it.
class NameCounts {
 public:
  static constexpr size_t kNamesMax = 64;  // what finds no place is counted as "other"
  struct Count {
    const char* name = nullptr;
    uint64_t count = 0;
  };

  void add(const char* name, uint64_t count = 1);
  void add(const NameCounts& other);
  const std::vector<Count>& all() const { return counts_; }

 private:
  std::vector<Count> counts_;
};

struct Counters {
  uint64_t connections_accepted = 0;
  uint64_t publishes_received = 0;
  uint64_t publishes_refused = 0;  // disk full or failed
  uint64_t deliveries_sent = 0;
  uint64_t deliveries_repeated = 0;
  uint64_t deliveries_expired = 0;    // the record was retired before the session came
  uint64_t messages_expired = 0;      // their own expiry was over before a session came to them
  uint64_t deliveries_too_large = 0;  // for the client's maximum packet size
  uint64_t qos0_dropped = 0;          // lag limit and offline sessions
  uint64_t sessions_expired = 0;
  uint64_t log_writes = 0;  // group commits, and the bytes in them with padding
  uint64_t log_bytes = 0;
  uint64_t ring_enters = 0;  // io_uring_enter calls, and what was submitted with them
  uint64_t ring_submissions = 0;
  std::array<uint64_t, kCloseReasonCount> closes{};
  std::array<uint64_t, protocol::kProtocolErrorReasonCount> protocol_errors{};
  NameCounts layer_failures;  // core::StreamFailure::reason

  void add(const Counters& other);
};

}  // namespace penstock::broker
