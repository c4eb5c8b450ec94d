// Real clients against the real broker. Each program checks what it receives and ends with 0; this file starts the
// broker and them. A client that is not installed is skipped by name.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/support/broker_suite.h"
#include "tests/support/certificate_maker.h"

namespace penstock::test {
namespace {

class RealClients : public testing::Test {
 protected:
  RealClients() : broker_({.data_dir = dir_ / "data", .shards = 2}), port_(std::to_string(broker_.port())) {}

  void TearDown() override {
    EXPECT_EQ(broker_.stop(), 0);
    expect_log_verifies(dir_ / "data");
  }

  static void expect_success(const std::vector<std::string>& command) {
    const Finished finished = run_program(command);
    EXPECT_EQ(finished.exit_code, 0) << testing::PrintToString(command) << '\n' << finished.out << finished.err;
  }

  static std::string beside_this_program(const std::string& name) {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
  }

  TempDir dir_;
  BrokerProcess broker_;
  std::string port_;
};

class MosquittoClients : public RealClients {
 protected:
  void SetUp() override {
    if (access(kPub, X_OK) != 0) GTEST_SKIP() << "mosquitto-clients is not installed";
  }

  void pub(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {kPub, "-h", "127.0.0.1", "-p", port_});
    expect_success(arguments);
  }

  // Ends after the messages that its arguments ask for (-C), or after 10 s with an error.
  Finished sub(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {kSub, "-h", "127.0.0.1", "-p", port_, "-W", "10"});
    return run_program(arguments);
  }

  static constexpr const char* kPub = "/usr/bin/mosquitto_pub";
  static constexpr const char* kSub = "/usr/bin/mosquitto_sub";
};

TEST_F(MosquittoClients, offline_session_receives_each_qos) {
  for (const char* qos : {"1", "2"}) {
    const std::vector<std::string> session = {"-i", "keeper", "-c", "-q", qos, "-t", "m/+"};
    std::vector<std::string> subscribe = session;
    subscribe.push_back("-E");  // ends once subscribed
    EXPECT_EQ(sub(subscribe).exit_code, 0);
    for (const char* text : {"one", "two", "three"}) pub({"-q", qos, "-t", std::string("m/") + qos, "-m", text});
    std::vector<std::string> read = session;
    read.insert(read.end(), {"-C", "3", "-F", "%t %q %p"});
    const Finished finished = sub(read);
    const std::string prefix = std::string("m/") + qos + ' ' + qos + ' ';
    EXPECT_EQ(finished.out, prefix + "one\n" + prefix + "two\n" + prefix + "three\n") << finished.err;
  }
}

TEST_F(MosquittoClients, retained_message_arrives_and_is_cleared) {
  for (const char* qos : {"0", "1", "2"}) {
    pub({"-q", qos, "-t", "m/r", "-m", "kept", "-r"});
    EXPECT_EQ(sub({"-q", "2", "-t", "m/r", "-C", "1", "-F", "%r %q %p"}).out, std::string("1 ") + qos + " kept\n");
  }
  pub({"-q", "1", "-t", "m/r", "-n", "-r"});
  pub({"-q", "1", "-t", "m/other", "-m", "other", "-r"});
  EXPECT_EQ(sub({"-t", "m/+", "-C", "1", "-F", "%t"}).out, "m/other\n");
}

TEST_F(MosquittoClients, live_messages_of_qos_0_arrive) {
  Finished finished;
  std::atomic<bool> ended = false;
  std::thread reader([&] {
    finished = sub({"-t", "m/live", "-C", "2"});
    ended = true;
  });
  TestClient publisher(broker_.port(), ConnectOptions{.client_id = "p"});
  // Nobody tells when the reader has subscribed, so it goes on until the reader has had enough.
  while (!ended) {
    publisher.publish("m/live", "live", 0);
    publisher.expect_quiet();
  }
  reader.join();
  EXPECT_EQ(finished.out, "live\nlive\n") << finished.err;
}

TEST_F(MosquittoClients, the_will_of_a_killed_one_arrives) {
  TestClient watcher(broker_.port(), ConnectOptions{.client_id = "w"});
  watcher.subscribe("m/will", 1);
  watcher.publish("m/ready", "ready", 1, true);
  // Killed once it has received the retained message, so it was connected and subscribed.
  const std::string seen = dir_ / "seen";
  expect_success({"/bin/sh", "-c",
                  std::string(kSub) + " -h 127.0.0.1 -p " + port_ +
                      " -t m/ready -W 10 --will-topic m/will --will-payload gone --will-qos 1 > " + seen +
                      " & reader=$!; until test -s " + seen + " || ! kill -0 $reader; do sleep 0.02; done;" +
                      " kill -9 $reader"});
  watcher.expect_message("m/will", "gone");
}

TEST_F(MosquittoClients, mqtt_31_is_spoken) {
  pub({"-V", "mqttv31", "-q", "2", "-t", "m/31", "-m", "old", "-r"});
  EXPECT_EQ(sub({"-V", "mqttv31", "-q", "2", "-t", "m/31", "-C", "1"}).out, "old\n");
}

