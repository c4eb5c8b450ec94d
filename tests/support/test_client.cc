#include "tests/support/test_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

namespace penstock::test {
namespace {

constexpr uint8_t kFirstFailure = 0x80;
constexpr uint16_t kReceiveMaximumDefault = 65535;

std::string text_of(const Packet& packet) {
  std::ostringstream out;
  out << packet;
  return out.str();
}

}  // namespace

TestClient::TestClient(Endpoint endpoint, int receive_buffer_bytes, Where where) {
  open(endpoint, receive_buffer_bytes, where);
}

TestClient::TestClient(Endpoint endpoint, const ConnectOptions& options, Where where) {
  open(endpoint, 0, where);
  const Packet connack = connect(options, where);
  if (!broken_ && connack.return_code != 0) fail("connection refused: " + text_of(connack), where);
}

void TestClient::open(Endpoint endpoint, int receive_buffer_bytes, Where where) {
  std::string error;
  transport_ = open_transport(endpoint, receive_buffer_bytes, error);
  if (!error.empty()) fail("connecting: " + error, where);
}

void TestClient::fail(const std::string& what, Where where) {
  if (!broken_) ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << what;
  broken_ = true;
}

bool TestClient::try_send(std::string_view bytes) {
  return !broken_ && transport_->send(bytes);
}

void TestClient::send(std::string_view bytes, Where where) {
  if (!broken_ && !try_send(bytes)) fail(std::string("sending: ") + strerror(errno), where);
}

Transport::Read TestClient::read_more(std::chrono::milliseconds patience) {
  if (inbox_begin_ == inbox_.size()) {
    inbox_.clear();
    inbox_begin_ = 0;
  }
  const size_t before = inbox_.size();
  const Transport::Read read = transport_->receive(inbox_, patience);
  bytes_received_ += inbox_.size() - before;
  return read;
}

Packet TestClient::next_from_wire(Where where, bool end_is_fine) {
  Packet packet;
  while (!broken_) {
    const Take taken = take_packet(inbox_, inbox_begin_, packet, level_);
    if (taken == Take::kPacket) {
      const std::string breach = level_ == kLevel5 ? rules_.judge(packet) : "";
      if (!breach.empty()) fail("the server sent " + text_of(packet) + ": " + breach, where);
      return packet;
    }
    if (taken == Take::kBroken) {
      fail("the server sent bytes that are no packet: " + to_hex(inbox_.substr(inbox_begin_, 64)), where);
      break;
    }
    const Transport::Read read = read_more(kPatience);
    if (read == Transport::Read::kBytes) continue;
    if (read == Transport::Read::kEnd && end_is_fine) break;
    fail(read == Transport::Read::kEnd ? "the server closed the connection" : "nothing came in time", where);
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

bool TestClient::has_ended() {
  Transport::Read read = Transport::Read::kBytes;
  while (!broken_ && read == Transport::Read::kBytes) read = read_more(std::chrono::milliseconds(0));
  return read == Transport::Read::kEnd;
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
  std::deque<Packet> before = drain_until_closed(where);
  const bool says_why = level_ == kLevel5 && !before.empty() && before.front().reason_code >= kFirstFailure &&
                        (before.front().type == Type::kDisconnect || before.front().type == Type::kConnack);
  if (says_why) before.pop_front();
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

std::string TestClient::bytes_until_closed(Where where) {
  Transport::Read read = Transport::Read::kBytes;
  while (!broken_ && read == Transport::Read::kBytes) read = read_more(kPatience);
  if (read == Transport::Read::kNothing) fail("the server neither closed nor said anything in time", where);
  return inbox_.substr(std::exchange(inbox_begin_, inbox_.size()));
}

Packet TestClient::expect_disconnect(uint8_t reason_code, Where where) {
  Packet packet = expect(Type::kDisconnect, where);
  if (!broken_ && packet.reason_code != reason_code) {
    fail("expected reason 0x" + to_hex(std::string(1, static_cast<char>(reason_code))) + ", got " + text_of(packet),
         where);
  }
  drain_until_closed(where);  // what comes behind it breaks a rule
  return packet;
}

void TestClient::expect_quiet(Where where) {
  send(pingreq_packet(), where);
  expect(Type::kPingresp, where);
}

Packet TestClient::connect(const ConnectOptions& options, Where where) {
  ConnectOptions exact = options;
  level_ = exact.protocol_level.value_or(level_);
  exact.protocol_level = level_;
  rules_ = ConnectionRules(exact);
  send(connect_packet(exact), where);
  connack_ = expect(Type::kConnack, where);
  return connack_;
}

uint16_t TestClient::receive_maximum() const {
  return static_cast<uint16_t>(connack_.number(PropertyId::kReceiveMaximum, kReceiveMaximumDefault));
}

uint16_t TestClient::fresh_packet_id() {
  if (++last_packet_id_ == 0) last_packet_id_ = 1;
  return last_packet_id_;
}

std::string TestClient::subscribe(const FilterList& filters, const Properties& properties, Where where) {
  const uint16_t packet_id = fresh_packet_id();
  send(subscribe_packet(packet_id, filters, properties, level_), where);
  return expect_past_publishes(Type::kSuback, packet_id, where).codes;
}

std::string TestClient::subscribe(const FilterList& filters, Where where) {
  return subscribe(filters, {}, where);
}

uint8_t TestClient::subscribe(std::string_view filter, uint8_t qos, Where where) {
  const std::string codes = subscribe(FilterList{{std::string(filter), qos}}, where);
  if (codes.size() == 1) return static_cast<uint8_t>(codes[0]);
  fail("SUBACK with one code expected", where);
  return 0x80;
}

std::string TestClient::unsubscribe(const std::vector<std::string>& filters, Where where) {
  const uint16_t packet_id = fresh_packet_id();
  send(unsubscribe_packet(packet_id, filters, {}, level_), where);
  return expect_past_publishes(Type::kUnsuback, packet_id, where).codes;
}

uint8_t TestClient::unsubscribe(std::string_view filter, Where where) {
  const std::string codes = unsubscribe(std::vector<std::string>{std::string(filter)}, where);
  if (level_ != kLevel5) return 0;
  if (codes.size() == 1) return static_cast<uint8_t>(codes[0]);
  fail("UNSUBACK with one code expected", where);
  return 0x80;
}

uint8_t TestClient::publish(std::string_view topic, std::string_view payload, const PublishOptions& options,
                            Where where) {
  PublishOptions exact = options;
  exact.packet_id = exact.qos > 0 ? fresh_packet_id() : 0;
  send(publish_packet(topic, payload, exact, level_), where);
  if (exact.qos == 0) return 0;
  const Type answer = exact.qos == 1 ? Type::kPuback : Type::kPubrec;
  const uint8_t reason_code = expect_past_publishes(answer, exact.packet_id, where).reason_code;
  if (exact.qos == 1 || reason_code >= kFirstFailure) return reason_code;
  send(acknowledge_packet(Type::kPubrel, exact.packet_id), where);
  expect_past_publishes(Type::kPubcomp, exact.packet_id, where);
  return reason_code;
}

void TestClient::publish(std::string_view topic, std::string_view payload, uint8_t qos, bool retain, Where where) {
  const uint8_t reason_code = publish(topic, payload, PublishOptions{.qos = qos, .retain = retain}, where);
  if (reason_code >= kFirstFailure) fail("the server refused a message", where);
}

void TestClient::publish_numbered(std::string_view topic, int first, int last, Where where) {
  std::deque<uint16_t> unacknowledged;
  const auto take_puback = [&] {
    expect_past_publishes(Type::kPuback, unacknowledged.front(), where);
    unacknowledged.pop_front();
  };
  std::string bytes;
  for (int i = first; i <= last && !broken_; ++i) {
    unacknowledged.push_back(fresh_packet_id());
    bytes += publish_packet(topic, std::to_string(i), {.qos = 1, .packet_id = unacknowledged.back()}, level_);
    if (unacknowledged.size() < receive_maximum() && i < last) continue;
    send(std::exchange(bytes, {}), where);
    if (i < last) take_puback();
  }
  while (!unacknowledged.empty() && !broken_) take_puback();
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

std::vector<Packet> TestClient::take_messages(Where where) {
  std::vector<Packet> messages;
  send(pingreq_packet(), where);
  while (!broken_) {
    Packet packet = next_from_wire(where, false);
    if (packet.type == Type::kPingresp) break;
    if (packet.type == Type::kPublish) {
      waiting_.push_back(std::move(packet));
    } else {
      fail("expected messages and PINGRESP, got " + text_of(packet), where);
    }
  }
  // Acknowledging one at QoS 2 may bring more.
  while (!broken_ && !waiting_.empty()) messages.push_back(take_message(where));
  return messages;
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

void TestClient::disconnect(uint8_t reason_code, const Properties& properties, Where where) {
  send(disconnect_packet(reason_code, properties), where);
  drain_until_closed(where);
  drop();
}

void TestClient::drop() {
  if (transport_) transport_->close();
}

void TestClient::reset() {
  if (transport_) transport_->reset();
}

}  // namespace penstock::test
