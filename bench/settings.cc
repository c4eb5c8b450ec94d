#include "bench/settings.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>

#include "bench/latency_series.h"
#include "bench/payload.h"
#include "core/random.h"
#include "protocol/types.h"

namespace penstock::bench {
namespace {

constexpr uint32_t kConnectionCountMax = 2'000'000;
constexpr uint32_t kPayloadBytesMax = 64 << 20;
// How much is under way by default: enough that a broker can work in batches, too little for a queue limit of its own.
constexpr uint64_t kUndeliveredDefault = 20'000;
constexpr uint64_t kWindowMin = 20;
constexpr uint32_t kFiltersPerBystander = 10'000;  // a session has a limit in every broker
constexpr uint64_t kFanoutWindowMin = 200;         // with fewer, each subscriber gets too few at once for any batching

constexpr const char* kExamples = R"(Examples:
  penstock-bench pair --target 127.0.0.1:1883        one publisher, one subscriber, QoS 0, as fast as it goes
  penstock-bench pair --clients 50 --qos 1 --inflight 100 --pid 4711 --json pair.json
  penstock-bench pair --rate 10k --qos 1 --spin                     latency at a fixed rate
  penstock-bench fanout --clients 1000 --payload 1024               one publisher, 1000 subscribers
  penstock-bench fanin --publishers 1000                            1000 publishers, one subscriber
  penstock-bench fanout --clients 100 --slow-subscribers 5          five more that never read: do the others notice?
  penstock-bench connect --clients 500 --inflight 64                connect storm
  penstock-bench connect --target mqtts://localhost:8883 --resume   TLS handshakes, resumed
  penstock-bench pair --target ws://127.0.0.1:8083 --mqtt 5.0       over WebSocket, with MQTT 5.0
  penstock-bench idle --clients 20000 --duration 30s --pid 4711     memory of an idle connection
  penstock-bench replay --clients 100 --messages 10k --qos 1        drain the backlogs of sessions that were offline

Exit code: 0 all well; 1 messages were lost, repeated or reordered against the QoS, or the target failed; 2 bad flags.
What is measured and how: bench/METHOD.md.)";

// Texts of flags that have units, before they are understood.
struct RawFlags {
  std::string scenario;
  std::string target = "127.0.0.1:1883";
  std::string version = "3.1.1";
  std::string rate;
  std::string duration = "10s";
  std::string warmup = "2s";
  std::string drain = "5s";
  std::string timeout = "30s";
  std::string messages;
  std::string bystander_filters;
  std::string series;
  std::string payload = "64";
  std::string clients;
  std::string window;
  int qos = 0;
  int subscribe_qos = -1;
  std::string user_name;
  std::string password;
};

struct Unit {
  std::string_view suffix;
  double factor;
};

template <size_t N>
core::Result<double> parse_with_unit(std::string_view text, const Unit (&units)[N]) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix = text.substr(static_cast<size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (error == std::errc() && std::isfinite(number) && suffix == unit.suffix) return number * unit.factor;
  }
  return core::failure("\"" + std::string(text) + "\" is not a value with a known unit");
}

void add_traffic_flags(CLI::App& app, Settings& s, RawFlags& raw) {
  app.add_option("--clients", raw.clients, "pairs (pair), subscribers (fanout), publishers (fanin), else connections");
  app.add_option("--publishers", s.publishers, "fanout, fanin: how many publish [fanout 1, fanin --clients]");
  app.add_option("--subscribers", s.subscribers, "fanout, fanin: how many subscribe [fanout --clients, fanin 1]");
  app.add_option("--slow-subscribers", s.slow_subscribers, "pair, fanout: this many more subscribe but never read");
  app.add_option("--bystanders", s.bystanders, "pair, fanout, fanin: idle connections beside the traffic");
  app.add_option("--bystander-filters", raw.bystander_filters,
                 "filters that the bystanders subscribe to in all, where nobody publishes [0]");
  app.add_option("--qos", raw.qos, "QoS of publishes and subscriptions [0; replay 1]")->check(CLI::Range(0, 2));
  app.add_option("--subscribe-qos", raw.subscribe_qos, "QoS of subscriptions, where it differs")
      ->check(CLI::Range(0, 2));
  app.add_option("--payload", raw.payload, "payload bytes [64]; below 16 messages are counted but not checked");
  app.add_option("--rate", raw.rate, "messages (connects) a second in all, as 500 or 10k; without: unthrottled");
  app.add_option("--inflight", s.inflight,
                 "unthrottled: how far a publisher runs ahead. QoS 0: of its subscribers' receipt [20k undelivered in "
                 "all, but 20 each, fanout 200]; QoS 1, 2: unacknowledged publishes [100]. connect, idle: handshakes "
                 "open at once [64]");
  app.add_option(
      "--window", raw.window,
      "QoS 1, 2, unthrottled: how far a publisher runs ahead of its subscribers' receipt [20k undelivered in "
      "all]; 0: no limit");
  app.add_option(
      "--messages", raw.messages,
      "replay: messages waiting for each session [1000]; pair, fanout, fanin: publish as many in all instead of "
      "for a --duration");
  app.add_flag("--shared-topic", s.shared_topic,
               "replay: one topic for all sessions; fanin, fanout: for all publishers");
  app.add_flag("--persistent", s.persistent, "subscribe with persistent sessions (removed again at the end)");
}

