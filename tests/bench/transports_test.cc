// The generator over TLS and WebSocket, against our own broker: in every version of MQTT, with and without certificates
// of its own, and what it says where a handshake fails.
#include <cstdlib>

#include "tests/bench/bench_program.h"
#include "tests/support/broker_process.h"
#include "tests/support/certificate_maker.h"

namespace penstock::bench {
namespace {

class Transports : public testing::Test {
 protected:
  void SetUp() override {
    unsetenv("PENSTOCK_TEST_BROKER");
    const test::TestAuthority authority("bench");
    const auto server = authority.issue({.common_name = "broker", .alternative_names = {"IP:127.0.0.1"}});
    const auto client = authority.issue({.common_name = "client", .usage = test::TestUsage::kClient});
    test::write_text(file("ca.pem"), authority.pem());
    test::write_text(file("other.pem"), test::TestAuthority("other").pem());
    test::write_text(file("server.pem"), server.certificate_pem());
    test::write_text(file("server.key"), server.key_pem());
    test::write_text(file("client.pem"), client.certificate_pem());
    test::write_text(file("client.key"), client.key_pem());
    const std::string tls = "?cert=" + file("server.pem") + "&key=" + file("server.key");
    ASSERT_TRUE(
        broker_.start({.data_dir = file("broker"),
                       .more = {"--listen", "mqtts://127.0.0.1:0" + tls + "&verify=require&ca=" + file("ca.pem"),
                                "--listen", "ws://127.0.0.1:0", "--listen", "wss://127.0.0.1:0" + tls}}));
  }

  std::string file(const char* name) const { return directory_ / name; }
  std::string url(const std::string& scheme) const {
    return scheme + "://127.0.0.1:" + std::to_string(broker_.port_of(scheme));
  }
  Outcome run(const std::string& scheme, std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--pid=" + std::to_string(broker_.pid()), "--duration=300ms"});
    return run_bench(directory_, url(scheme), std::move(flags));
  }
  std::vector<std::string> with_certificate(std::vector<std::string> flags) const {
    flags.insert(flags.end(), {"--cert", file("client.pem"), "--key", file("client.key")});
    return flags;
  }

  test::TempDir directory_;
  test::BrokerProcess broker_;
};

TEST_F(Transports, carry_every_version_at_each_qos) {
  for (const std::string scheme : {"mqtts", "ws", "wss"}) {
    for (const std::string version : {"3.1", "3.1.1", "5.0"}) {
      for (const std::string qos : {"0", "1", "2"}) {
        SCOPED_TRACE(scheme + " " + version + " QoS " + qos);
        std::vector<std::string> flags = {"pair", "--clients=3", "--qos", qos, "--mqtt", version};
        if (scheme == "mqtts") flags = with_certificate(std::move(flags));
        if (scheme != "ws") flags.insert(flags.end(), {"--ca", file("ca.pem")});
        const Outcome outcome = run(scheme, flags);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
        expect_everything_delivered(outcome.json);
        EXPECT_EQ(outcome.json["mqtt"], version);
      }
    }
  }
}

TEST_F(Transports, carry_messages_larger_than_their_units) {
  for (const char* scheme : {"ws", "wss"}) {
    SCOPED_TRACE(scheme);
    const Outcome outcome = run(scheme, {"pair", "--payload=60k", "--qos=1", "--rate=50"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    expect_everything_delivered(outcome.json);
  }
}

TEST_F(Transports, carry_persistent_sessions_of_5) {
  const Outcome outcome = run("wss", {"replay", "--clients=5", "--messages=200", "--mqtt=5.0"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  expect_everything_delivered(outcome.json);
}

TEST_F(Transports, sessions_of_tls_are_resumed_where_that_is_asked_for) {
  for (const char* version : {"1.2", "1.3"}) {
    SCOPED_TRACE(version);
    const Outcome full = run("wss", {"connect", "--inflight=4", "--tls", version});
    EXPECT_EQ(full.exit_code, 0) << full.out << full.err;
    EXPECT_EQ(full.json["connections"]["tls_resumed"], 0);
    const Outcome resumed = run("wss", {"connect", "--inflight=4", "--tls", version, "--resume"});
    EXPECT_EQ(resumed.exit_code, 0) << resumed.out << resumed.err;
    // All but the first of each slot.
    EXPECT_EQ(resumed.json["connections"]["tls_resumed"], resumed.json["connects"]["total"].get<uint64_t>() - 4);
  }
  const Outcome mutual = run("mqtts", with_certificate({"connect", "--inflight=4"}));
  EXPECT_EQ(mutual.exit_code, 0) << mutual.out << mutual.err;
  EXPECT_GT(mutual.json["connects"]["measured"], 0);
}

TEST_F(Transports, idle_connections_are_weighed) {
  const Outcome outcome = run("wss", {"idle", "--clients=200", "--mqtt=5.0"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.json["connections"]["held_to_the_end"], 200);
}

TEST_F(Transports, a_refused_handshake_is_named) {
  const Outcome stranger = run("wss", {"pair", "--ca", file("other.pem")});
  EXPECT_EQ(stranger.exit_code, 1);
  EXPECT_NE(stranger.err.find("tls_"), std::string::npos) << stranger.err;
  const Outcome nobody = run("mqtts", {"pair"});  // shows no certificate
  EXPECT_EQ(nobody.exit_code, 1);
  EXPECT_NE(nobody.err.find("certificate"), std::string::npos) << nobody.err;
  const Outcome nowhere = run_bench(directory_, url("ws") + "/nowhere", {"pair"});
  EXPECT_EQ(nowhere.exit_code, 1);
  EXPECT_NE(nowhere.err.find("404"), std::string::npos) << nowhere.err;
  const Outcome plain = run_bench(directory_, "mqtts://127.0.0.1:" + std::to_string(broker_.port()), {"pair"});
  EXPECT_EQ(plain.exit_code, 1);
  EXPECT_FALSE(plain.err.empty());
}

TEST_F(Transports, topic_aliases_are_said_and_understood) {
  const Outcome outcome = run("ws", {"fanin", "--clients=5", "--qos=1", "--mqtt=5.0", "--topic-alias"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  expect_everything_delivered(outcome.json);
}

}  // namespace
}  // namespace penstock::bench
