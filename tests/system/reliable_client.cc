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
#include <charconv>
#include <chrono>
#include <sstream>
#include <utility>

namespace penstock::test {
namespace {

constexpr size_t kWindow = 16;
constexpr int kLeavePatienceMs = 10'000;

std::string text_of(const Packet& packet) {
  std::ostringstream out;
  out << packet;
  return out.str();
}

}  // namespace

ReliableClient::~ReliableClient() {
  lose_connection();
}

bool ReliableClient::open(uint16_t port) {
  lose_connection();
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    lose_connection();
    return false;
  }
  queue(connect_packet({.client_id = client_id_, .clean_session = false, .keepalive_s = 60}));
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
  in_.append(buffer, static_cast<size_t>(got));
  size_t begin = 0;
  Packet packet;
  Take taken = Take::kMore;
  while (socket_ >= 0 && (taken = take_packet(in_, begin, packet)) == Take::kPacket) {
    if (established_) {
      on_packet(packet);
    } else {
      on_connack(packet);
    }
  }
  if (taken == Take::kBroken) {
    report("the broker sent bytes that are no packet: " + to_hex(std::string_view(in_).substr(begin, 32)));
    return lose_connection();
  }
  in_.erase(0, std::min(begin, in_.size()));
}

void ReliableClient::on_connack(const Packet& connack) {
  if (connack.type != Type::kConnack || connack.return_code != 0) {
    report("expected CONNACK, got " + text_of(connack));
    return lose_connection();
  }
  if (session_exists_ && !connack.session_present) report("the broker has lost the session");
  session_exists_ = true;
  established_ = true;
  on_established();
}

ReliablePublisher::ReliablePublisher(std::string name, std::string topic, uint8_t qos, uint64_t seed)
    : ReliableClient(std::move(name)), topic_(std::move(topic)), qos_(qos), random_(seed) {}

std::string ReliablePublisher::payload(std::string_view name, uint64_t number) {
  std::string text(name);
  text += ' ';
  text += std::to_string(number);
  text += ' ';
  // Mostly small, now and then large enough to cross pages and chunks.
  const size_t filler = number % 97 == 0 ? 20'000 : number * 31 % 200;
  return text.append(filler, static_cast<char>('a' + number % 26));
}

uint32_t ReliablePublisher::resends(uint64_t number) const {
  const auto found = resends_.find(number);
  return found == resends_.end() ? 0 : found->second;
}

uint16_t ReliablePublisher::free_packet_id() {
  do {
    if (++last_packet_id_ == 0) last_packet_id_ = 1;
  } while (std::ranges::find(window_, last_packet_id_, &Outstanding::packet_id) != window_.end());
  return last_packet_id_;
}

void ReliablePublisher::on_established() {
  // [MQTT-4.4.0-1] [MQTT-4.6.0-1]: in the original order, with the original ids.
  for (const Outstanding& message : window_) {
    if (message.released) {
      queue(acknowledge_packet(Type::kPubrel, message.packet_id));
      continue;
    }
    ++resends_[message.number];
    queue(publish_packet(topic_, payload(client_id(), message.number),
                         {.qos = qos_, .dup = true, .packet_id = message.packet_id}));
  }
}

void ReliablePublisher::on_turn() {
  if (!established()) return;
  while (published_ < allowed_ && window_.size() < kWindow && !output_is_full()) {
    const Outstanding message{free_packet_id(), ++published_, false};
    window_.push_back(message);
    queue(publish_packet(topic_, payload(client_id(), message.number), {.qos = qos_, .packet_id = message.packet_id}));
    if (random_.chance(1, 4)) break;  // varies what goes out in one segment
  }
}

