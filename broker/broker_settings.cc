#include "broker/broker_settings.h"

#include <algorithm>
#include <bit>
#include <thread>
#include <utility>

#include "broker/listener.h"
#include "broker/state_codec.h"
#include "broker/state_journal.h"
#include "log/record_format.h"
#include "log/shared_log.h"

namespace penstock::broker {
namespace {

using core::failure;
using core::Result;
using core::Setting;
using core::SettingKind;
using core::SettingPlace;
using core::Settings;

constexpr uint64_t kKiB = 1u << 10;
constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kGiB = 1u << 30;
constexpr uint64_t kSecondUs = 1'000'000;
constexpr uint64_t kDayUs = 86'400 * kSecondUs;
constexpr uint64_t kBlockBytes = 4096;
constexpr uint64_t kStringBytesMax = 65'535;
constexpr uint64_t kPacketHeadersBytesMax = kKiB;  // more than type, remaining length and packet id ever need
constexpr uint64_t kPayloadBytesMax = 268'435'455 - kStringBytesMax - kPacketHeadersBytesMax;  // what MQTT can carry
constexpr std::string_view kEnvironmentPrefix = "PENSTOCK_";

constexpr Setting kTable[] = {
    {.name = "listen",
     .value_name = "URL",
     .default_text = "mqtt://127.0.0.1:1883",
     .help = "Address to accept MQTT clients on: mqtt://, mqtts://, ws:// or wss://HOST:PORT; [ADDRESS] for IPv6, port "
             "0 picks a free one. TLS needs ?cert=FILE&key=FILE; docs/operations.md has all parameters. May be given "
             "several times.",
     .repeatable = true},
    {.name = "data-dir",
     .value_name = "DIR",
     .default_text = "data",
     .help = "Where the log and all state lie; made if missing."},
    {.name = "shards",
     .kind = SettingKind::kCount,
     .value_name = "N",
     .min = 1,
     .max = log::kShardsMax,
     .help = "Threads that serve clients. Default: one per core. May change between two starts."},
    {.name = "durability",
     .kind = SettingKind::kChoice,
     .default_text = "sync",
     .choices = "sync|write|memory",
     .help = "What an acknowledgement promises: the message survives a power cut (sync), a crash of the broker "
             "(write), or neither (memory)."},
    {.name = "retention",
     .kind = SettingKind::kDuration,
     .value_name = "TIME",
     .default_text = "3d",
     .min = kSecondUs,
     .max = 36'500 * kDayUs,
     .help = "How long messages stay in the log: 90s, 15m, 12h, 3d."},
    {.name = "retention-bytes",
     .kind = SettingKind::kBytes,
     .value_name = "SIZE",
     .default_text = "0",
     .help = "Most that the log of one shard may hold; the oldest goes first. 0: no limit."},
    {.name = "segment-bytes",
     .kind = SettingKind::kBytes,
     .value_name = "SIZE",
     .default_text = "256MiB",
     .min = 64 * kKiB,
     .max = 16 * kGiB,
     .help = "Size of one file of the log. Whole files are retired."},
    {.name = "tail-bytes",
     .kind = SettingKind::kBytes,
     .value_name = "SIZE",
     .default_text = "64MiB",
     .min = kMiB,
     .max = 16 * kGiB,
     .help = "Memory per shard for the newest part of the log; a power of two."},
    {.name = "max-payload",
     .kind = SettingKind::kBytes,
     .value_name = "SIZE",
     .default_text = "64KiB",
     .min = 1,
     .max = kPayloadBytesMax,
     .help = "Largest payload of a message; a client that sends more is disconnected."},
    {.name = "max-connections",
     .kind = SettingKind::kCount,
     .value_name = "N",
     .default_text = "0",
     .max = 10'000'000,
     .help = "Most clients at once. 0: as many as file descriptors allow."},
    {.name = "inflight",
     .kind = SettingKind::kCount,
     .value_name = "N",
     .default_text = "128",
     .min = 1,
     .max = 65'535,
     .help = "Most unacknowledged QoS 1 and 2 messages on their way to one client."},
    {.name = "receive-max",
     .kind = SettingKind::kCount,
     .value_name = "N",
     .default_text = "1024",
     .min = 1,
     .max = 65'535,
     .help = "Most QoS 1 and 2 messages that an MQTT 5.0 client may have under way to the broker."},
    {.name = "keepalive-max",
     .kind = SettingKind::kDuration,
     .value_name = "TIME",
     .default_text = "0",
     .max = 65'535 * kSecondUs,
     .help = "Longest keepalive, in whole seconds; a client that asks for more or none gets this. 0: no limit."},
    {.name = "session-expiry",
     .kind = SettingKind::kDuration,
     .value_name = "TIME",
     .default_text = "0",
     .max = 36'500 * kDayUs,
     .help = "After this time offline a persistent session ends. 0: never."},
    {.name = "connect-timeout",
     .kind = SettingKind::kDuration,
     .value_name = "TIME",
     .default_text = "10s",
     .min = 10'000,
     .max = 3'600 * kSecondUs,
     .help = "A connection that has not sent its whole CONNECT by then is closed."},
    {.name = "client-id-conflict",
     .kind = SettingKind::kChoice,
     .default_text = "takeover",
     .choices = "takeover|reject",
     .help =
         "When a client id connects a second time: the new connection wins (as the standard demands), or is refused."},
    {.name = "queue-qos0",
     .kind = SettingKind::kSwitch,
     .help = "Keep QoS 0 messages for persistent sessions that are offline."},
    {.name = "parent-topics-max",
     .kind = SettingKind::kCount,
     .value_name = "N",
     .default_text = "100",
     .min = 1,
     .max = 100'000,
     .help = "Most first levels with an index of their own; all others share one."},
    {.name = "allow-anonymous",
     .kind = SettingKind::kSwitch,
     .help = "Let anybody connect from the network. Without it only loopback addresses are accepted in --listen."},
    {.name = "scram-users",
     .value_name = "FILE",
     .help =
         "Users for SCRAM-SHA-256 (MQTT 5.0), one a line: NAME:SCRAM-SHA-256$4096:SALT$STOREDKEY:SERVERKEY. Who does "
         "not authenticate so is refused, unless --allow-anonymous."},
    {.name = "log-level",
     .kind = SettingKind::kChoice,
     .default_text = "info",
     .choices = "debug|info|warning|error",
     .help = "How much is said on standard error."},
    {.name = "config",
     .value_name = "FILE",
     .help = "TOML file with the same names: shards = 2, listen = [\"mqtt://127.0.0.1:1883\"].",
     .place = SettingPlace::kNotInFile},
    {.name = "check-config",
     .kind = SettingKind::kSwitch,
     .help = "Check flags, environment and file, start nothing.",
     .place = SettingPlace::kFlag},
    {.name = "version", .kind = SettingKind::kSwitch, .help = "Print the version.", .place = SettingPlace::kFlag},
    {.name = "help", .kind = SettingKind::kSwitch, .help = "Print this.", .place = SettingPlace::kFlag},
};

std::string usage() {
  return "penstock " + std::string(kVersion) +
         ": an MQTT broker on its own log.\n\nUsage: penstock [--flag value]...\n\n" + core::settings_help(kTable) +
         "\nEvery flag is also a key of the file given by --config and a variable, PENSTOCK_DATA_DIR for --data-dir.\n"
         "A flag wins over the variable, the variable over the file.\n";
}

core::Status fill_listen(const Settings& given, BrokerSettings& settings) {
  const std::string& origin = given.origin("listen");
  for (const std::string& text : given.texts("listen")) {
    auto listener = parse_listener(text);
    if (!listener) return failure(origin + ": " + listener.error().message);
    const bool knows_clients = listener->is_authenticated() || settings.shard.must_authenticate;
    if (!listener->is_loopback() && !knows_clients && !settings.allow_anonymous) {
      return failure(
          origin + ": " + text +
          " is reachable from the network and clients are not authenticated; give --allow-anonymous to let "
          "anybody connect, demand certificates (verify=require) or passwords (--scram-users), or listen on a "
          "loopback address");
    }
    settings.listen.push_back(std::move(*listener));
  }
  if (settings.listen.empty()) return failure(origin + ": needs at least one address");
  return {};
}

// Of a message, of the state that one packet changes, and of the progress of a session with a full window.
uint64_t largest_record_bytes(const Settings& given) {
  const uint64_t message = sizeof(log::RecordHeader) + 2 * kStringBytesMax + 2 + given.number("max-payload");
  const uint64_t state = std::max(kStateRecordBytes, message + kPacketHeadersBytesMax);
  const uint64_t deliveries = given.number("inflight") + 2 * kStartsUnrecordedMax;
  return log::padded_record_bytes(std::max(state, 2 * kStringBytesMax + deliveries * kDeliveryBytes));
}

// Segment and tail must hold the largest record. What nobody has chosen grows to fit; what somebody has is an error.
core::Status fill_log(const Settings& given, BrokerSettings& settings) {
  log::LogOptions& log = settings.log;
  const uint64_t record_bytes_max = largest_record_bytes(given);
  const uint64_t segment_bytes_min = core::align_up(2 * kBlockBytes + record_bytes_max, kBlockBytes);
  const uint64_t tail_bytes_min = std::bit_ceil(4 * record_bytes_max);
  const auto too_small = [&](const char* name, uint64_t bytes_min) {
    return failure(given.origin(name) + ": " + given.text(name) + " is too small for --max-payload " +
                   given.text("max-payload") + " and --inflight " + given.text("inflight") + "; at least " +
                   std::to_string(bytes_min) + " are needed");
  };
  log.segment_bytes = core::align_up(given.number("segment-bytes"), kBlockBytes);
  if (log.segment_bytes < segment_bytes_min) {
    if (given.is_given("segment-bytes")) return too_small("segment-bytes", segment_bytes_min);
    log.segment_bytes = segment_bytes_min;
  }
  log.tail_bytes = given.number("tail-bytes");
  if (!std::has_single_bit(log.tail_bytes)) {
    return failure(given.origin("tail-bytes") + ": " + given.text("tail-bytes") + " is not a power of two");
  }
  if (log.tail_bytes < tail_bytes_min) {
    if (given.is_given("tail-bytes")) return too_small("tail-bytes", tail_bytes_min);
    log.tail_bytes = tail_bytes_min;
  }
  log.durability = static_cast<log::Durability>(given.choice("durability"));
  log.retention_us = given.duration_us("retention");
  log.retention_bytes = given.number("retention-bytes");
  return {};
}

core::Status fill_shard(const Settings& given, BrokerSettings& settings) {
  ShardOptions& shard = settings.shard;
  shard.payload_bytes_max = static_cast<uint32_t>(given.number("max-payload"));
  shard.packet_bytes_max =
      static_cast<uint32_t>(shard.payload_bytes_max + kStringBytesMax + 1 + kPacketHeadersBytesMax);
  shard.inflight_max = static_cast<uint16_t>(given.number("inflight"));
  shard.receive_maximum = static_cast<uint16_t>(given.number("receive-max"));
  const int64_t keepalive_us = given.duration_us("keepalive-max");
  if (keepalive_us % static_cast<int64_t>(kSecondUs) != 0) {
    return failure(given.origin("keepalive-max") + ": " + given.text("keepalive-max") + " is not in whole seconds");
  }
  shard.keepalive_s_max = static_cast<uint16_t>(keepalive_us / static_cast<int64_t>(kSecondUs));
  shard.session_expiry_us = given.duration_us("session-expiry");
  shard.client_id_conflict = static_cast<ClientIdConflict>(given.choice("client-id-conflict"));
  shard.queue_qos0 = given.is_on("queue-qos0");
  shard.connect_timeout_ns = given.duration_us("connect-timeout") * 1000;
  shard.connections_max = static_cast<uint32_t>(given.number("max-connections"));
  shard.parent_topics_max = static_cast<uint32_t>(given.number("parent-topics-max"));
  return {};
}

core::Status fill(const Settings& given, BrokerSettings& settings) {
  settings.data_directory = given.text("data-dir");
  const uint64_t cores = std::clamp<uint64_t>(std::thread::hardware_concurrency(), 1, log::kShardsMax);
  settings.shards_count = static_cast<uint16_t>(given.is_given("shards") ? given.number("shards") : cores);
  settings.log_level = static_cast<core::LogLevel>(given.choice("log-level"));
  settings.allow_anonymous = given.is_on("allow-anonymous");
  if (given.is_given("scram-users")) settings.scram_users = given.text("scram-users");
  settings.shard.must_authenticate = !settings.scram_users.empty() && !settings.allow_anonymous;
  RETURN_IF_ERROR(fill_listen(given, settings));
  RETURN_IF_ERROR(fill_log(given, settings));
  return fill_shard(given, settings);
}

bool is_given(std::span<const char* const> arguments, std::string_view flag) {
  return std::ranges::any_of(arguments, [&](const char* argument) { return flag == argument; });
}

}  // namespace

std::span<const Setting> broker_setting_table() {
  return kTable;
}

Result<ParsedSettings> parse_broker_settings(std::span<const char* const> arguments,
                                             const std::function<const char*(const char*)>& environment) {
  // Asked for help, a broken file or variable must not be in the way.
  if (is_given(arguments, "--help")) return ParsedSettings{usage(), {}};
  if (is_given(arguments, "--version")) return ParsedSettings{"penstock " + std::string(kVersion) + "\n", {}};
  ASSIGN_OR_RETURN(const Settings given, Settings::read(kTable, {kEnvironmentPrefix, arguments, environment}));
  ParsedSettings parsed;
  RETURN_IF_ERROR(fill(given, parsed.settings));
  if (!given.is_on("check-config")) return parsed;
  auto listeners = Listeners::open(parsed.settings.listen);
  if (!listeners) return failure(given.origin("listen") + ": " + listeners.error().message);
  parsed.answer = "penstock: the settings are fine\n";
  return parsed;
}

}  // namespace penstock::broker
