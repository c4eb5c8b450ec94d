#include "bench/settings.h"

#include <gtest/gtest.h>

#include <vector>

namespace penstock::bench {
namespace {

std::expected<Settings, EarlyExit> parse(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "penstock-bench");
  return parse_command_line(static_cast<int>(flags.size()), flags.data());
}

TEST(Settings, understand_durations_with_units) {
  EXPECT_EQ(*parse_duration_ns("250ms"), 250'000'000);
  EXPECT_EQ(*parse_duration_ns("10s"), 10'000'000'000);
  EXPECT_EQ(*parse_duration_ns("1.5"), 1'500'000'000);
  EXPECT_EQ(*parse_duration_ns("2m"), 120'000'000'000);
  for (const char* bad : {"", "s", "10x", "10 s", "nan", "-1s", "1e30h"}) EXPECT_FALSE(parse_duration_ns(bad)) << bad;
}

TEST(Settings, understand_counts_with_units) {
  EXPECT_EQ(*parse_count("500"), 500);
  EXPECT_EQ(*parse_count("2.5k"), 2500);
  EXPECT_EQ(*parse_count("1M"), 1e6);
  EXPECT_EQ(*parse_count("4KiB"), 4096);
  for (const char* bad : {"", "k", "1G", "1,000", "inf"}) EXPECT_FALSE(parse_count(bad)) << bad;
}

TEST(Settings, understand_targets) {
  const auto understood = [](std::string_view text) { return to_string(*parse_target(text)); };
  EXPECT_EQ(understood("127.0.0.1:1884"), "127.0.0.1:1884");
  EXPECT_EQ(understood("mqtt://host:1"), "host:1");
  EXPECT_EQ(understood("host"), "host:1883");
  EXPECT_EQ(parse_target("[::1]:7000")->host, "::1");
  EXPECT_EQ(parse_target("[::1]:7000")->port, 7000);
  EXPECT_EQ(parse_target("[::1]")->port, 1883);
  EXPECT_EQ(understood("mqtts://host"), "mqtts://host:8883");
  EXPECT_EQ(understood("ws://host"), "ws://host:8083/mqtt");
  EXPECT_EQ(understood("wss://host:9/a/b"), "wss://host:9/a/b");
  EXPECT_TRUE(parse_target("wss://host")->tls);
  for (const char* bad : {"", ":1883", "host:", "host:0", "host:65536", "host:x", "http://host", "mqtt://host/mqtt",
                          "wss://", "wss:///mqtt"})
    EXPECT_FALSE(parse_target(bad)) << bad;
}

TEST(Settings, say_which_version_is_spoken) {
  EXPECT_EQ(parse({"pair"})->version, protocol::ProtocolVersion::kMqtt311);
  EXPECT_EQ(parse({"pair", "--mqtt", "5.0"})->version, protocol::ProtocolVersion::kMqtt5);
}

TEST(Settings, share_the_default_window_among_the_flows) {
  EXPECT_EQ(parse({"pair"})->window, 20'000u);
  EXPECT_EQ(parse({"pair", "--clients", "50"})->window, 400u);
  EXPECT_EQ(parse({"fanout", "--clients", "1000"})->window, 200u);
  EXPECT_EQ(parse({"pair", "--inflight", "7"})->window, 7u);
  EXPECT_EQ(parse({"pair", "--qos", "1"})->inflight, 100u);
  EXPECT_EQ(parse({"pair", "--rate", "10k"})->window, 0u);
}

TEST(Settings, give_each_scenario_its_population) {
  const auto fanout = parse({"fanout", "--clients", "30"});
  EXPECT_EQ(fanout->publishers, 1u);
  EXPECT_EQ(fanout->subscribers, 30u);
  const auto fanin = parse({"fanin", "--clients", "30", "--subscribers", "2"});
  EXPECT_EQ(fanin->publishers, 30u);
  EXPECT_EQ(fanin->subscribers, 2u);
  const auto replay = parse({"replay"});
  EXPECT_EQ(replay->qos, 1);
  EXPECT_TRUE(replay->persistent);
}

TEST(Settings, make_names_repeatable_by_seed) {
  EXPECT_EQ(parse({"pair", "--seed", "255"})->topic_prefix, "bench/ff");
  EXPECT_EQ(parse({"pair", "--seed", "255"})->client_prefix, "bench-ff-");
  EXPECT_NE(parse({"pair"})->topic_prefix, parse({"pair"})->topic_prefix);
}

struct BadFlags {
  std::vector<const char*> flags;
  const char* named;  // in the message
};

void PrintTo(const BadFlags& bad, std::ostream* out) {
  for (const char* flag : bad.flags) *out << flag << ' ';
}

class SettingsRefuse : public testing::TestWithParam<BadFlags> {};

TEST_P(SettingsRefuse, bad_flags_with_exit_code_2_and_one_line_that_names_them) {
  const auto settings = parse(GetParam().flags);
  ASSERT_FALSE(settings.has_value());
  EXPECT_EQ(settings.error().exit_code, 2);
  EXPECT_NE(settings.error().text.find(GetParam().named), std::string::npos) << settings.error().text;
  EXPECT_EQ(settings.error().text.find('\n'), std::string::npos) << settings.error().text;
}

INSTANTIATE_TEST_SUITE_P(
    All, SettingsRefuse,
    testing::Values(
        BadFlags{{}, "scenario"}, BadFlags{{"nonsense"}, "nonsense"}, BadFlags{{"pair", "--qos", "3"}, "--qos"},
        BadFlags{{"pair", "--rate", "fast"}, "--rate"}, BadFlags{{"pair", "--rate", "0"}, "--rate"},
        BadFlags{{"pair", "--target", "nowhere:"}, "--target"}, BadFlags{{"pair", "--duration", "10x"}, "--duration"},
        BadFlags{{"pair", "--frobnicate"}, "--frobnicate"}, BadFlags{{"pair", "--publishers", "3"}, "--publishers"},
        BadFlags{{"pair", "--clients", "0"}, "--clients"},
        BadFlags{{"fanin", "--slow-subscribers", "3"}, "--slow-subscribers"},
        BadFlags{{"replay", "--qos", "0"}, "--qos"}, BadFlags{{"replay", "--rate", "5"}, "--rate"},
        BadFlags{{"pair", "--qos", "1", "--inflight", "70000"}, "--inflight"},
        BadFlags{{"pair", "--topic-prefix", "a/#"}, "--topic-prefix"},
        BadFlags{{"pair", "--password", "x"}, "--password"}, BadFlags{{"pair", "--pid", "-1"}, "--pid"},
        BadFlags{{"pair", "--payload", "1000M"}, "--payload"}, BadFlags{{"idle", "--bystanders", "3"}, "--bystanders"},
        BadFlags{{"pair", "--messages", "9", "--rate", "5"}, "--messages"},
        BadFlags{{"idle", "--series", "1s"}, "--series"}, BadFlags{{"pair", "--mqtt", "4"}, "--mqtt"},
        BadFlags{{"pair", "--topic-alias"}, "--topic-alias"}, BadFlags{{"pair", "--ca", "x"}, "--ca"},
        BadFlags{{"pair", "--target", "ws://h", "--tls", "1.2"}, "--tls"},
        BadFlags{{"pair", "--target", "mqtts://h", "--tls", "1.1"}, "--tls"},
        BadFlags{{"pair", "--target", "mqtts://h", "--cert", "x"}, "--cert"},
        BadFlags{{"pair", "--target", "mqtts://h", "--resume"}, "--resume"},
        BadFlags{{"pair", "--duration", "1h", "--series", "1s"}, "--series"}));

TEST(Settings, print_help_with_examples) {
  const auto settings = parse({"--help"});
  ASSERT_FALSE(settings.has_value());
  EXPECT_EQ(settings.error().exit_code, 0);
  for (const char* word : {"Examples:", "--target", "fanout", "--slow-subscribers", "METHOD.md"}) {
    EXPECT_NE(settings.error().text.find(word), std::string::npos) << word;
  }
}

}  // namespace
}  // namespace penstock::bench
