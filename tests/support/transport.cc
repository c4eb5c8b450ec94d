#include "tests/support/transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tests/support/layered_transport.h"

namespace penstock::test {
namespace {

bool wait_for(int socket, short events, std::chrono::milliseconds patience) {
  pollfd entry{socket, events, 0};
  int ready;
  do {
    ready = poll(&entry, 1, static_cast<int>(patience.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

int connected_socket(uint16_t port, int receive_buffer_bytes, std::string& error) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer_bytes > 0) {
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) error = strerror(errno);
  return socket;
}

class TcpTransport : public Transport {
 public:
  explicit TcpTransport(int socket) : socket_(socket) {}
  ~TcpTransport() override { close(); }

  bool send(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (!wait_for(socket_, POLLOUT, kPatience)) return false;
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
      if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  Read receive(std::string& inbox, std::chrono::milliseconds patience) override {
    if (!wait_for(socket_, POLLIN, patience)) return Read::kNothing;
    char buffer[64 << 10];
    const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
    if (got <= 0) return Read::kEnd;
    inbox.append(buffer, static_cast<size_t>(got));
    return Read::kBytes;
  }

  void close() override {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  void reset() override {
    const linger abort_now{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &abort_now, sizeof abort_now);
    close();
  }

  int socket() const override { return socket_; }

 private:
  int socket_;
};

}  // namespace

const char* name_of(TransportKind kind) {
  static constexpr const char* kNames[] = {"tcp", "mqtts", "ws", "wss"};
  return kNames[static_cast<size_t>(kind)];
}

TransportKind transport_under_test() {
  const char* wanted = getenv("PENSTOCK_TEST_TRANSPORT");
  if (wanted == nullptr) return TransportKind::kTcp;
  for (const TransportKind kind : {TransportKind::kTls, TransportKind::kWebSocket, TransportKind::kWebSocketTls}) {
    if (std::string_view(wanted) == name_of(kind)) return kind;
  }
  if (std::string_view(wanted) != name_of(TransportKind::kTcp)) ADD_FAILURE() << "there is no transport " << wanted;
  return TransportKind::kTcp;
}

std::unique_ptr<Transport> open_transport(Endpoint endpoint, int receive_buffer_bytes, std::string& error) {
  auto tcp = std::make_unique<TcpTransport>(connected_socket(endpoint.port, receive_buffer_bytes, error));
  if (endpoint.kind == TransportKind::kTcp) return tcp;
  return over_layers(std::move(tcp), endpoint.kind, error);
}

}  // namespace penstock::test
