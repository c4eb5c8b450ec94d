#include "broker/connection.h"

#include "broker/broker_shard.h"
#include "broker/packet_handlers.h"
#include "broker/session.h"
#include "core/check.h"
#include "protocol/encode.h"

namespace penstock::broker {

using protocol::Framing;
using protocol::PacketBytes;

namespace {

static_assert(sizeof(Connection) <= 168, "malloc takes the next larger piece");

constexpr int64_t kLastOutputNsMax = 10 * core::kNsPerSecond;
// So many ticks are bytes waited for that are at the socket and not yet here: after a stall many sockets share few
// receive buffers. Who sends a byte now and then and never a packet gets no more than these.
constexpr uint8_t kLooksMax = 100;

// A topic that reaches this client alone (broker/peer_topic.h). Empty: none does.
std::string reply_topic_of(const std::string& client_id) {
  constexpr std::string_view kParent = "reply/p2p/";
  const bool fits = kParent.size() + client_id.size() <= protocol::kStringBytesMax;
  if (!fits || client_id.find_first_of("/+#") != std::string::npos) return {};
  return std::string(kParent) + client_id;
}

// And why, where that does not say it.
Explanation disconnect_explanation(CloseReason reason) {
  if (reason == CloseReason::kTooLarge) return Explanation::kPayloadTooLarge;
  if (reason == CloseReason::kRedeliveryOwed) return Explanation::kRoomAgain;
  return Explanation::kNone;
}

// What a client of 5.0 is told before we close. None: it has closed itself, or has been told already.
std::optional<protocol::ReasonCode> disconnect_code(CloseReason reason) {
  using protocol::ReasonCode;
  switch (reason) {
    case CloseReason::kKeepalive:
      return ReasonCode::kKeepAliveTimeout;
    case CloseReason::kTakenOver:
      return ReasonCode::kSessionTakenOver;  // [MQTT5-3.1.4-3]
    case CloseReason::kTooLarge:
      return ReasonCode::kPacketTooLarge;
    case CloseReason::kRedeliveryOwed:
      return ReasonCode::kServerBusy;
    case CloseReason::kNotAuthorized:
      return ReasonCode::kNotAuthorized;
    case CloseReason::kShutdown:
      return ReasonCode::kServerShuttingDown;
    default:
      return std::nullopt;
  }
}

}  // namespace

Connection::Connection(BrokerShard& shard, core::SocketId socket, ConnectionRef ref,
                       std::unique_ptr<Transport> transport)
    : socket_(socket), ref_(ref), shard_(shard), transport_(std::move(transport)) {}

void Connection::start(core::Bytes received) {
  last_packet_ns_ = last_received_ns_ = shard_.now_ns();
  shard_.timers().start(*this, shard_.options().connect_timeout_ns);
  attach();
  if (!received.empty()) on_received(received);
  if (transport_ != nullptr) transport_->start();
}

void Connection::on_received(core::Bytes bytes) {
  if (state_ == State::kClosing) return;
  last_received_ns_ = shard_.now_ns();
  if (waiting_ || state_ == State::kLeaving) {
    held_.append(bytes);
    return;
  }
  if (!held_.empty() && !complete_held_packet(bytes)) return;
  const size_t consumed = consume(bytes);
  if (state_ != State::kClosing && consumed < bytes.size()) held_.append(bytes.subspan(consumed));
}

// Moves bytes to the held begin of a packet until it is whole and handled. False when there is nothing left to do with
// `bytes` now.
bool Connection::complete_held_packet(core::Bytes& bytes) {
  while (!held_.empty()) {
    PacketBytes packet;
    const core::Bytes held = held_.bytes();
    const Framing framing = protocol::next_packet(held, shard_.options().packet_bytes_max, version_, packet);
    if (framing != Framing::kNeedMore) {
      const size_t consumed = consume(held);
      if (state_ == State::kClosing) return false;
      held_.drop_front(consumed);
      if (waiting_ || state_ == State::kLeaving) {
        held_.append(bytes);
        return false;
      }
      continue;
    }
    if (bytes.empty()) return false;
    // The header is completed byte by byte, the body in one copy.
    const size_t wanted = packet.packet_bytes > held.size() ? packet.packet_bytes - held.size() : 1;
    const size_t moved = std::min(wanted, bytes.size());
    held_.append(bytes.first(moved));
    bytes = bytes.subspan(moved);
  }
  return true;
}

size_t Connection::consume(core::Bytes bytes) {
  size_t consumed = 0;
  while (consumed < bytes.size()) {
    PacketBytes packet;
    // Larger packets than CONNACK allows are an error. [MQTT5-3.2.2-15]
    const Framing framing =
        protocol::next_packet(bytes.subspan(consumed), shard_.options().packet_bytes_max, version_, packet);
    if (framing == Framing::kNeedMore) break;
    if (framing == Framing::kError) {
      fail(*packet.error);
      break;
    }
    const Handled handled = handle(packet);
    if (handled == Handled::kStop && state_ == State::kLeaving) break;  // CONNECT goes along
    if (handled == Handled::kStop) return bytes.size();
    if (handled == Handled::kWait) {
      waiting_ = true;
      pause_receiving();
      shard_.add_waiting(*this);
      break;
    }
    last_packet_ns_ = shard_.now_ns();
    consumed += packet.packet_bytes;
    if (state_ == State::kClosing) return bytes.size();
  }
  return consumed;
}

Handled Connection::handle(const PacketBytes& packet) {
  switch (state_) {
    case State::kEstablished:
      return handle_packet(shard_, *this, packet);
    case State::kAwaitingConnect:
      return handle_first_packet(shard_, *this, packet);  // only here: one CONNACK at most [MQTT5-3.2.0-2]
    case State::kAccepted:
      return Handled::kWait;  // CONNACK goes first [MQTT-3.2.0-1] [MQTT5-3.2.0-1]
    case State::kLeaving:
    case State::kClosing:
      return Handled::kStop;
  }
  return Handled::kStop;
}

void Connection::resume() {
  if (state_ == State::kClosing || state_ == State::kLeaving || state_ == State::kAccepted) return;
  waiting_ = false;
  consume_held();
  if (waiting_ || state_ == State::kClosing || state_ == State::kLeaving) return;
  if (ended_) {
    close_ended();
    return;
  }
  if (receive_paused_ && output_.waiting_bytes() < OutputBuffer::kAnswerBytesMax) resume_receiving();
}

void Connection::consume_held() {
  if (held_.empty()) return;
  // Out of the way first: a handler that closes must not see its packet freed under it.
  HeldBytes held = std::move(held_);
  const size_t consumed = consume(held.bytes());
  if (state_ == State::kClosing) return;
  held.drop_front(consumed);
  held_ = std::move(held);
}

std::byte* Connection::reserve(size_t bytes) {
  return output_.reserve(shard_.output_blocks(), bytes);
}

void Connection::commit(size_t bytes) {
  output_.commit(bytes);
  if (!flush_listed) list_flush();
}

void Connection::list_flush() {
  flush_listed = true;
  shard_.add_flush(*this);
}

void Connection::flush() {
  if (output_.waiting_bytes() == 0 || close_begun_ || ended_) return;
  // A peer that asks and asks and does not take its answers is not read any more.
  if (output_.waiting_bytes() >= OutputBuffer::kAnswerBytesMax) pause_receiving();
  if (is_sending()) return;
  iovec buffers[OutputBuffer::kSendBlocksMax];
  if (transport_ == nullptr)
    shard_.network().send(socket_, output_.begin_send(buffers));
  else
    send_through_transport();
}

void Connection::on_sent() {
  output_.end_send(shard_.output_blocks());
  if (close_after_output_ && output_.waiting_bytes() == 0) {
    begin_close();
    return;
  }
  if (output_.waiting_bytes() > 0 && !flush_listed) list_flush();
  if (state_ == State::kClosing) return;
  if (receive_paused_ && !waiting_ && output_.waiting_bytes() < OutputBuffer::kAnswerBytesMax) resume_receiving();
  if (session_ != nullptr) shard_.deliveries().on_output_room(*session_);
}

void Connection::on_ended(int error) {
  ended_ = true;
  broken_ = error != 0;
  // What it said before is handled before: messages, and the DISCONNECT without which its will would be published.
  // [MQTT-3.14.4-3] [MQTT5-3.14.4-3] resume() comes to the end.
  if (waiting_ && state_ != State::kClosing) return;
  close_ended();
}

void Connection::close_ended() {
  close(broken_ ? CloseReason::kBroken : CloseReason::kPeerClosed);
  begin_close();  // nobody reads what might still be sent
}

void Connection::close(CloseReason reason, bool after_output) {
  if (state_ == State::kClosing) return;
  if (const auto code = disconnect_code(reason); code.has_value() && terms_ != nullptr && is_established()) {
    send_disconnect(*code, text_of(disconnect_explanation(reason)));  // [MQTT5-3.14.0-1]
    after_output = true;
  }
  state_ = State::kClosing;  // nothing is sent behind DISCONNECT [MQTT5-3.14.4-1] [MQTT5-3.14.4-2] [MQTT5-4.13.2-1]
  ++shard_.counters().closes[static_cast<size_t>(reason)];
  shard_.timers().stop(*this);
  if (session_ != nullptr) shard_.on_connection_lost(*this);
  if (after_output && !ended_ && (is_sending() || output_.waiting_bytes() > 0)) {
    close_after_output_ = true;
    // A peer that takes nothing does not keep us.
    shard_.timers().start(*this, std::min(shard_.options().connect_timeout_ns, kLastOutputNsMax));
    return;
  }
  begin_close();
}

void Connection::begin_close() {
  if (close_begun_) return;
  close_begun_ = true;
  if (transport_ != nullptr && transport_->say_goodbye())
    shard_.timers().start(*this, kLastOutputNsMax);  // and then it closes
  else
    close_socket();
}

void Connection::on_closed() {
  output_.clear(shard_.output_blocks());
  shard_.forget(*this);
}

void Connection::hand_over(uint16_t shard) {
  state_ = State::kLeaving;
  leaving_to_ = shard;
  shard_.timers().stop(*this);
  if (transport_ == nullptr) {
    shard_.network().detach(socket_);
    return;
  }
  // It may still be sending what the layers have answered, and the peer take nothing.
  shard_.timers().start(*this, kLastOutputNsMax);
  transport_->detach();
}

void Connection::on_detached() {
  shard_.send_hand_over(*this, leaving_to_, {socket_, std::move(held_), std::move(transport_)});
}

void Connection::on_timer() {
  if (state_ == State::kClosing) {
    close_begun_ = true;
    close_socket();
    return;
  }
  if (state_ == State::kLeaving) {
    close(CloseReason::kConnectTimeout);
    return;
  }
  if (state_ == State::kAwaitingConnect) {
    // It is we who are late.
    if (waiting_ || (transport_ != nullptr && transport_->is_held()))
      shard_.timers().start(*this, shard_.options().connect_timeout_ns);
    else if (!looks_again())
      close(CloseReason::kConnectTimeout);
    return;
  }
  if (keepalive_s_ == 0) return;
  const int64_t limit_ns = int64_t{keepalive_s_} * core::kNsPerSecond * 3 / 2;  // [MQTT-3.1.2-24] [MQTT5-3.1.2-22]
  // While we ourselves do not read what is there, silence is not the client's.
  if (state_ == State::kAccepted || waiting_ || (receive_paused_ && has_unread())) last_packet_ns_ = shard_.now_ns();
  const int64_t silent_ns = shard_.now_ns() - last_packet_ns_;
  if (silent_ns < limit_ns) {
    looks_ = 0;
    shard_.timers().start(*this, limit_ns - silent_ns);
  } else if (!looks_again()) {
    close(CloseReason::kKeepalive);
  }
}

// Timers run before what has arrived is handled, and the silence may be our own: a suspended machine, a long turn. So
// at first a turn goes by, and then others for as long as the kernel has bytes that are newer than all that we have.
bool Connection::looks_again() {
  if (looks_ == kLooksMax) return false;
  if (looks_ > 0 && !has_unread()) return false;
  ++looks_;
  shard_.timers().start(*this, core::TimerWheel::kTickNs);
  return true;
}

bool Connection::has_unread() const {
  return shard_.network().peer_state(socket_).last_received_ns > last_received_ns_ + core::kArrivalErrorNs;
}

void Connection::begin_terms(std::unique_ptr<ConnectionTerms> terms) {
  version_ = protocol::ProtocolVersion::kMqtt5;
  terms_ = std::move(terms);
}

void Connection::accept(Session& session, protocol::ProtocolVersion version, uint16_t keepalive_s,
                        std::unique_ptr<ConnectionTerms> terms) {
  session_ = &session;
  state_ = State::kAccepted;
  version_ = version;
  terms_ = std::move(terms);
  keepalive_s_ = keepalive_s;
  connect_arrived_ns_ = shard_.network().peer_state(socket_).last_received_ns;
  shard_.timers().stop(*this);
  looks_ = 0;
  if (keepalive_s > 0) shard_.timers().start(*this, int64_t{keepalive_s} * core::kNsPerSecond * 3 / 2);
}

bool Connection::is_past_of(const Connection& other) const {
  const core::PeerState peer = shard_.network().peer_state(socket_);
  return peer.closed && peer.last_received_ns <= other.connect_arrived_ns_ + core::kArrivalErrorNs;
}

bool Connection::is_peer_gone() const {
  return ended_ || shard_.network().peer_state(socket_).closed;
}

void Connection::established() {
  state_ = State::kEstablished;
  if (terms_ != nullptr && terms_->authentication != nullptr) terms_->authentication->connect = {};
  if (waiting_) shard_.resume_soon(*this);
}

Handled Connection::fail(const protocol::ProtocolError& error) {
  shard_.report_protocol_error(*this, error);
  if (state_ == State::kEstablished) send_disconnect(protocol::reason_code(error.reason), error.text);
  close(CloseReason::kProtocolError, true);  // [MQTT5-4.13.1-1] [MQTT-4.8.0-1]
  return Handled::kStop;
}

bool Connection::note_unacknowledged() {
  return terms_ == nullptr || ++terms_->unacknowledged <= shard_.options().receive_maximum;
}

void Connection::note_acknowledged(protocol::PacketType type, protocol::ReasonCode reason) {
  if (terms_ == nullptr || terms_->unacknowledged == 0) return;
  if (type != protocol::PacketType::kPubrec || protocol::is_failure(reason)) --terms_->unacknowledged;
}

// A reason string only to a client that wants such [MQTT5-3.1.2-29], and where the packet does not become too large by
// it [MQTT5-3.4.2-2] [MQTT5-3.5.2-2] [MQTT5-3.6.2-2] [MQTT5-3.7.2-2] [MQTT5-3.9.2-1]. No user property [MQTT5-3.4.2-3]
// [MQTT5-3.5.2-3] [MQTT5-3.6.2-3] [MQTT5-3.7.2-3] [MQTT5-3.9.2-2], and in UNSUBACK neither [MQTT5-3.11.2-1]
// [MQTT5-3.11.2-2].
void Connection::send_acknowledge(protocol::PacketType type, protocol::PacketId packet_id, protocol::ReasonCode reason,
                                  Explanation explanation) {
  if (reason == protocol::ReasonCode::kSuccess || terms_ == nullptr) [[likely]] {
    commit(protocol::encode_acknowledge({reserve(protocol::kAcknowledgeBytes), protocol::kAcknowledgeBytes}, type,
                                        packet_id));
    return;
  }
  std::string_view text = terms_->wants_explanations ? text_of(explanation) : std::string_view();
  if (!takes(protocol::acknowledge_bytes(reason, text))) text = {};
  const size_t bytes = protocol::acknowledge_bytes(reason, text);
  commit(protocol::encode_acknowledge({reserve(bytes), bytes}, type, packet_id, reason, text));
}

void Connection::send_suback(protocol::PacketId packet_id, const std::vector<protocol::ReasonCode>& codes,
                             Explanation explanation) {
  const bool is_told = terms_ != nullptr && terms_->wants_explanations;
  std::string_view text = is_told ? text_of(explanation) : std::string_view();
  if (!takes(protocol::suback_bytes(codes.size(), version_, text))) text = {};
  const size_t bytes = protocol::suback_bytes(codes.size(), version_, text);
  commit(protocol::encode_suback({reserve(bytes), bytes}, packet_id, codes, version_, text));
}

void Connection::send_unsuback(protocol::PacketId packet_id, const std::vector<protocol::ReasonCode>& codes) {
  const size_t bytes = protocol::unsuback_bytes(codes.size(), version_);
  commit(protocol::encode_unsuback({reserve(bytes), bytes}, packet_id, codes, version_));
}

// CONNACK holds no user property, here and below [MQTT5-3.2.2-20], and no reason string where all is well.
bool Connection::send_accepted(bool session_present) {
  // [MQTT-3.1.4-4] [MQTT5-3.1.4-5] In 3.1 the bit of the session is reserved.
  protocol::Connack connack{.session_present = session_present && version_ != protocol::ProtocolVersion::kMqtt31};
  std::string response_information;
  if (terms_ != nullptr) {
    const ShardOptions& options = shard_.options();
    connack.properties.receive_maximum = options.receive_maximum;
    connack.properties.packet_bytes_max = options.packet_bytes_max;  // [MQTT5-3.2.2-15]
    connack.properties.topic_alias_maximum = InboundAliases::kAliasMax;
    connack.properties.session_expiry_s = terms_->granted_expiry_s;
    // [MQTT5-3.2.2-16] [MQTT5-3.1.3-7]
    if (terms_->is_client_id_made) connack.properties.assigned_client_id = session_->client_id();
    // [MQTT5-3.1.2-21] [MQTT5-3.2.2-21]
    if (terms_->is_keepalive_ours) connack.properties.server_keepalive_s = keepalive_s_;
    // Where CONNECT named a method, and only there. [MQTT5-4.12.0-5] [MQTT5-4.12.0-6]
    if (const Authentication* authentication = terms_->authentication.get()) {
      connack.properties.authentication_method = authentication->method;
      connack.properties.authentication_data = core::as_bytes(authentication->server_data);
    }
    // [MQTT5-3.1.2-28] A topic that reaches this client alone (broker/peer_topic.h).
    if (terms_->wants_response_information) {
      response_information = reply_topic_of(session_->client_id());
      connack.properties.response_information = response_information;
    }
  }
  const size_t bytes = protocol::connack_bytes(connack, version_);
  if (!takes(bytes)) return false;
  commit(protocol::encode_connack({reserve(bytes), bytes}, connack, version_));
  return true;
}

void Connection::send_refusal(protocol::ReasonCode code, protocol::ProtocolVersion version, std::string_view text,
                              uint32_t packet_bytes_max) {
  protocol::Connack connack{.code = code};  // [MQTT-3.2.2-4] [MQTT5-3.2.2-6] without a session
  connack.properties.reason_string = text;
  if (protocol::connack_bytes(connack, version) > packet_bytes_max)
    connack.properties.reason_string = {};  // [MQTT5-3.2.2-19]
  const size_t bytes = protocol::connack_bytes(connack, version);
  if (!takes(bytes)) return;
  commit(protocol::encode_connack({reserve(bytes), bytes}, connack, version));
}

// Without a user property. [MQTT5-3.14.2-4]
void Connection::send_disconnect(protocol::ReasonCode reason, std::string_view text) {
  if (terms_ == nullptr) return;
  protocol::Disconnect disconnect{.reason = reason, .reason_string = text};
  if (!takes(protocol::disconnect_bytes(disconnect))) disconnect.reason_string = {};  // [MQTT5-3.14.2-3]
  const size_t bytes = protocol::disconnect_bytes(disconnect);
  if (!takes(bytes)) return;
  commit(protocol::encode_disconnect({reserve(bytes), bytes}, disconnect, protocol::Sender::kServer));
}

void Connection::send_pingresp() {
  commit(protocol::encode_empty({reserve(protocol::kEmptyPacketBytes), protocol::kEmptyPacketBytes},
                                protocol::PacketType::kPingresp));
}

}  // namespace penstock::broker
