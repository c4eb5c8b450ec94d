// Programs on top of other people's client libraries, each over every transport and in every version of MQTT that its
// library can. A program is called with URL VERSION CA_FILE, checks itself what it receives, and ends with 0 when all
// went well. One that is not installed is skipped by name.
#include "tests/interop/client_suite.h"

namespace penstock::test {
namespace {

struct Client {
  std::vector<std::string> command;
  std::vector<std::string> probe;  // fails where it is not installed
  std::string package;             // or what else brings it
};

struct Case {
  Client (*client)();
  Way way;
};
std::ostream& operator<<(std::ostream& out, const Case& test) {
  return out << test.way;
}

class ClientProgram : public ClientSuite, public testing::WithParamInterface<Case> {};

TEST_P(ClientProgram, makes_its_round) {
  const auto [client, way] = GetParam();
  const auto [command, probe, package] = client();
  if (run(probe).exit_code != 0) GTEST_SKIP() << package << " is not there";
  std::vector<std::string> called = command;
  called.insert(called.end(), {url(way.scheme), way.version, authority()});
  expect_success(called);
}

// The oldest version over one transport: what it has of its own lies above all transports.
std::vector<Case> cases(Client (*client)(), const std::vector<std::string>& schemes,
                        const std::vector<std::string>& versions) {
  std::vector<Case> result;
  for (const std::string& version : versions) {
    for (const std::string& scheme : schemes) {
      if (version != "3.1" || scheme == schemes.front()) result.push_back({client, {scheme, version}});
    }
  }
  return result;
}

const std::vector<std::string> kEverywhere = {"mqtt", "mqtts", "ws", "wss"};

Client compiled(const std::string& name, const std::string& package) {
  const std::string program = beside_this_program(name);
  return {{program}, {"/usr/bin/test", "-x", program}, package};
}

Client paho_c_sync() {
  return compiled("interop_paho_sync", "libpaho-mqtt-dev");
}
INSTANTIATE_TEST_SUITE_P(paho_c_sync, ClientProgram,
                         testing::ValuesIn(cases(paho_c_sync, kEverywhere, {"3.1", "3.1.1", "5"})),
                         testing::PrintToStringParamName());

Client paho_c_async() {
  return compiled("interop_paho_async", "libpaho-mqtt-dev");
}
INSTANTIATE_TEST_SUITE_P(paho_c_async, ClientProgram,
                         testing::ValuesIn(cases(paho_c_async, kEverywhere, {"3.1.1", "5"})),
                         testing::PrintToStringParamName());

Client paho_python() {
  // Debian's own, which python3-paho-mqtt belongs to; another python3 may come first in PATH.
  return {{"/usr/bin/python3", PENSTOCK_INTEROP_DIR "/paho_roundtrip.py"},
          {"/usr/bin/python3", "-c", "import paho.mqtt.client"},
          "python3-paho-mqtt"};
}
INSTANTIATE_TEST_SUITE_P(paho_python, ClientProgram,
                         testing::ValuesIn(cases(paho_python, kEverywhere, {"3.1", "3.1.1", "5"})),
                         testing::PrintToStringParamName());

Client mqttjs() {
  return {{"/usr/bin/env", "NODE_PATH=/usr/share/nodejs", "node", PENSTOCK_INTEROP_DIR "/mqttjs_node.js"},
          {"/usr/bin/env", "NODE_PATH=/usr/share/nodejs", "node", "-e", "require('mqtt')"},
          "node-mqtt"};
}
INSTANTIATE_TEST_SUITE_P(mqttjs, ClientProgram, testing::ValuesIn(cases(mqttjs, kEverywhere, {"3.1", "3.1.1", "5"})),
                         testing::PrintToStringParamName());

Client paho_go() {
  return compiled("interop_paho_go", "golang-github-eclipse-paho.mqtt.golang-dev");
}
INSTANTIATE_TEST_SUITE_P(paho_go, ClientProgram, testing::ValuesIn(cases(paho_go, kEverywhere, {"3.1", "3.1.1"})),
                         testing::PrintToStringParamName());

Client paho_go_v5() {
  return compiled("interop_paho_go_v5", "paho.golang, which the build fetches,");
}
INSTANTIATE_TEST_SUITE_P(paho_go_v5, ClientProgram, testing::ValuesIn(cases(paho_go_v5, kEverywhere, {"5"})),
                         testing::PrintToStringParamName());

Client paho_java() {
  const std::string built = beside_this_program("interop_paho_java");
  return {{"/usr/bin/java", "-cp", built + "/classes:" + built + "/jars/*", "Round"},
          {"/usr/bin/test", "-e", built + "/classes/Round.class"},
          "Paho Java, which the build fetches,"};
}
INSTANTIATE_TEST_SUITE_P(paho_java, ClientProgram,
                         testing::ValuesIn(cases(paho_java, kEverywhere, {"3.1", "3.1.1", "5"})),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace penstock::test
