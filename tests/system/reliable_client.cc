#include "tests/system/reliable_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sstream>

#include "tests/support/layered_transport.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

constexpr int kLeavePatienceMs = 10'000;

// A broker that stops may say so at any time: in 5.0 with this reason, and while layers are opened in their words, with
// 503 of HTTP and an alert of TLS. One that goes on, and serves nobody, is found by what is missing.
bool says_goodbye(const Packet& packet) {
  return (packet.type == Type::kConnack || packet.type == Type::kDisconnect) &&
         packet.reason_code == reason::kServerShuttingDown;
}
bool is_goodbye(const std::string& failure) {
  return failure.find(" 503 ") != std::string::npos || failure.ends_with(": user canceled");
}

}  // namespace

std::string text_of(const Packet& packet) {
  std::ostringstream out;
  out << packet;
  return out.str();
}

ReliableClient::~ReliableClient() {
  lose_connection();
}

bool ReliableClient::open(const BrokerProcess& broker) {
  lose_connection();
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(broker.port_of(kind_.over));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    lose_connection();
    return false;
  }
  const ConnectOptions options{.client_id = client_id_,
                               .clean_session = false,
                               .keepalive_s = 60,
                               .protocol_level = kind_.level,
                               .properties = connect_properties()};
  layers_ = layers_of(kind_.over);
  rules_ = ConnectionRules(options);
  out_ = layers_.begin();
  queue(connect_packet(options));
  on_writable();
  return true;
}

void ReliableClient::lose_connection() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
  established_ = false;
  in_.clear();
  out_.clear();
  out_begin_ = 0;
}

void ReliableClient::leave() {
  if (established_) {
    queue(disconnect_packet());
    out_ += layers_.finish();
    on_writable();
    // Reads to the end: closing with unread bytes would reset, and take our last acknowledgements along.
    if (socket_ >= 0) shutdown(socket_, SHUT_WR);
    char buffer[4096];
    pollfd entry{socket_, POLLIN, 0};
    while (socket_ >= 0 && poll(&entry, 1, kLeavePatienceMs) > 0 && recv(socket_, buffer, sizeof buffer, 0) > 0) {
    }
  }
  lose_connection();
}

void ReliableClient::report(const std::string& what) {
  if (++reports_ <= kReportsMax) ADD_FAILURE() << client_id_ << ": " << what;
}

void ReliableClient::on_writable() {
  while (socket_ >= 0 && wants_to_write()) {
    const ssize_t sent = send(socket_, out_.data() + out_begin_, out_.size() - out_begin_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (sent <= 0) return lose_connection();
    out_begin_ += static_cast<size_t>(sent);
  }
  if (out_begin_ == out_.size()) {
    out_.clear();
    out_begin_ = 0;
  }
}

void ReliableClient::on_readable() {
  char buffer[64 << 10];
  const ssize_t got = recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return lose_connection();
  out_ += layers_.receive(std::string_view(buffer, static_cast<size_t>(got)));
  in_ += layers_.take_received();
  take_packets();
  if (!connected() || !layers_.has_ended()) return;
  if (const std::string why = layers_.failure(); !why.empty() && !is_goodbye(why)) report(why);
  lose_connection();
}

void ReliableClient::take_packets() {
  size_t begin = 0;
  Packet packet;
  Take taken = Take::kMore;
  while (connected() && (taken = take_packet(in_, begin, packet, kind_.level)) == Take::kPacket) take(packet);
  if (taken == Take::kBroken) {
    report("the broker sent bytes that are no packet: " + to_hex(std::string_view(in_).substr(begin, 32)));
    return lose_connection();
  }
  in_.erase(0, std::min(begin, in_.size()));
}

void ReliableClient::take(Packet& packet) {
  if (speaks_5()) {
    if (const std::string breach = rules_.judge(packet); !breach.empty()) report(text_of(packet) + ": " + breach);
    if (says_goodbye(packet)) return lose_connection();
  }
  if (established_) {
    on_packet(packet);
  } else {
    on_connack(packet);
  }
}

void ReliableClient::on_connack(const Packet& connack) {
  if (connack.type != Type::kConnack || connack.return_code != 0) {
    report("expected CONNACK, got " + text_of(connack));
    return lose_connection();
  }
  // 3.1 does not tell; there the lack of a subscription shows it.
  const bool told = kind_.level != kLevel31;
  if (told && session_exists_ && !connack.session_present) report("the broker has lost the session");
  session_exists_ = true;
  established_ = true;
  on_established(connack);
}

int64_t Rig::now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Rig::open_all(const BrokerProcess& broker) {
  for (ReliableClient* client : clients_) client->open(broker);
}

void Rig::lose_all() {
  for (ReliableClient* client : clients_) client->lose_connection();
}

void Rig::turn(int wait_ms) {
  std::vector<pollfd> entries;
  std::vector<ReliableClient*> polled;
  for (ReliableClient* client : clients_) {
    if (!client->connected()) continue;
    client->on_turn();
    client->on_writable();
    if (!client->connected()) continue;
    entries.push_back({client->socket(), static_cast<short>(POLLIN | (client->wants_to_write() ? POLLOUT : 0)), 0});
    polled.push_back(client);
  }
  if (poll(entries.data(), entries.size(), wait_ms) <= 0) return;
  for (size_t i = 0; i < entries.size(); ++i) {
    if ((entries[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) polled[i]->on_readable();
  }
}

void Rig::run_for_ms(int64_t duration_ms) {
  const int64_t end = now_ms() + duration_ms;
  while (now_ms() < end) turn(5);
}

}  // namespace penstock::test