void add_run_flags(CLI::App& app, Settings& s, RawFlags& raw) {
  app.add_option("--target", raw.target,
                 "HOST:PORT of the broker, or mqtt://, mqtts://, ws://, wss://HOST:PORT/PATH [127.0.0.1:1883]");
  app.add_option("--mqtt", raw.version, "version of MQTT: 3.1, 3.1.1 or 5.0 [3.1.1]")
      ->check(CLI::IsMember({"3.1", "3.1.1", "5.0"}));
  app.add_flag("--topic-alias", s.topic_alias, "5.0: say a topic once, and its alias from then on, both ways");
  app.add_option("--duration", raw.duration, "of the measurement, as 500ms, 10s, 2m [10s]");
  app.add_option("--warmup", raw.warmup, "before it; checked but not measured [2s]");
  app.add_option("--series", raw.series, "report latencies over time too, by intervals of this length, as 100ms");
  app.add_option("--drain", raw.drain, "give up on missing messages after this long without progress [5s]");
  app.add_option("--timeout", raw.timeout, "for one connect or subscribe [30s]");
  app.add_option("--threads", s.threads, "threads that carry connections [1]")->check(CLI::Range(1, 64));
  app.add_option("--source-addresses", s.source_addresses,
                 "spread connections over 127.0.0.1 ... 127.0.0.N (loopback targets) [one for each 25,000]");
  app.add_option("--keepalive", s.keepalive_s, "seconds; 0 off [60]");
  app.add_option("--seed", s.seed, "makes names and payload bytes repeatable [by chance]");
  app.add_option("--client-prefix", s.client_prefix, "of client ids [bench-<seed>-]");
  app.add_option("--topic-prefix", s.topic_prefix, "of topics [bench/<seed>]");
  app.add_option("--username", raw.user_name, "for CONNECT");
  app.add_option("--password", raw.password, "for CONNECT");
  app.add_option("--pid", s.pid, "process id of the broker: report its CPU seconds and memory")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", s.json_file, "write everything measured to this file");
  app.add_flag("--spin", s.spin, "never sleep: a core for the generator, the least delay in what it measures");
  app.add_flag("--quiet", s.quiet, "no progress lines on stderr");
}

void add_tls_flags(CLI::App& app, Settings& s) {
  app.add_option("--ca", s.tls.ca, "PEM file: whose certificate an mqtts or wss broker must have [any broker]");
  app.add_option("--cert", s.tls.cert, "PEM file: the certificate to show to a broker that asks for one");
  app.add_option("--key", s.tls.key, "PEM file: its key");
  app.add_option("--tls", s.tls.version, "only this version: 1.2 or 1.3")->check(CLI::IsMember({"1.2", "1.3"}));
  app.add_flag("--resume", s.tls.resume, "connect: each slot resumes the TLS session of its last connection");
}

template <typename T>
core::Status assign(const char* flag, const core::Result<double>& value, double min, double max, T& to) {
  if (!value.has_value()) return core::failure(std::string(flag) + ": " + value.error().message);
  if (*value < min || *value > max) {
    char range[96];
    std::snprintf(range, sizeof range, ": must be between %.0f and %.0f", min, max);
    return core::failure(flag + std::string(range));
  }
  to = static_cast<T>(*value);
  return {};
}

core::Status assign_duration(const char* flag, const std::string& text, int64_t min_ns, int64_t& to) {
  auto value = parse_duration_ns(text);
  if (!value.has_value()) return core::failure(std::string(flag) + ": " + value.error().message);
  if (*value < min_ns) return core::failure(std::string(flag) + ": " + text + " is too short");
  to = *value;
  return {};
}

