// The whole program: every scenario against a real broker (Debian's mosquitto, which shares no code with it;
// PENSTOCK_TEST_BROKER=penstock takes ours), and its checks against a broker that lies.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/bench/bench_program.h"
#include "tests/bench/lying_broker.h"
#include "tests/support/broker_process.h"
#include "tests/support/temp_dir.h"

namespace penstock::bench {
namespace {

using Json = nlohmann::json;

class Scenarios : public testing::Test {
 protected:
  void SetUp() override {
    setenv("PENSTOCK_TEST_BROKER", "mosquitto", 0);
    ASSERT_TRUE(broker_.start({.data_dir = directory_ / "broker"}));
  }

  // Runs with --pid, and expects that all was well.
  Json run(std::vector<std::string> flags) {
    flags.push_back("--pid=" + std::to_string(broker_.pid()));
    flags.push_back("--duration=400ms");
    const Outcome outcome = run_bench(directory_, broker_.port(), std::move(flags));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    EXPECT_TRUE(outcome.json.is_object()) << outcome.err;
    return outcome.json.is_object() ? outcome.json : Json::object();
  }

  test::TempDir directory_;
  test::BrokerProcess broker_;
};

TEST_F(Scenarios, pair_delivers_everything_at_each_qos) {
  for (const int qos : {0, 1, 2}) {
    SCOPED_TRACE(qos);
    const Json json = run({"pair", "--clients=3", "--qos=" + std::to_string(qos)});
    expect_everything_delivered(json);
    EXPECT_EQ(json["settings"]["qos"], qos);
    EXPECT_GT(json["delivered"]["measured"], 0);
    EXPECT_GT(json["delivery_latency_ns"]["p50"], 0);
    EXPECT_LE(json["delivery_latency_ns"]["p50"], json["delivery_latency_ns"]["max"]);
    EXPECT_GT(json["broker"]["cpu_us_per_unit"], 0);
    EXPECT_GT(json["broker"]["rss_bytes"], 0);
    EXPECT_GT(json["generator"]["cpu_seconds"], 0);
    if (qos > 0) {
      EXPECT_EQ(json["acknowledged"]["total"], json["sent"]["total"]);
    }
  }
}

TEST_F(Scenarios, pair_speaks_every_version) {
  for (const std::string version : {"3.1", "5.0"}) {
    for (const std::string qos : {"0", "1", "2"}) {
      SCOPED_TRACE(version + " QoS " + qos);
      expect_everything_delivered(run({"pair", "--clients=3", "--mqtt", version, "--qos", qos}));
    }
  }
}

TEST_F(Scenarios, topic_aliases_are_said_and_understood) {
  expect_everything_delivered(run({"pair", "--clients=3", "--mqtt=5.0", "--qos=1", "--topic-alias"}));
}

TEST_F(Scenarios, pair_keeps_a_fixed_rate_and_reaches_it) {
  const Json json = run({"pair", "--clients=2", "--rate=500", "--qos=1"});
  expect_everything_delivered(json);
  // 100 ms and 400 ms at 500/s, whatever the machine does: the timetable does not wait.
  EXPECT_EQ(json["sent"]["total"].get<int>() + json["check"]["unsent"].get<int>(), 250);
}

TEST_F(Scenarios, pair_works_over_threads_with_small_large_and_unchecked_payloads) {
  for (const char* payload : {"0", "8", "16", "100", "200000"}) {
    SCOPED_TRACE(payload);
    expect_everything_delivered(run({"pair", "--clients=4", "--threads=2", "--qos=1", "--payload", payload}));
  }
}

TEST_F(Scenarios, subscribers_may_ask_for_less_than_the_publishers_give) {
  expect_everything_delivered(run({"pair", "--qos=2", "--subscribe-qos=1"}));
}

TEST_F(Scenarios, fanout_delivers_every_message_to_every_subscriber) {
  const Json json = run({"fanout", "--clients=20", "--publishers=2", "--threads=2", "--qos=1"});
  expect_everything_delivered(json);
  EXPECT_EQ(json["check"]["expected"], json["sent"]["total"].get<uint64_t>() * 20);
}

TEST_F(Scenarios, fanout_goes_on_beside_subscribers_that_never_read) {
  expect_everything_delivered(run({"fanout", "--clients=5", "--slow-subscribers=3", "--rate=2k"}));
}

TEST_F(Scenarios, fanin_delivers_every_publisher_to_every_subscriber) {
  for (const char* topics : {"--shared-topic", "--qos=1"}) {
    SCOPED_TRACE(topics);
    const Json json = run({"fanin", "--publishers=20", "--subscribers=2", topics});
    expect_everything_delivered(json);
    EXPECT_EQ(json["check"]["expected"], json["sent"]["total"].get<uint64_t>() * 2);
  }
}

TEST_F(Scenarios, publishes_as_many_messages_as_it_is_told_and_ends) {
  for (const char* scenario : {"pair", "fanin"}) {
    SCOPED_TRACE(scenario);
    const Json json = run({scenario, "--clients=3", "--messages=3000", "--qos=1"});
    expect_everything_delivered(json);
    EXPECT_EQ(json["delivered"]["measured"], 3000);
  }
}

TEST_F(Scenarios, bystanders_subscribe_to_their_filters_and_get_nothing) {
  const Json json = run({"pair", "--clients=2", "--threads=2", "--bystanders=7", "--bystander-filters=1500"});
  expect_everything_delivered(json);
  EXPECT_EQ(json["settings"]["bystander_filters"], 1500);
}

TEST_F(Scenarios, latencies_over_time_count_every_message_in_its_interval) {
  const Json json = run({"pair", "--clients=2", "--threads=2", "--rate=1k", "--qos=1", "--series=100ms"});
  for (const char* name : {"delivery_series", "ack_series"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(json[name]["count"], Json({100, 100, 100, 100}));
    EXPECT_EQ(json[name]["p999"].size(), 4);
    EXPECT_GT(json[name]["max"][3], 0);
  }
}

TEST_F(Scenarios, connect_counts_and_times_connects) {
  for (const char* pace : {"--rate=200", "--inflight=4"}) {
    SCOPED_TRACE(pace);
    const Json json = run({"connect", "--clients=20", pace});
    EXPECT_GT(json["connects"]["measured"], 0);
    EXPECT_GT(json["connect_latency_ns"]["p99"], 0);
    EXPECT_EQ(json["connections"]["failed"], 0);
  }
}

TEST_F(Scenarios, idle_holds_its_connections_and_weighs_them) {
  const Json json = run({"idle", "--clients=200", "--source-addresses=3", "--keepalive=1"});
  EXPECT_EQ(json["connections"]["held_to_the_end"], 200);
  EXPECT_EQ(json["connections"]["source_addresses"], 3);
  EXPECT_TRUE(json["memory"].contains("anonymous_bytes_per_connection"));
}

TEST_F(Scenarios, replay_drains_what_waited_for_sessions_that_were_offline) {
  for (const char* kind : {"--qos=1", "--qos=2", "--shared-topic"}) {
    SCOPED_TRACE(kind);
    const Json json = run({"replay", "--clients=4", "--messages=300", kind});
    expect_everything_delivered(json);
    EXPECT_EQ(json["delivered"]["total"], 1200);
    EXPECT_EQ(json["replay"]["sessions_lost"], 0);
    EXPECT_EQ(json["catch_up_ns"]["count"], 4);
  }
}

struct SeenLie {
  Lie lie;
  const char* field;    // of "check", that counts the lies; empty: all is well
  const char* problem;  // in what is said
};

void PrintTo(const SeenLie& lie, std::ostream* out) {
  *out << (*lie.field != '\0' ? lie.field : *lie.problem != '\0' ? lie.problem : "none");
}

class LiesTold : public testing::TestWithParam<SeenLie> {};

TEST_P(LiesTold, are_seen_counted_and_fail_the_run) {
  const SeenLie& lie = GetParam();
  const test::TempDir directory;
  const LyingBroker broker(lie.lie);
  const Outcome outcome =
      run_bench(directory, broker.port(), {"pair", "--qos=1", "--rate=2k", "--duration=200ms", "--drain=200ms"});
  ASSERT_TRUE(outcome.json.is_object()) << outcome.err;
  const bool allowed = *lie.problem == '\0';
  EXPECT_EQ(outcome.exit_code, allowed ? 0 : 1) << outcome.out;
  if (*lie.field != '\0') {
    EXPECT_GT(broker.lies_told(), 0u);
    EXPECT_EQ(outcome.json["check"][lie.field], broker.lies_told()) << outcome.out;
  }
  EXPECT_NE(outcome.out.find(lie.problem), std::string::npos) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(All, LiesTold,
                         testing::Values(SeenLie{Lie::kNone, "", ""}, SeenLie{Lie::kDropOne, "lost", "messages lost"},
                                         SeenLie{Lie::kRepeatOne, "duplicates", "duplicates"},
                                         SeenLie{Lie::kRepeatWithDup, "redelivered", ""},
                                         SeenLie{Lie::kSwapTwo, "reordered", "out of order"},
                                         SeenLie{Lie::kSpoilPayload, "corrupt", "wrong payload"},
                                         SeenLie{Lie::kKeepAck, "unacknowledged", "never acknowledged"},
                                         SeenLie{Lie::kCloseOnIt, "", "connections lost"}));

TEST(Refusals, are_named_and_fail_the_run) {
  const test::TempDir directory;
  const LyingBroker broker(Lie::kRefuseConnect);
  const Outcome refused = run_bench(directory, broker.port(), {"pair"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("not authorized"), std::string::npos) << refused.err;
  const Outcome storm = run_bench(directory, broker.port(), {"connect"});
  EXPECT_EQ(storm.exit_code, 1);
  EXPECT_NE(storm.err.find("not authorized"), std::string::npos) << storm.err;
}

TEST(Refusals, of_a_port_where_nobody_listens_are_named) {
  const test::TempDir directory;
  for (const char* scenario : {"pair", "connect", "idle", "replay"}) {
    const Outcome outcome = run_bench(directory, 1, {scenario});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_NE(outcome.err.find("Connection refused"), std::string::npos) << outcome.err;
  }
}

}  // namespace
}  // namespace penstock::bench
