// Settings: what one run of penstock-bench does, from its command line. Read once at start; constant afterwards and
// shared by all threads. The command line's names, defaults and examples are in settings.cc.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "protocol/types.h"

namespace penstock::bench {

enum class Scenario : uint8_t { kPair, kFanout, kFanin, kConnect, kIdle, kReplay };

const char* to_string(Scenario scenario);
const char* to_string(protocol::ProtocolVersion version);  // "3.1.1"

// Where the broker listens, and what stands between it and the socket.
struct TargetUrl {
  std::string host = "127.0.0.1";
  uint16_t port = 1883;
  bool tls = false;
  bool web_socket = false;
  std::string path = "/mqtt";  // of the WebSocket
};

// Of connections over TLS. PEM files.
struct TlsSettings {
  std::string ca;       // whose servers are trusted; empty: any
  std::string cert;     // shown where the broker asks for one; empty: none
  std::string key;      // of `cert`
  std::string version;  // "1.2" or "1.3"; empty: what both sides can do best
  bool resume = false;  // a connection offers the session of the one before it
};

struct Settings {
  Scenario scenario = Scenario::kPair;
  TargetUrl target;
  TlsSettings tls;
  protocol::ProtocolVersion version = protocol::ProtocolVersion::kMqtt311;
  bool topic_alias = false;  // 5.0: an alias in place of the topic, both ways

  uint32_t clients = 0;  // as given; publishers and subscribers follow from it and the scenario
  uint32_t publishers = 0;
  uint32_t subscribers = 0;
  uint32_t slow_subscribers = 0;   // subscribe, then read nothing
  uint32_t bystanders = 0;         // connected beside the traffic, without a part in it
  uint64_t bystander_filters = 0;  // that all of them together subscribe to; nobody publishes there
  uint8_t qos = 0;
  uint8_t subscribe_qos = 0;
  uint32_t payload_bytes = 64;
  double rate = 0;        // messages (connects) a second in all; 0: unthrottled
  uint32_t inflight = 0;  // unacknowledged publishes of one publisher (QoS 1 and 2); open handshakes (connect, idle)
  uint64_t window = 0;    // messages of one publisher that its subscribers have not had yet; 0: no limit
  uint64_t messages = 0;  // replay: backlog of each session; pair, fanout, fanin: ends after as many, 0: by time
  bool shared_topic = false;
  bool persistent = false;  // subscribers with clean session off

  int64_t duration_ns = 10'000'000'000;
  int64_t warmup_ns = 2'000'000'000;
  int64_t drain_ns = 5'000'000'000;     // without any progress, after the last publish
  int64_t timeout_ns = 30'000'000'000;  // for one connect or subscribe
  int64_t series_ns = 0;                // latencies over time, in intervals of this length; 0: none
  uint32_t threads = 1;
  uint32_t source_addresses = 0;  // 0: as many as the number of connections needs
  uint16_t keepalive_s = 60;
  uint64_t seed = 0;
  std::string client_prefix;
  std::string topic_prefix;
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  std::string json_file;
  int pid = 0;
  bool spin = false;
  bool quiet = false;

  bool closed_loop() const { return rate == 0; }
  // Of one publisher; UINT64_MAX: as many as there is time for.
  uint64_t publishes_max() const;
};

// Why the program ends before a run: --help and --version give exit_code 0 and a text for stdout, mistakes exit code 2
// and one line that names the flag.
struct EarlyExit {
  int exit_code;
  std::string text;
};

std::expected<Settings, EarlyExit> parse_command_line(int argc, const char* const* argv);

// "250ms" "10s" "2m" "1h"; a bare number is seconds.
core::Result<int64_t> parse_duration_ns(std::string_view text);
// "500" "10k" "2.5M"
core::Result<double> parse_count(std::string_view text);
// "host:port", "[::1]:1883", "wss://host:port/path" and mqtt, mqtts, ws like it; the port may be left out (1883, 8883,
// 8083, 8084).
core::Result<TargetUrl> parse_target(std::string_view text);
// "127.0.0.1:1883", "wss://127.0.0.1:8084/mqtt"
std::string to_string(const TargetUrl& url);

}  // namespace penstock::bench
