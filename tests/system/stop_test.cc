// A clean stop comes to its end whatever the clients do.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE(Stop);

// Sends the bytes over and over and drops what comes back, until the broker closes.
void pump(const TestClient& client, const std::string& bytes) {
  std::string dropped(1 << 16, '\0');
  for (size_t at = 0;;) {
    pollfd ready{.fd = client.socket(), .events = POLLIN | POLLOUT, .revents = 0};
    if (poll(&ready, 1, -1) < 0) return;
    if ((ready.revents & POLLIN) != 0 && recv(client.socket(), dropped.data(), dropped.size(), MSG_DONTWAIT) == 0)
      return;
    if ((ready.revents & (POLLHUP | POLLERR)) != 0) return;
    if ((ready.revents & POLLOUT) == 0) continue;
    const ssize_t sent = ::send(client.socket(), bytes.data() + at, bytes.size() - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) at = (at + static_cast<size_t>(sent)) % bytes.size();
  }
}

// The broker waited for the last acknowledgement, and as long as somebody published there was one more.
TEST_P(Stop, publishers_that_go_on_do_not_hold_it_up) {
  BrokerProcess& broker = own_broker();
  std::string bytes;
  for (uint16_t i = 1; i <= 2000; ++i)
    bytes += publish_packet(topic("x"), std::string(200, 'x'), {.qos = 1, .packet_id = i});
  std::vector<TestClient> publishers;
  for (const char* name : {"a", "b", "c", "d"}) publishers.push_back(client(name));
  for (TestClient& publisher : publishers) publisher.publish(topic("x"), "first", 1);
  std::vector<std::thread> pumps;
  for (TestClient& publisher : publishers) pumps.emplace_back([&publisher, &bytes] { pump(publisher, bytes); });
  client("e").publish(topic("x"), "behind many of theirs", 1);
  EXPECT_EQ(broker.stop(), 0);
  for (std::thread& pump : pumps) pump.join();
}

// A connection that nobody reads from keeps its place until its last output has gone; not for as long as it may take to
// send CONNECT.
TEST_P(Stop, a_client_that_takes_nothing_does_not_hold_it_up) {
  if (runs_mosquitto() || shards() != 1) GTEST_SKIP() << "a flag of Penstock; one wait of ten seconds is enough";
  BrokerProcess& broker = own_broker({"--connect-timeout", "1h"});
  TestClient deaf(broker.port(), 4096);
  deaf.connect({.client_id = id("d")});
  deaf.subscribe(topic("x"), 0);
  TestClient publisher = client("p");
  for (int i = 0; i < 1000; ++i) publisher.publish(topic("x"), std::string(16'384, 'x'), 1);
  EXPECT_EQ(broker.stop(), 0);
}

}  // namespace
}  // namespace penstock::test