void ReliablePublisher::on_packet(const Packet& packet) {
  const auto message = std::ranges::find(window_, packet.packet_id, &Outstanding::packet_id);
  if (packet.type == Type::kPubrec && qos_ == 2 && message == window_.end()) {
    queue(acknowledge_packet(Type::kPubrel, packet.packet_id));
    return;
  }
  const bool wanted = message != window_.end() &&
                      ((packet.type == Type::kPuback && qos_ == 1) || (packet.type == Type::kPubrec && qos_ == 2) ||
                       (packet.type == Type::kPubcomp && message->released));
  if (!wanted) return report("nobody waits for " + text_of(packet));
  if (packet.type == Type::kPubrec) {
    if (!message->released) ++acknowledged_;
    message->released = true;
    queue(acknowledge_packet(Type::kPubrel, packet.packet_id));
    return;
  }
  if (packet.type == Type::kPuback) ++acknowledged_;
  window_.erase(message);
}

bool ReliableSubscriber::complete() const {
  return std::ranges::all_of(
      streams_, [](const auto& stream) { return stream.second.seen_max == stream.second.publisher->published(); });
}

std::string ReliableSubscriber::missing() const {
  std::string text = client_id();
  for (const auto& [name, stream] : streams_) {
    text += "; " + name + " seen up to " + std::to_string(stream.seen_max) + " of " +
            std::to_string(stream.publisher->published());
  }
  return text;
}

void ReliableSubscriber::on_established() {
  for (auto& [name, stream] : streams_) stream.previous = 0;
  if (!subscribed_) queue(subscribe_packet(1, filters_));
}

void ReliableSubscriber::on_packet(const Packet& packet) {
  switch (packet.type) {
    case Type::kSuback:
      subscribed_ = true;
      return;
    case Type::kPublish:
      return on_publish(packet);
    case Type::kPubrel:
      unreleased_.erase(packet.packet_id);
      return queue(acknowledge_packet(Type::kPubcomp, packet.packet_id));
    default:
      return report("did not expect " + text_of(packet));
  }
}

void ReliableSubscriber::on_publish(const Packet& packet) {
  if (packet.qos() == 2 && !unreleased_.insert(packet.packet_id).second) {
    // [MQTT-4.3.3-2]: known already; the answer was lost.
    if (!packet.dup()) report("a QoS 2 id in use was given to another message: " + text_of(packet));
  } else {
    check(packet);
  }
  if (packet.qos() == 1) queue(acknowledge_packet(Type::kPuback, packet.packet_id));
  if (packet.qos() == 2) queue(acknowledge_packet(Type::kPubrec, packet.packet_id));
}

void ReliableSubscriber::check(const Packet& packet) {
  const size_t blank = packet.payload.find(' ');
  const auto stream = streams_.find(std::string_view(packet.payload).substr(0, blank));
  if (blank == std::string::npos || stream == streams_.end()) return report("nobody sent " + text_of(packet));
  uint64_t number = 0;
  std::from_chars(packet.payload.data() + blank + 1, packet.payload.data() + packet.payload.size(), number);
  if (packet.payload != ReliablePublisher::payload(stream->first, number)) {
    return report("changed on the way: " + text_of(packet));
  }
  ++received_;
  check_order(stream->second, number, packet);
}

void ReliableSubscriber::check_order(Stream& stream, uint64_t number, const Packet& packet) {
  const uint64_t seen_max = stream.seen_max;
  stream.seen_max = std::max(seen_max, number);
  const uint64_t previous = std::exchange(stream.previous, number);
  if (number > seen_max + 1) {
    return report("lost or out of order: after " + std::to_string(seen_max) + " came " + text_of(packet));
  }
  if (number == seen_max + 1) return;
  if (packet.qos() == 2) return report("a QoS 2 message came twice: " + text_of(packet));
  if (previous != 0 && number > previous + 1) {
    report("repeated out of order: after " + std::to_string(previous) + " came " + text_of(packet));
  }
  if (packet.dup()) return;
  if (++stream.repeats[number] > (stream.publisher->qos() == 1 ? stream.publisher->resends(number) : 0)) {
    report("repeated without DUP: " + text_of(packet));
  }
}

int64_t Rig::now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Rig::open_all(uint16_t port) {
  for (ReliableClient* client : clients_) client->open(port);
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
