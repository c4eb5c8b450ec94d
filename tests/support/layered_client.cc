#include "tests/support/layered_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace penstock::test {

LayeredClient::LayeredClient(uint16_t port, core::ClientLayers layers, std::string_view front)
    : layers_(std::move(layers)) {
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    ADD_FAILURE() << "connecting to port " << port << " failed";
  send_raw(std::string(front) + layers_.begin());
}

LayeredClient::~LayeredClient() {
  if (socket_ >= 0) ::close(socket_);
}

LayeredClient::LayeredClient(LayeredClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      ended_(other.ended_),
      layers_(std::move(other.layers_)),
      raw_(std::move(other.raw_)),
      inbox_(std::move(other.inbox_)) {}

void LayeredClient::send(std::string_view bytes) {
  send_raw(layers_.send(bytes));
}

void LayeredClient::send_raw(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the broker has closed: what comes of it is for the test to see
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

bool LayeredClient::read_more() {
  if (ended_) return false;
  pollfd entry{socket_, POLLIN, 0};
  if (poll(&entry, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) <= 0) return false;
  char buffer[64 << 10];
  const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
  ended_ = got <= 0;
  if (ended_) return false;
  const std::string_view bytes(buffer, static_cast<size_t>(got));
  raw_ += bytes;
  if (layers_.empty()) {
    inbox_ += bytes;
    return true;
  }
  send_raw(layers_.receive(bytes));
  inbox_ += layers_.take_received();
  return true;
}

bool LayeredClient::open() {
  while (!layers_.is_open() && !layers_.has_ended() && read_more()) {
  }
  return layers_.is_open();
}

Packet LayeredClient::next(Where where) {
  for (;;) {
    size_t begin = 0;
    Packet packet;
    const Take taken = take_packet(inbox_, begin, packet);
    inbox_.erase(0, begin);
    if (taken == Take::kPacket) return packet;
    if (taken == Take::kMore && read_more()) continue;
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
        << (ended_ ? "the connection ended" : "no packet");
    return {};
  }
}

Packet LayeredClient::expect(Type type, Where where) {
  const Packet packet = next(where);
  if (packet.type != type && packet.type != Type::kNone)
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
        << "got " << packet << " instead of " << name_of(type);
  return packet;
}

std::string LayeredClient::read_to_end(Where where) {
  while (read_more()) {
  }
  if (!ended_) ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << "the connection is still open";
  return raw_;
}

}  // namespace penstock::test