core::Status understand_units(const RawFlags& raw, Settings& s) {
  RETURN_IF_ERROR(assign_duration("--duration", raw.duration, 100'000'000, s.duration_ns));
  RETURN_IF_ERROR(assign_duration("--warmup", raw.warmup, 0, s.warmup_ns));
  RETURN_IF_ERROR(assign_duration("--drain", raw.drain, 10'000'000, s.drain_ns));
  RETURN_IF_ERROR(assign_duration("--timeout", raw.timeout, 10'000'000, s.timeout_ns));
  if (!raw.rate.empty()) RETURN_IF_ERROR(assign("--rate", parse_count(raw.rate), 0.001, 1e9, s.rate));
  if (!raw.messages.empty()) RETURN_IF_ERROR(assign("--messages", parse_count(raw.messages), 1, 1e9, s.messages));
  if (!raw.series.empty()) RETURN_IF_ERROR(assign_duration("--series", raw.series, 1'000'000, s.series_ns));
  if (!raw.bystander_filters.empty()) {
    RETURN_IF_ERROR(assign("--bystander-filters", parse_count(raw.bystander_filters), 0, 100e6, s.bystander_filters));
  }
  RETURN_IF_ERROR(assign("--payload", parse_count(raw.payload), 0, kPayloadBytesMax, s.payload_bytes));
  if (!raw.clients.empty()) {
    RETURN_IF_ERROR(assign("--clients", parse_count(raw.clients), 1, kConnectionCountMax, s.clients));
  }
  if (!raw.window.empty()) RETURN_IF_ERROR(assign("--window", parse_count(raw.window), 0, 1e12, s.window));
  auto target = parse_target(raw.target);
  if (!target.has_value()) return core::failure("--target: " + target.error().message);
  s.target = *target;
  if (!raw.user_name.empty()) s.user_name = raw.user_name;
  if (!raw.password.empty()) s.password = raw.password;
  if (s.password && !s.user_name) return core::failure("--password: needs --username");
  return {};
}

core::Result<Scenario> parse_scenario(const std::string& text) {
  for (const auto scenario :
       {Scenario::kPair, Scenario::kFanout, Scenario::kFanin, Scenario::kConnect, Scenario::kIdle, Scenario::kReplay}) {
    if (text == to_string(scenario)) return scenario;
  }
  return core::failure("scenario \"" + text + "\" is not one of pair, fanout, fanin, connect, idle, replay");
}

core::Status settle_population(Settings& s) {
  const bool roles_apart = s.scenario == Scenario::kFanout || s.scenario == Scenario::kFanin;
  if (!roles_apart && (s.publishers || s.subscribers)) {
    return core::failure("--publishers, --subscribers: only for fanout and fanin; " +
                         std::string(to_string(s.scenario)) + " takes --clients");
  }
  if (s.slow_subscribers && s.scenario != Scenario::kPair && s.scenario != Scenario::kFanout) {
    return core::failure("--slow-subscribers: only for pair and fanout");
  }
  constexpr uint32_t kClientsDefault[] = {1, 100, 100, 100, 1000, 100};
  if (s.clients == 0) s.clients = kClientsDefault[static_cast<size_t>(s.scenario)];
  if (s.scenario == Scenario::kFanout) {
    if (s.publishers == 0) s.publishers = 1;
    if (s.subscribers == 0) s.subscribers = s.clients;
  } else if (s.scenario == Scenario::kFanin) {
    if (s.publishers == 0) s.publishers = s.clients;
    if (s.subscribers == 0) s.subscribers = 1;
  } else {
    s.publishers = s.scenario == Scenario::kReplay && s.shared_topic ? 1 : s.clients;
    s.subscribers = s.clients;
  }
  if (uint64_t{s.publishers} + s.subscribers + s.slow_subscribers > kConnectionCountMax) {
    return core::failure("--clients: at most 2,000,000 connections");
  }
  if (roles_apart && uint64_t{s.publishers} * s.subscribers > 50'000'000) {
    return core::failure("--publishers x --subscribers: at most 50,000,000 flows can be checked");
  }
  return {};
}

core::Status settle_bystanders(Settings& s, bool traffic) {
  if (s.bystander_filters != 0 && s.bystanders == 0) {
    s.bystanders = static_cast<uint32_t>((s.bystander_filters + kFiltersPerBystander - 1) / kFiltersPerBystander);
  }
  if (s.bystanders != 0 && !traffic) return core::failure("--bystanders: only for pair, fanout and fanin");
  if (s.bystanders > kConnectionCountMax) return core::failure("--bystanders: at most 2,000,000 connections");
  return {};
}

