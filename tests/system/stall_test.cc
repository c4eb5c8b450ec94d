// The whole process is stopped for longer than its clients may be silent, as by a suspended machine, and goes on.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE(Stall);

// More clients than the broker has receive buffers, so that it takes several turns to hear them all.
TEST_P(Stall, clients_that_were_not_silent_live_and_their_wills_are_not_published) {
  if (runs_mosquitto() || shards() == 2) GTEST_SKIP() << "about Penstock's own turns; ten seconds each";
  BrokerProcess& broker = own_broker({"--connect-timeout", "5s"});
  TestClient watcher = client("w");
  watcher.subscribe(topic("will"), 1);
  std::vector<TestClient> clients;
  for (int i = 0; i < 300; ++i) {
    const std::string name = id(std::to_string(i));
    clients.push_back(client({.client_id = name, .keepalive_s = 4, .will = Will{topic("will"), name}}));
  }
  TestClient late = silent();
  ASSERT_EQ(kill(broker.pid(), SIGSTOP), 0);
  std::this_thread::sleep_for(std::chrono::seconds(3));
  for (TestClient& client : clients) client.send(pingreq_packet());
  late.send(connect_packet({.client_id = id("l")}));
  std::this_thread::sleep_for(std::chrono::seconds(4));
  ASSERT_EQ(kill(broker.pid(), SIGCONT), 0);
  for (TestClient& client : clients) client.expect(Type::kPingresp);
  late.expect(Type::kConnack);
  watcher.expect_quiet();
}

}  // namespace
}  // namespace penstock::test
