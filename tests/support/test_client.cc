#include "tests/support/test_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

namespace penstock::test {
namespace {

constexpr int kPatienceMs = static_cast<int>(std::chrono::milliseconds(kPatience).count());

bool wait_for(int socket, short events) {
  pollfd entry{socket, events, 0};
  int ready;
  do {
    ready = poll(&entry, 1, kPatienceMs);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

std::string text_of(const Packet& packet) {
  std::ostringstream out;
  out << packet;
  return out.str();
}

}  // namespace

TestClient::TestClient(uint16_t port, int receive_buffer_bytes, Where where) {
  open(port, receive_buffer_bytes, where);
}

TestClient::TestClient(uint16_t port, const ConnectOptions& options, Where where) {
  open(port, 0, where);
  const Packet connack = connect(options, where);
  if (!broken_ && connack.return_code != 0) fail("connection refused: " + text_of(connack), where);
}

TestClient::~TestClient() {
  drop();
}

TestClient::TestClient(TestClient&& other) noexcept {
  *this = std::move(other);
}

TestClient& TestClient::operator=(TestClient&& other) noexcept {
  if (this == &other) return *this;
  drop();
  socket_ = std::exchange(other.socket_, -1);
  broken_ = other.broken_;
  last_packet_id_ = other.last_packet_id_;
  bytes_received_ = other.bytes_received_;
  inbox_ = std::move(other.inbox_);
  inbox_begin_ = other.inbox_begin_;
  waiting_ = std::move(other.waiting_);
  return *this;
}

void TestClient::open(uint16_t port, int receive_buffer_bytes, Where where) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer_bytes > 0) {
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    fail(std::string("connecting: ") + strerror(errno), where);
  }
}

void TestClient::fail(const std::string& what, Where where) {
  if (!broken_) ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << what;
  broken_ = true;
}

bool TestClient::try_send(std::string_view bytes) {
  while (!bytes.empty() && !broken_) {
    if (!wait_for(socket_, POLLOUT)) return false;
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return !broken_;
}

void TestClient::send(std::string_view bytes, Where where) {
  if (!broken_ && !try_send(bytes)) fail(std::string("sending: ") + strerror(errno), where);
}

TestClient::Read TestClient::read_more() {
  if (inbox_begin_ == inbox_.size()) {
    inbox_.clear();
    inbox_begin_ = 0;
  }
  char buffer[64 << 10];
  if (!wait_for(socket_, POLLIN)) return Read::kTimeout;
  const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
  if (got <= 0) return Read::kEnd;  // a reset is an end too
  bytes_received_ += static_cast<uint64_t>(got);
  inbox_.append(buffer, static_cast<size_t>(got));
  return Read::kBytes;
}

Packet TestClient::next_from_wire(Where where, bool end_is_fine) {
  Packet packet;
  while (!broken_) {
    const Take taken = take_packet(inbox_, inbox_begin_, packet);
    if (taken == Take::kPacket) return packet;
    if (taken == Take::kBroken) {
      fail("the server sent bytes that are no packet: " + to_hex(inbox_.substr(inbox_begin_, 64)), where);
      break;
    }
    const Read read = read_more();
    if (read == Read::kBytes) continue;
    if (read == Read::kEnd && end_is_fine) break;
    fail(read == Read::kEnd ? "the server closed the connection" : "nothing came in time", where);
  }
  return {};
}

Packet TestClient::next(Where where) {
  if (waiting_.empty()) return next_from_wire(where, false);
  Packet packet = std::move(waiting_.front());
  waiting_.pop_front();
  return packet;
}

Packet TestClient::next_or_end(Where where) {
  return waiting_.empty() ? next_from_wire(where, true) : next(where);
}

Packet TestClient::expect(Type type, Where where) {
  Packet packet = next(where);
  if (!broken_ && packet.type != type) {
    fail(std::string("expected ") + name_of(type) + ", got " + text_of(packet), where);
  }
  return packet;
}

Packet TestClient::expect(Type type, uint16_t packet_id, Where where) {
  Packet packet = expect(type, where);
  if (!broken_ && packet.packet_id != packet_id) {
    fail("expected id " + std::to_string(packet_id) + ", got " + text_of(packet), where);
  }
  return packet;
}

Packet TestClient::expect_past_publishes(Type type, uint16_t packet_id, Where where) {
  while (!broken_) {
    Packet packet = next_from_wire(where, false);
    if (packet.type == Type::kPublish) {
      waiting_.push_back(std::move(packet));
      continue;
    }
    if (!broken_ && (packet.type != type || packet.packet_id != packet_id)) {
      fail(std::string("expected ") + name_of(type) + " id " + std::to_string(packet_id) + ", got " + text_of(packet),
           where);
    }
    return packet;
  }
  return {};
}

void TestClient::expect_closed(Where where) {
  const std::deque<Packet> before = drain_until_closed(where);
  if (!before.empty()) fail("expected the end of the stream, got " + text_of(before.front()), where);
}

std::deque<Packet> TestClient::drain_until_closed(Where where) {
  std::deque<Packet> packets = std::exchange(waiting_, {});
  while (!broken_) {
    Packet packet = next_from_wire(where, true);
    if (packet.type == Type::kNone) break;
    packets.push_back(std::move(packet));
  }
  return packets;
}

void TestClient::expect_quiet(Where where) {
  send(pingreq_packet(), where);
  expect(Type::kPingresp, where);
}

Packet TestClient::connect(const ConnectOptions& options, Where where) {
  send(connect_packet(options), where);
  return expect(Type::kConnack, where);
}

uint16_t TestClient::fresh_packet_id() {
  if (++last_packet_id_ == 0) last_packet_id_ = 1;
  return last_packet_id_;
}

std::string TestClient::subscribe(const FilterList& filters, Where where) {
  const uint16_t packet_id = fresh_packet_id();
  send(subscribe_packet(packet_id, filters), where);
  return expect_past_publishes(Type::kSuback, packet_id, where).codes;
}

uint8_t TestClient::subscribe(std::string_view filter, uint8_t qos, Where where) {
  const std::string codes = subscribe(FilterList{{std::string(filter), qos}}, where);
  if (codes.size() == 1) return static_cast<uint8_t>(codes[0]);
  fail("SUBACK with one code expected", where);
  return 0x80;
}

void TestClient::unsubscribe(std::string_view filter, Where where) {
  const uint16_t packet_id = fresh_packet_id();
  send(unsubscribe_packet(packet_id, {std::string(filter)}), where);
  expect_past_publishes(Type::kUnsuback, packet_id, where);
}

void TestClient::publish(std::string_view topic, std::string_view payload, uint8_t qos, bool retain, Where where) {
  const uint16_t packet_id = qos > 0 ? fresh_packet_id() : 0;
  send(publish_packet(topic, payload, {.qos = qos, .retain = retain, .packet_id = packet_id}), where);
  if (qos == 1) expect_past_publishes(Type::kPuback, packet_id, where);
  if (qos < 2) return;
  expect_past_publishes(Type::kPubrec, packet_id, where);
  send(acknowledge_packet(Type::kPubrel, packet_id), where);
  expect_past_publishes(Type::kPubcomp, packet_id, where);
}

void TestClient::acknowledge(const Packet& publish, Where where) {
  if (publish.type != Type::kPublish || publish.qos() == 0) return;
  if (publish.qos() == 1) return send(acknowledge_packet(Type::kPuback, publish.packet_id), where);
  send(acknowledge_packet(Type::kPubrec, publish.packet_id), where);
  expect_past_publishes(Type::kPubrel, publish.packet_id, where);
  send(acknowledge_packet(Type::kPubcomp, publish.packet_id), where);
}

Packet TestClient::take_message(Where where) {
  Packet packet = expect(Type::kPublish, where);
  if (!broken_) acknowledge(packet, where);
  return packet;
}

Packet TestClient::expect_message(std::string_view topic, std::string_view payload, Where where) {
  Packet packet = expect(Type::kPublish, where);
  if (broken_) return packet;
  if (packet.topic != topic || packet.payload != payload) {
    fail("expected '" + std::string(topic.substr(0, 200)) + "' '" + std::string(payload.substr(0, 200)) + "', got " +
             text_of(packet),
         where);
    return packet;
  }
  acknowledge(packet, where);
  return packet;
}

void TestClient::disconnect(Where where) {
  send(disconnect_packet(), where);
  drain_until_closed(where);
  drop();
}

void TestClient::drop() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

void TestClient::reset() {
  const linger abort_now{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &abort_now, sizeof abort_now);
  drop();
}

}  // namespace penstock::test