core::Status settle_length(Settings& s, bool traffic) {
  if (s.scenario == Scenario::kReplay && s.messages == 0) s.messages = 1000;
  if (traffic && s.messages != 0 && !s.closed_loop())
    return core::failure("--messages: not with --rate; give a --duration");
  if (s.series_ns == 0) return {};
  if (!traffic || s.messages != 0)
    return core::failure("--series: only for pair, fanout and fanin that run for a --duration");
  if ((s.duration_ns + s.series_ns - 1) / s.series_ns > LatencySeries::kIntervalsMax) {
    return core::failure("--series: at most 1200 intervals in --duration");
  }
  return {};
}

core::Status settle_windows(Settings& s, bool window_given) {
  const bool storm = s.scenario == Scenario::kConnect || s.scenario == Scenario::kIdle;
  const bool inflight_given = s.inflight != 0;
  if (s.qos > 0 && !storm && s.inflight > 65'535) return core::failure("--inflight: at most 65535 packet ids exist");
  const uint64_t receivers = s.scenario == Scenario::kFanout || s.scenario == Scenario::kFanin ? s.subscribers : 1;
  const uint64_t window_min = s.scenario == Scenario::kFanout ? kFanoutWindowMin : kWindowMin;
  const uint64_t fair_share = std::max(window_min, kUndeliveredDefault / (s.publishers * receivers));
  if (s.qos == 0 && !window_given) s.window = inflight_given ? s.inflight : fair_share;
  if (s.qos > 0 && !window_given) s.window = fair_share;
  // An open-loop schedule must not wait for receipts, and a backlog has no receivers yet.
  if (!s.closed_loop() || s.scenario == Scenario::kReplay) s.window = 0;
  if (!inflight_given) s.inflight = storm ? 64 : s.closed_loop() ? 100 : 65'535;
  s.inflight = std::min(s.inflight, storm ? s.clients : 65'535u);
  return {};
}

core::Status settle_protocol(Settings& s, const std::string& version) {
  using protocol::ProtocolVersion;
  for (const auto known : {ProtocolVersion::kMqtt31, ProtocolVersion::kMqtt311, ProtocolVersion::kMqtt5})
    if (version == to_string(known)) s.version = known;
  if (s.topic_alias && s.version != ProtocolVersion::kMqtt5) return core::failure("--topic-alias: needs --mqtt 5.0");
  const TlsSettings& tls = s.tls;
  const bool any = tls.resume || !(tls.ca + tls.cert + tls.key + tls.version).empty();
  if (any && !s.target.tls) return core::failure("--ca, --cert, --key, --tls, --resume: only for mqtts:// and wss://");
  if (tls.cert.empty() != tls.key.empty()) return core::failure("--cert and --key: one needs the other");
  if (tls.resume && s.scenario != Scenario::kConnect) return core::failure("--resume: only for connect");
  return {};
}

core::Status settle(Settings& s, const RawFlags& raw, bool qos_given) {
  ASSIGN_OR_RETURN(s.scenario, parse_scenario(raw.scenario));
  RETURN_IF_ERROR(understand_units(raw, s));
  RETURN_IF_ERROR(settle_protocol(s, raw.version));
  s.qos = static_cast<uint8_t>(raw.qos);
  if (s.scenario == Scenario::kReplay) {
    if (!qos_given) s.qos = 1;
    if (s.qos == 0) return core::failure("--qos: replay needs 1 or 2, nothing is kept for a session at 0");
    if (!s.closed_loop()) return core::failure("--rate: not for replay, which fills and drains as fast as it goes");
    s.persistent = true;
  }
  s.subscribe_qos = raw.subscribe_qos < 0 ? s.qos : static_cast<uint8_t>(raw.subscribe_qos);
  if (s.scenario == Scenario::kReplay && s.subscribe_qos == 0) {
    return core::failure("--subscribe-qos: replay needs 1 or 2, nothing is kept for a subscription at 0");
  }
  const bool traffic =
      s.scenario == Scenario::kPair || s.scenario == Scenario::kFanout || s.scenario == Scenario::kFanin;
  RETURN_IF_ERROR(settle_population(s));
  RETURN_IF_ERROR(settle_bystanders(s, traffic));
  RETURN_IF_ERROR(settle_length(s, traffic));
  RETURN_IF_ERROR(settle_windows(s, !raw.window.empty()));
  if (s.source_addresses > 250) return core::failure("--source-addresses: at most 250");
  if (s.seed == 0) s.seed = core::system_random().next_u64() >> 40 | 1;
  char name[32];
  std::snprintf(name, sizeof name, "%llx", static_cast<unsigned long long>(s.seed));
  if (s.client_prefix.empty()) s.client_prefix = std::string("bench-") + name + "-";
  if (s.topic_prefix.empty()) s.topic_prefix = std::string("bench/") + name;
  if (s.topic_prefix.size() > 1000 || s.topic_prefix.find_first_of("+#") != std::string::npos) {
    return core::failure("--topic-prefix: at most 1000 bytes, without + and #");
  }
  if (s.client_prefix.size() > 1000) return core::failure("--client-prefix: at most 1000 bytes");
  return {};
}

}  // namespace

uint64_t Settings::publishes_max() const {
  if (scenario == Scenario::kReplay) return messages;
  return messages == 0 ? UINT64_MAX : (messages + publishers - 1) / publishers;
}

const char* to_string(Scenario scenario) {
  constexpr const char* kNames[] = {"pair", "fanout", "fanin", "connect", "idle", "replay"};
  return kNames[static_cast<size_t>(scenario)];
}

const char* to_string(protocol::ProtocolVersion version) {
  switch (version) {
    case protocol::ProtocolVersion::kMqtt31:
      return "3.1";
    case protocol::ProtocolVersion::kMqtt311:
      return "3.1.1";
    case protocol::ProtocolVersion::kMqtt5:
      break;
  }
  return "5.0";
}

core::Result<int64_t> parse_duration_ns(std::string_view text) {
  static constexpr Unit kUnits[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"m", 60e9}, {"h", 3600e9}};
  ASSIGN_OR_RETURN(const double value, parse_with_unit(text, kUnits));
  if (value < 0 || value > 1e18) return core::failure("\"" + std::string(text) + "\" is out of range");
  return static_cast<int64_t>(value);
}