TEST_F(MosquittoClients, a_file_and_lines_go_through) {
  const Finished finished =
      run_program({"/bin/sh", "-c",
                   "seq 1 500 | " + std::string(kPub) + " -h 127.0.0.1 -p " + port_ + " -q 1 -t m/lines -l -i writer"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
}

TEST_F(RealClients, paho_c_sync) {
  expect_success({beside_this_program("interop_paho_sync"), port_});
}

TEST_F(RealClients, paho_c_async) {
  expect_success({beside_this_program("interop_paho_async"), port_});
}

TEST_F(RealClients, paho_python) {
  // Debian's own, which python3-paho-mqtt belongs to; another python3 may come first in PATH.
  if (run_program({"/usr/bin/python3", "-c", "import paho.mqtt.client"}).exit_code != 0) {
    GTEST_SKIP() << "python3-paho-mqtt is not installed";
  }
  expect_success({"/usr/bin/python3", PENSTOCK_INTEROP_DIR "/paho_roundtrip.py", port_});
}

TEST_F(RealClients, mqttjs) {
  const std::string path = "NODE_PATH=/usr/share/nodejs";
  if (run_program({"/usr/bin/env", path, "node", "-e", "require('mqtt')"}).exit_code != 0) {
    GTEST_SKIP() << "node-mqtt is not installed";
  }
  expect_success({"/usr/bin/env", path, "node", PENSTOCK_INTEROP_DIR "/mqttjs_roundtrip.js", port_});
}

// The same clients through TLS and WebSocket. The layers are OpenSSL's, Node's and their own.
class RealClientsOverLayers : public testing::Test {
 protected:
  RealClientsOverLayers() {
    const TestAuthority authority("interop");
    const TestCertificate server =
        authority.issue({.common_name = "broker", .alternative_names = {"IP:127.0.0.1", "DNS:localhost"}});
    const TestCertificate client = authority.issue({.common_name = "client", .usage = TestUsage::kClient});
    write_text(dir_ / "ca.pem", authority.pem());
    write_text(dir_ / "server.pem", server.certificate_pem());
    write_text(dir_ / "server.key", server.key_pem());
    write_text(dir_ / "client.pem", client.certificate_pem());
    write_text(dir_ / "client.key", client.key_pem());
    const std::string tls = "?cert=" + dir_ / "server.pem" + "&key=" + dir_ / "server.key";
    broker_.start({.data_dir = dir_ / "data",
                   .shards = 2,
                   .more = {"--listen", "mqtts://127.0.0.1:0" + tls + "&verify=optional&ca=" + dir_ / "ca.pem",
                            "--listen", "ws://127.0.0.1:0", "--listen", "wss://127.0.0.1:0" + tls}});
  }
  void TearDown() override { EXPECT_EQ(broker_.stop(), 0); }

  std::string port_of(const std::string& scheme) const { return std::to_string(broker_.port_of(scheme)); }
  static void expect_success(const std::vector<std::string>& command) {
    const Finished finished = run_program(command);
    EXPECT_EQ(finished.exit_code, 0) << testing::PrintToString(command) << '\n' << finished.out << finished.err;
  }

  TempDir dir_;
  BrokerProcess broker_;
};

TEST_F(RealClientsOverLayers, mosquitto_tls) {
  if (access("/usr/bin/mosquitto_pub", X_OK) != 0) GTEST_SKIP() << "mosquitto-clients is not installed";
  const auto with = [&](const char* program, std::vector<std::string> more) {
    std::vector<std::string> command = {program,          "-h",       "127.0.0.1",    "-p",
                                        port_of("mqtts"), "--cafile", dir_ / "ca.pem"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  };
  for (const char* version : {"tlsv1.2", "tlsv1.3"}) {
    const std::vector<std::string> shown = {"--cert", dir_ / "client.pem", "--key", dir_ / "client.key"};
    std::vector<std::string> pub = {"--tls-version", version, "-q", "2", "-r", "-t", "m/tls", "-m", version};
    expect_success(with("/usr/bin/mosquitto_pub", pub));
    pub.insert(pub.end(), shown.begin(), shown.end());
    expect_success(with("/usr/bin/mosquitto_pub", pub));
    const Finished finished =
        run_program(with("/usr/bin/mosquitto_sub", {"--tls-version", version, "-t", "m/tls", "-C", "1", "-W", "10"}));
    EXPECT_EQ(finished.out, std::string(version) + "\n") << finished.err;
  }
}

TEST_F(RealClientsOverLayers, paho_python) {
  if (run_program({"/usr/bin/python3", "-c", "import paho.mqtt.client"}).exit_code != 0) {
    GTEST_SKIP() << "python3-paho-mqtt is not installed";
  }
  const std::vector<std::string> script = {"/usr/bin/python3", PENSTOCK_INTEROP_DIR "/paho_roundtrip.py"};
  const std::vector<std::vector<std::string>> ways = {{port_of("mqtts"), "tcp", dir_ / "ca.pem"},
                                                      {port_of("ws"), "websockets"},
                                                      {port_of("wss"), "websockets", dir_ / "ca.pem"}};
  for (const auto& way : ways) {
    std::vector<std::string> command = script;
    command.insert(command.end(), way.begin(), way.end());
    expect_success(command);
  }
}

TEST_F(RealClientsOverLayers, mqttjs) {
  const std::string path = "NODE_PATH=/usr/share/nodejs";
  if (run_program({"/usr/bin/env", path, "node", "-e", "require('mqtt')"}).exit_code != 0) {
    GTEST_SKIP() << "node-mqtt is not installed";
  }
  for (const std::string scheme : {"mqtts", "ws", "wss"}) {
    const std::string url = scheme + "://127.0.0.1:" + port_of(scheme) + (scheme == "mqtts" ? "" : "/mqtt");
    expect_success({"/usr/bin/env", path, "NODE_EXTRA_CA_CERTS=" + dir_ / "ca.pem", "node",
                    PENSTOCK_INTEROP_DIR "/mqttjs_roundtrip.js", url});
  }
}

}  // namespace
}  // namespace penstock::test
