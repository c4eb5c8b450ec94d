#include "core/ring_network.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "core/clock.h"
#include "core/ring.h"

namespace penstock::core {
namespace {

class CountingHandler final : public AcceptHandler {
 public:
  ~CountingHandler() {
    for (const SocketId socket : sockets) ::close(socket.value());
  }
  void on_accepted(SocketId socket) override { sockets.push_back(socket); }

  std::vector<SocketId> sockets;
};

class Clients {
 public:
  ~Clients() {
    for (const int fd : fds_) ::close(fd);
  }
  void connect_to(uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_GE(fd, 0);
    fds_.push_back(fd);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

 private:
  std::vector<int> fds_;
};

// A turn that had to take them all would keep every message of everybody else waiting.
TEST(RingNetworkTest, a_storm_of_connections_is_spread_over_turns) {
  auto ring = Ring::create({});
  ASSERT_TRUE(ring.has_value()) << ring.error().message;
  auto network = RingNetwork::create(**ring, {});
  ASSERT_TRUE(network.has_value()) << network.error().message;
  CountingHandler handler;
  const auto endpoint = (*network)->listen({"127.0.0.1", 0}, handler);
  ASSERT_TRUE(endpoint.has_value()) << endpoint.error().message;
  (*ring)->poll(0);  // the accept is with the kernel

  constexpr size_t kClients = 200;
  Clients clients;
  for (size_t i = 0; i < kClients; ++i) clients.connect_to(endpoint->port);

  size_t most = 0, turns = 0;
  for (; handler.sockets.size() < kClients && turns < 10 * kClients; ++turns) {
    (*ring)->poll(kNsPerMs);
    const size_t before = handler.sockets.size();
    const bool more = (*network)->maintain(system_clock().monotonic_ns());
    const size_t taken = handler.sockets.size() - before;
    most = std::max(most, taken);
    EXPECT_TRUE(!more || taken > 0u);
  }
  EXPECT_EQ(handler.sockets.size(), kClients);
  EXPECT_LE(most, 16u);
  EXPECT_GE(turns, kClients / 16);
}

}  // namespace
}  // namespace penstock::core
