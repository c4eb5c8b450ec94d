#include "bench/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "protocol/connect.h"
#include "protocol/encode.h"
#include "protocol/subscribe.h"

namespace penstock::bench {
namespace {

using protocol::PacketType;

// Above this much unsent, a connection that only answers stops reading until the peer takes the answers.
constexpr size_t kUnsentBytesMax = 1 << 20;

core::Bytes view(const uint8_t* begin, const uint8_t* end) {
  return {reinterpret_cast<const std::byte*>(begin), static_cast<size_t>(end - begin)};
}

core::MutableBytes writable(std::span<uint8_t> buffer) {
  return std::as_writable_bytes(buffer);
}

std::string refusal(protocol::ReasonCode code, protocol::ProtocolVersion version) {
  const size_t number =
      version == protocol::ProtocolVersion::kMqtt5 ? static_cast<size_t>(code) : protocol::connack_return_code(code);
  return "refused by CONNACK with code " + std::to_string(number) + " (" + protocol::to_string(code) + ")";
}

}  // namespace

Connection::Connection(Loop& loop, const Target& target, ConnectionOwner& owner, uint32_t index)
    : loop_(loop), target_(target), owner_(owner), index_(index) {}

Connection::~Connection() {
  close_socket();
}

void Connection::open() {
  CHECK(state_ == State::kIdle);
  opened_ns_ = loop_.refresh_now();
  was_online_ = false;
  auto fd = target_.begin_connect(index_);
  if (!fd.has_value()) return owner_.on_failed(*this, fd.error().message);
  fd_ = *fd;
  state_ = State::kConnecting;
  waits_writable_ = true;
  pings_outstanding_ = 0;
  loop_.watch(*this, fd_);
}

void Connection::close_socket() {
  if (layers_ != nullptr && target_.layers().resumes()) {
    // TLS 1.2 gives no new session to a connection that resumes one: that stays good.
    if (TlsSession session = layers_->session()) session_ = std::move(session);
  }
  layers_.reset();
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  state_ = State::kIdle;
  kept_.clear();
  unsent_.clear();
}

void Connection::abandon() {
  close_socket();
}

void Connection::fail_with(const std::string& reason) {
  close_socket();
  owner_.on_failed(*this, reason);
}

void Connection::finish() {
  if (state_ == State::kIdle || state_ == State::kFinishing) return;
  std::byte packet[protocol::kEmptyPacketBytes];
  protocol::encode_empty(packet, PacketType::kDisconnect);
  state_ = State::kFinishing;
  send(reinterpret_cast<const uint8_t*>(packet), sizeof packet);
}

void Connection::stop_reading() {
  reads_ = false;
  update_interest();
}

void Connection::ping() {
  std::byte packet[protocol::kEmptyPacketBytes];
  protocol::encode_empty(packet, PacketType::kPingreq);
  ++pings_outstanding_;
  send(reinterpret_cast<const uint8_t*>(packet), sizeof packet);
}

void Connection::update_interest() {
  if (fd_ < 0) return;
  const bool answers_wait = unsent_.size() > kUnsentBytesMax;
  loop_.want(*this, fd_, reads_ && !answers_wait, waits_writable_);
}

void Connection::send(const uint8_t* data, size_t size) {
  if (fd_ < 0 || size == 0) return;
  if (layers_ == nullptr) return send_to_socket(data, size);
  send_to_socket(layers_->stack.send({reinterpret_cast<const char*>(data), size}));
}

void Connection::send_to_socket(const uint8_t* data, size_t size) {
  if (fd_ < 0 || size == 0) return;
  sent_ns_ = loop_.now_ns();
  size_t taken = 0;
  if (unsent_.empty()) {
    const ssize_t result = ::send(fd_, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    // A broken socket is reported by the read side, which knows whether the close was asked for.
    if (result < 0 && errno != EAGAIN && errno != EINTR) return;
    taken = result < 0 ? 0 : static_cast<size_t>(result);
  }
  if (taken == size) return;
  unsent_.insert(unsent_.end(), data + taken, data + size);
  waits_writable_ = true;
  update_interest();
}

void Connection::on_writable() {
  if (state_ == State::kConnecting) return finish_connecting();
  if (fd_ < 0 || unsent_.empty()) return;
  const ssize_t result = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (result < 0) return;
  sent_ns_ = loop_.now_ns();
  unsent_.erase(unsent_.begin(), unsent_.begin() + result);
  if (!unsent_.empty()) return;
  waits_writable_ = false;
  update_interest();
  on_drained();
}

void Connection::finish_connecting() {
  int error = 0;
  socklen_t error_bytes = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
  if (error != 0) return fail_with(core::system_error(error, "connecting to", target_.name()).error().message);
  waits_writable_ = false;
  layers_ = target_.layers().make(loop_.masks(), session_);
  state_ = State::kLayersDue;
  update_interest();
  if (layers_ == nullptr) return begin_mqtt();
  send_to_socket(layers_->stack.begin());
}

void Connection::begin_mqtt() {
  state_ = State::kConnackDue;
  send_connect();
}

void Connection::send_connect() {
  const Introduction introduction = owner_.introduction(*this);
  version_ = introduction.version;
  protocol::Connect connect{.version = version_,
                            .clean_session = introduction.clean_session,
                            .keepalive_s = introduction.keepalive_s,
                            .client_id = introduction.client_id};
  connect.properties.topic_alias_maximum = introduction.topic_alias_maximum;
  if (!introduction.clean_session) connect.properties.session_expiry_s = protocol::kSessionNeverExpires;
  if (introduction.user_name) connect.user_name = *introduction.user_name;
  if (introduction.password) connect.password = core::as_bytes(*introduction.password);
  const size_t bytes = protocol::encode_connect(writable(loop_.send_buffer()), connect);
  send(loop_.send_buffer().data(), bytes);
}

void Connection::send_subscribe() {
  const Introduction introduction = owner_.introduction(*this);
  const protocol::FilterRequest request{.filter = protocol::TopicFilter::accepted(introduction.filter),
                                        .qos = static_cast<protocol::QoS>(introduction.filter_qos)};
  const size_t bytes = protocol::encode_subscribe(writable(loop_.send_buffer()), protocol::PacketId(1),
                                                  std::span(&request, 1), version_);
  send(loop_.send_buffer().data(), bytes);
}

void Connection::on_readable() {
  if (fd_ < 0 || state_ == State::kConnecting) return;  // a failed connect is also writable, and handled there
  if (!reads_) return on_peer_close(ECONNRESET);        // nothing else wakes one that has stopped reading
  if (layers_ != nullptr) return receive_through_layers();
  const auto buffer = loop_.receive_buffer();
  const size_t kept = kept_.size();
  if (kept != 0) std::memcpy(buffer.data(), kept_.data(), kept);
  size_t bytes = 0;
  if (receive(buffer.subspan(kept), bytes)) take(buffer.data(), buffer.data() + kept + bytes);
}

bool Connection::receive(std::span<uint8_t> buffer, size_t& bytes) {
  const ssize_t result = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (result < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (result <= 0) {
    on_peer_close(result < 0 ? errno : 0);
    return false;
  }
  loop_.refresh_now();
  bytes = static_cast<size_t>(result);
  return true;
}

void Connection::receive_through_layers() {
  const auto buffer = loop_.receive_buffer();
  size_t bytes = 0;
  if (!receive(buffer, bytes)) return;
  core::ClientLayers& stack = layers_->stack;
  // After a goodbye of theirs only the close is waited for.
  if (stack.has_ended()) return;
  send_to_socket(stack.receive({reinterpret_cast<const char*>(buffer.data()), bytes}));
  if (stack.has_failed()) return fail_with(target_.name() + ": " + stack.failure());
  if (state_ == State::kLayersDue) {
    if (!stack.is_open()) return;
    begin_mqtt();
  }
  std::string received = stack.take_received();
  if (received.empty()) return;
  received.insert(received.begin(), kept_.begin(), kept_.end());
  const auto* const begin = reinterpret_cast<const uint8_t*>(received.data());
  take(begin, begin + received.size());
}

void Connection::take(const uint8_t* at, const uint8_t* end) {
  // Handshake packets are taken one by one: each may change who takes the next.
  while (at != end && (state_ == State::kConnackDue || state_ == State::kSubackDue)) {
    const uint8_t* next = take_handshake(at, end);
    if (next == nullptr) return;
    if (next == at) break;
    at = next;
  }
  if (state_ == State::kOnline || state_ == State::kFinishing) {
    size_t answer_bytes = 0;
    at = take_packets(at, end, answer_bytes);
    if (at == nullptr) return;
    if (state_ == State::kOnline) send(loop_.answers(), answer_bytes);
  }
  if (fd_ >= 0) kept_.assign(at, end);
}

const uint8_t* Connection::take_handshake(const uint8_t* begin, const uint8_t* end) {
  protocol::PacketBytes packet;
  switch (protocol::next_packet(view(begin, end), packet_bytes_max(), version_, packet)) {
    case protocol::Framing::kNeedMore:
      return begin;
    case protocol::Framing::kError:
      fail_with("the broker sent a malformed packet during the handshake");
      return nullptr;
    case protocol::Framing::kPacket:
      break;
  }
  if (state_ == State::kConnackDue && packet.type == PacketType::kConnack) {
    on_connack(packet);
  } else if (state_ == State::kSubackDue && packet.type == PacketType::kSuback) {
    on_suback(packet);
  } else if (state_ == State::kSubackDue && packet.type == PacketType::kPublish) {
    // A retained message may overtake SUBACK; it is not one of ours.
  } else {
    fail_with(std::string("the broker sent ") + protocol::to_string(packet.type) + " during the handshake");
  }
  return fd_ < 0 ? nullptr : begin + packet.packet_bytes;
}

void Connection::on_connack(const protocol::PacketBytes& packet) {
  const auto connack = protocol::decode_connack(packet, version_);
  if (!connack.has_value()) return fail_with("the broker sent a malformed CONNACK");
  if (connack->code != protocol::ReasonCode::kSuccess) return fail_with(refusal(connack->code, version_));
  session_present_ = connack->session_present;
  receive_maximum_ = connack->properties.receive_maximum;
  if (owner_.introduction(*this).topic_alias_maximum != 0 && connack->properties.topic_alias_maximum == 0) {
    return fail_with("the broker takes no topic aliases (--topic-alias)");
  }
  if (!owner_.introduction(*this).filter.empty()) {
    state_ = State::kSubackDue;
    return send_subscribe();
  }
  become_online();
}

void Connection::on_suback(const protocol::PacketBytes& packet) {
  const auto suback = protocol::decode_suback(packet, version_);
  if (!suback.has_value() || suback->codes.size() != 1) return fail_with("the broker sent a malformed SUBACK");
  const auto code = suback->code(0);
  if (protocol::is_failure(code)) return fail_with("the broker refused the subscription");
  if (static_cast<uint8_t>(code) < owner_.introduction(*this).filter_qos) {
    return fail_with("the broker granted only QoS " + std::to_string(static_cast<int>(code)));
  }
  become_online();
}

void Connection::become_online() {
  state_ = State::kOnline;
  was_online_ = true;
  owner_.on_online(*this);
}

const uint8_t* Connection::take_packets(const uint8_t* begin, const uint8_t* end, size_t&) {
  return take_each(begin, end, [this](const protocol::PacketBytes& packet) { return take_control_packet(packet); });
}

void Connection::answer(PacketType type, protocol::PacketId packet_id, size_t& answer_bytes) {
  std::byte* to = reinterpret_cast<std::byte*>(loop_.answers()) + answer_bytes;
  answer_bytes += protocol::encode_acknowledge({to, protocol::kAcknowledgeBytes}, type, packet_id);
}

bool Connection::take_control_packet(const protocol::PacketBytes& packet) {
  if (packet.type == PacketType::kPingresp) {
    if (pings_outstanding_ > 0) --pings_outstanding_;
    return true;
  }
  if (state_ == State::kFinishing) return true;  // what was under way when DISCONNECT was sent
  if (packet.type == PacketType::kDisconnect && speaks5()) {
    const auto disconnect = protocol::decode_disconnect(packet, version_, protocol::Sender::kServer);
    fail_with(std::string("the broker said DISCONNECT: ") +
              (disconnect.has_value() ? protocol::to_string(disconnect->reason) : "a malformed one"));
    return false;
  }
  fail_with(std::string("the broker sent an unexpected ") + protocol::to_string(packet.type));
  return false;
}

void Connection::on_peer_close(int error) {
  const bool asked_for = state_ == State::kFinishing;
  close_socket();
  if (asked_for) return owner_.on_finished(*this);
  owner_.on_failed(*this, error == 0 ? "the broker closed the connection"
                                     : core::system_error(error, "reading from", target_.name()).error().message);
}

}  // namespace penstock::bench