core::Result<double> parse_count(std::string_view text) {
  static constexpr Unit kUnits[] = {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"KiB", 1024}, {"MiB", 1 << 20}};
  return parse_with_unit(text, kUnits);
}

core::Result<TargetUrl> parse_target(std::string_view text) {
  struct Scheme {
    std::string_view name;
    uint16_t port;
    bool tls;
    bool web_socket;
  };
  constexpr Scheme kSchemes[] = {{"mqtt://", 1883, false, false},
                                 {"tcp://", 1883, false, false},
                                 {"mqtts://", 8883, true, false},
                                 {"ws://", 8083, false, true},
                                 {"wss://", 8084, true, true}};
  const std::string whole(text);
  TargetUrl url;
  for (const Scheme& scheme : kSchemes) {
    if (!text.starts_with(scheme.name)) continue;
    text.remove_prefix(scheme.name.size());
    url.port = scheme.port;
    url.tls = scheme.tls;
    url.web_socket = scheme.web_socket;
    break;
  }
  const auto malformed = core::failure("\"" + whole + "\" is not HOST:PORT, or a URL of mqtt, mqtts, ws or wss");
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    if (!url.web_socket) return malformed;
    url.path = text.substr(slash);
    text = text.substr(0, slash);
  }
  std::string_view host = text;
  const size_t bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  const size_t colon = bracket == std::string_view::npos ? text.rfind(':') : text.find(':', bracket);
  if (colon != std::string_view::npos) {
    host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || end != port.data() + port.size() || url.port == 0) return malformed;
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return malformed;
  url.host = host;
  return url;
}

std::string to_string(const TargetUrl& url) {
  const char* scheme = url.web_socket ? (url.tls ? "wss://" : "ws://") : url.tls ? "mqtts://" : "";
  return scheme + url.host + ":" + std::to_string(url.port) + (url.web_socket ? url.path : "");
}

std::expected<Settings, EarlyExit> parse_command_line(int argc, const char* const* argv) {
  Settings settings;
  RawFlags raw;
  CLI::App app("Load generator for any MQTT broker, 3.1 to 5.0: checks what it receives, and measures.",
               "penstock-bench");
  app.footer(kExamples);
  app.set_version_flag("--version", "penstock-bench 0.1.0");
  app.add_option("scenario", raw.scenario, "pair | fanout | fanin | connect | idle | replay")->required();
  add_traffic_flags(app, settings, raw);
  add_run_flags(app, settings, raw);
  add_tls_flags(app, settings);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion&) {
    return std::unexpected(EarlyExit{0, "penstock-bench 0.1.0"});
  } catch (const CLI::CallForHelp&) {
    return std::unexpected(EarlyExit{0, app.help()});
  } catch (const CLI::Error& error) {  // CLI11 speaks in exceptions; they end here
    return std::unexpected(EarlyExit{2, std::string(error.what())});
  }
  if (auto status = settle(settings, raw, app.count("--qos") > 0); !status.has_value()) {
    return std::unexpected(EarlyExit{2, status.error().message});
  }
  return settings;
}

}  // namespace penstock::bench
