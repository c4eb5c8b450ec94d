// BrokerSettings: every flag in every source, the checks that look at more than one value, and the documented table.
#include "broker/broker_settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace penstock::broker {
namespace {

using Arguments = std::vector<const char*>;
using Environment = std::function<const char*(const char*)>;

core::Result<ParsedSettings> parse(const Arguments& arguments, const Environment& environment = {}) {
  return parse_broker_settings(arguments, environment);
}

std::string error_of(const Arguments& arguments) {
  const auto parsed = parse(arguments);
  return parsed.has_value() ? "(no error)" : parsed.error().message;
}

struct Example {
  const char* name;
  const char* text;
  const char* in_file;
  std::function<bool(const BrokerSettings&)> is_set;
};

const std::vector<Example>& examples() {
  static const std::vector<Example> kExamples = {
      {"listen", "mqtt://[::1]:0", "\"mqtt://[::1]:0\"",
       [](const auto& s) { return s.listen.size() == 1 && to_string(s.listen[0]) == "mqtt://[::1]:0"; }},
      {"data-dir", "/x/y", "\"/x/y\"", [](const auto& s) { return s.data_directory == "/x/y"; }},
      {"shards", "7", "7", [](const auto& s) { return s.shards_count == 7; }},
      {"durability", "memory", "\"memory\"",
       [](const auto& s) { return s.log.durability == log::Durability::kMemory; }},
      {"retention", "2h", "\"2h\"", [](const auto& s) { return s.log.retention_us == int64_t{7200} * 1'000'000; }},
      {"retention-bytes", "10GiB", "\"10GiB\"", [](const auto& s) { return s.log.retention_bytes == 10ull << 30; }},
      {"segment-bytes", "1MiB", "1048576", [](const auto& s) { return s.log.segment_bytes == 1u << 20; }},
      {"tail-bytes", "2MiB", "\"2MiB\"", [](const auto& s) { return s.log.tail_bytes == 2u << 20; }},
      {"max-payload", "1000", "1000", [](const auto& s) { return s.shard.payload_bytes_max == 1000; }},
      {"max-connections", "12", "12", [](const auto& s) { return s.shard.connections_max == 12; }},
      {"inflight", "65535", "65535", [](const auto& s) { return s.shard.inflight_max == 65'535; }},
      {"keepalive-max", "15m", "\"15m\"", [](const auto& s) { return s.shard.keepalive_s_max == 900; }},
      {"session-expiry", "1d", "\"1d\"", [](const auto& s) { return s.shard.session_expiry_us == 86'400'000'000; }},
      {"connect-timeout", "3s", "\"3s\"", [](const auto& s) { return s.shard.connect_timeout_ns == 3'000'000'000; }},
      {"client-id-conflict", "reject", "\"reject\"",
       [](const auto& s) { return s.shard.client_id_conflict == ClientIdConflict::kReject; }},
      {"queue-qos0", "true", "true", [](const auto& s) { return s.shard.queue_qos0; }},
      {"parent-topics-max", "5", "5", [](const auto& s) { return s.shard.parent_topics_max == 5; }},
      {"receive-max", "20", "20", [](const auto& s) { return s.shard.receive_maximum == 20; }},
      {"scram-users", "users", "\"users\"", [](const auto& s) { return s.scram_users == "users"; }},
      {"allow-anonymous", "true", "true", [](const auto& s) { return s.allow_anonymous; }},
      {"log-level", "warning", "\"warning\"", [](const auto& s) { return s.log_level == core::LogLevel::kWarning; }},
  };
  return kExamples;
}

std::string variable_of(std::string name) {
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(toupper(c));
  return "PENSTOCK_" + name;
}

TEST(BrokerSettings, every_setting_has_an_example_here) {
  for (const core::Setting& setting : broker_setting_table()) {
    if (setting.place != core::SettingPlace::kEverywhere) continue;
    const bool found = std::ranges::any_of(examples(), [&](const Example& each) { return each.name == setting.name; });
    EXPECT_TRUE(found) << setting.name;
  }
}

TEST(BrokerSettings, defaults_are_not_the_examples) {
  const auto parsed = parse({});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  for (const Example& example : examples()) EXPECT_FALSE(example.is_set(parsed->settings)) << example.name;
  EXPECT_TRUE(parsed->answer.empty());
  EXPECT_EQ(to_string(parsed->settings.listen.at(0)), "mqtt://127.0.0.1:1883");
  EXPECT_EQ(parsed->settings.log.durability, log::Durability::kSync);
  EXPECT_EQ(parsed->settings.log.retention_us, int64_t{3} * 86'400 * 1'000'000);
  EXPECT_EQ(parsed->settings.log.segment_bytes, 256u << 20);
  EXPECT_EQ(parsed->settings.shard.payload_bytes_max, 64u << 10);
  EXPECT_EQ(parsed->settings.shard.connect_timeout_ns, 10'000'000'000);
  EXPECT_GE(parsed->settings.shards_count, 1);
}

TEST(BrokerSettings, every_setting_can_be_a_flag) {
  for (const Example& example : examples()) {
    const std::string flag = std::string("--") + example.name + "=" + example.text;
    const auto parsed = parse({flag.c_str()});
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_TRUE(example.is_set(parsed->settings)) << flag;
  }
}

TEST(BrokerSettings, every_setting_can_be_a_variable) {
  for (const Example& example : examples()) {
    const auto parsed = parse({}, [&](const char* name) -> const char* {
      return variable_of(example.name) == name ? example.text : nullptr;
    });
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_TRUE(example.is_set(parsed->settings)) << example.name;
  }
}

TEST(BrokerSettings, every_setting_can_be_in_the_file) {
  const test::TempDir directory;
  const std::string path = directory / "penstock.toml";
  for (const Example& example : examples()) {
    std::ofstream(path) << example.name << " = " << example.in_file << "\n";
    const auto parsed = parse({"--config", path.c_str()});
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_TRUE(example.is_set(parsed->settings)) << example.name;
  }
}

TEST(BrokerSettings, listens_beyond_loopback_only_when_told_to) {
  for (const char* address :
       {"mqtt://0.0.0.0:1883", "mqtt://[::]:1883", "mqtt://192.168.1.5:0", "mqtt://example.com:1"}) {
    const std::string error = error_of({"--listen", address});
    EXPECT_EQ(error.find("--listen: " + std::string(address)), 0u) << error;
    EXPECT_NE(error.find("--allow-anonymous"), std::string::npos) << error;
    EXPECT_EQ(error_of({"--listen", address, "--allow-anonymous"}), "(no error)");
  }
  for (const char* address : {"mqtt://127.0.0.1:1", "mqtt://127.9.9.9:1", "mqtt://[::1]:1", "mqtt://localhost:1"}) {
    EXPECT_EQ(error_of({"--listen", address}), "(no error)") << address;
  }
  EXPECT_NE(error_of({"--listen", "mqtt://127.0.0.1:1", "--listen", "mqtt://0.0.0.0:2"}), "(no error)");
  // TLS alone keeps nobody out; a certificate that is demanded does.
  EXPECT_NE(error_of({"--listen", "mqtts://0.0.0.0?cert=a&key=b"}), "(no error)");
  EXPECT_NE(error_of({"--listen", "mqtts://0.0.0.0?cert=a&key=b&ca=c&verify=optional"}), "(no error)");
  EXPECT_EQ(error_of({"--listen", "mqtts://0.0.0.0?cert=a&key=b&ca=c&verify=require"}), "(no error)");
}

TEST(BrokerSettings, the_files_of_listeners_are_a_matter_of_check_config) {
  const char* listener = "mqtts://127.0.0.1?cert=/no/such/cert.pem&key=/no/such/key.pem";
  EXPECT_EQ(error_of({"--listen", listener}), "(no error)");
  const std::string error = error_of({"--listen", listener, "--check-config"});
  EXPECT_EQ(error.find("--listen: mqtts://127.0.0.1:8883: "), 0u) << error;
  EXPECT_NE(error.find("/no/such/cert.pem"), std::string::npos) << error;
}

TEST(BrokerSettings, segment_and_tail_hold_the_largest_message) {
  const auto grown = parse({"--max-payload", "200MiB"});
  ASSERT_TRUE(grown.has_value()) << grown.error().message;
  EXPECT_EQ(grown->settings.log.tail_bytes, 1u << 30);
  const auto larger = parse({"--max-payload", "268368000"});
  ASSERT_TRUE(larger.has_value()) << larger.error().message;
  EXPECT_EQ(larger->settings.log.tail_bytes, 2ull << 30);
  EXPECT_EQ(error_of({"--max-payload", "1MiB", "--segment-bytes", "1MiB"}).find("--segment-bytes: 1MiB is too small"),
            0u);
  EXPECT_EQ(error_of({"--max-payload", "1MiB", "--tail-bytes", "4MiB"}).find("--tail-bytes: 4MiB is too small"), 0u);
  EXPECT_EQ(error_of({"--tail-bytes", "3MiB"}), "--tail-bytes: 3MiB is not a power of two");
  EXPECT_EQ(parse({"--segment-bytes", "1000001"})->settings.log.segment_bytes % 4096, 0u);
}

TEST(BrokerSettings, keepalive_is_in_whole_seconds) {
  EXPECT_EQ(error_of({"--keepalive-max", "1500ms"}), "--keepalive-max: 1500ms is not in whole seconds");
}

TEST(BrokerSettings, questions_get_an_answer) {
  EXPECT_EQ(parse({"--version"})->answer, std::string("penstock ") + kVersion + "\n");
  EXPECT_FALSE(parse({"--check-config"})->answer.empty());
  EXPECT_EQ(error_of({"--check-config", "--shards", "0"}).find("--shards"), 0u);
  const std::string help = parse({"--help", "--shards", "0"})->answer;
  for (const core::Setting& setting : broker_setting_table()) {
    EXPECT_NE(help.find("--" + std::string(setting.name)), std::string::npos) << setting.name;
  }
}

TEST(BrokerSettings, the_table_of_the_operations_page_is_the_one_in_the_code) {
  const auto path = std::filesystem::path(PENSTOCK_SOURCE_DIR) / "docs/operations.md";
  std::ifstream file(path);
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::string table = core::settings_markdown(broker_setting_table(), "PENSTOCK_");
  EXPECT_NE(page.find("-->\n" + table + "<!-- end of settings -->"), std::string::npos)
      << "put this table into docs/operations.md:\n"
      << table;
}

}  // namespace
}  // namespace penstock::broker
