// Connection: one MQTT socket. Cuts received bytes into packets, hands them to the shard's handlers, and collects what
// is to be sent. Holds nothing that a session needs after it. Where the listener asks for TLS, WebSocket or a PROXY
// header, a Transport stands between it and the network. One thread, the shard's; freed after on_closed/on_detached.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/acknowledgement_queue.h"
#include "broker/connection_terms.h"
#include "broker/counters.h"
#include "broker/explanation.h"
#include "broker/held_bytes.h"
#include "broker/output_buffer.h"
#include "broker/transport.h"
#include "core/network.h"
#include "core/stream_codec.h"
#include "core/timer_wheel.h"
#include "protocol/packet_framer.h"
#include "protocol/types.h"

namespace penstock::broker {

class BrokerShard;
class Session;

// What became of a packet that was given to a handler.
enum class Handled : uint8_t {
  kDone,
  kWait,  // not now: the log's tail or a mailbox is full. The packet stays; nothing more is read from this connection.
  kStop,  // the connection is closing or leaving
};

class Connection final : public core::StreamHandler, private core::Timer {
 public:
  // Without a transport it speaks to the network itself.
  Connection(BrokerShard& shard, core::SocketId socket, ConnectionRef ref, std::unique_ptr<Transport> transport);

  // Begins to receive. `received`: bytes that another shard has already read, and its transport decoded.
  void start(core::Bytes received);

  void on_received(core::Bytes bytes) override;
  void on_sent() override;
  void on_ended(int error) override;
  void on_closed() override;
  void on_detached() override;
  // By the transport: bytes have come, of whatever layer; and a layer has failed.
  void note_arrival();
  void on_layer_failed(const core::StreamFailure& failure);

  // For whatever is encoded next; the shard sends it at the end of its turn.
  std::byte* reserve(size_t bytes);
  void commit(size_t bytes);
  // The same by hand: after commit(), list_flush() where flush_listed is not set.
  OutputBuffer& output() { return output_; }
  void list_flush();
  bool takes_deliveries() const {
    return state_ == State::kEstablished && !ended_ && output_.waiting_bytes() < OutputBuffer::kDeliveryBytesMax;
  }
  // Starts a send if there is something to send and none is under way.
  void flush();

  void send_acknowledge(protocol::PacketType type, protocol::PacketId packet_id,
                        protocol::ReasonCode reason = protocol::ReasonCode::kSuccess,
                        Explanation explanation = Explanation::kNone);
  void send_suback(protocol::PacketId packet_id, const std::vector<protocol::ReasonCode>& codes,
                   Explanation explanation);
  void send_unsuback(protocol::PacketId packet_id, const std::vector<protocol::ReasonCode>& codes);
  // False: the client takes no packet of this size, so there can be no connection.
  bool send_accepted(bool session_present);
  // CONNACK, in the words of the version that the client speaks or, where we do not, of `version`. `text` is left out
  // of a packet that would be larger than `packet_bytes_max`.
  void send_refusal(protocol::ReasonCode code, protocol::ProtocolVersion version, std::string_view text,
                    uint32_t packet_bytes_max);
  void send_pingresp();

  // Ends the connection; what is already encoded is still sent when `after_output`, then it closes.
  void close(CloseReason reason, bool after_output = false);
  // The client broke the protocol: counted and, rate-limited, logged.
  // Returns kStop, for `return connection.fail(...)` in a handler.
  Handled fail(const protocol::ProtocolError& error);
  // CONNECT was accepted and waits for its record; nothing more is read until established().
  void accept(Session& session, protocol::ProtocolVersion version, uint16_t keepalive_s,
              std::unique_ptr<ConnectionTerms> terms);
  // Of 5.0, before accept(): it has to be spoken with first.
  void begin_terms(std::unique_ptr<ConnectionTerms> terms);
  std::unique_ptr<ConnectionTerms> take_terms() { return std::move(terms_); }
  void established();
  // Leaves for another shard: on_detached() follows with everything unread.
  void hand_over(uint16_t shard);
  // There is room again: processes what was held back.
  void resume();

  ConnectionRef ref() const { return ref_; }
  // Its peer has gone already, and had sent its CONNECT no later than `other`'s: its client may have connected anew
  // since.
  bool is_past_of(const Connection& other) const;
  // Its peer has closed its side, whether we have read as far or not.
  bool is_peer_gone() const;
  Session* session() const { return session_; }
  void forget_session() { session_ = nullptr; }
  // A packet of it waits for room, or for the record of its CONNECT.
  bool is_waiting() const { return waiting_; }
  bool is_established() const { return state_ == State::kEstablished; }
  bool closing() const { return state_ == State::kClosing; }
  core::SocketId socket() const { return socket_; }
  Transport* transport() { return transport_.get(); }
  // Where the client is: what a proxy says of it, else the other end of the socket. A system call.
  core::Endpoint peer_address() const;
  // Who it is by its certificate, and only the common name of that, also where a proxy has verified it. Made anew at
  // each call; empty without a certificate.
  std::optional<tls::PeerIdentity> peer_identity() const;
  std::string peer_certificate_name() const;
  protocol::ProtocolVersion version() const { return version_; }
  // Null: not of 5.0.
  ConnectionTerms* terms() { return terms_.get(); }
  const ConnectionTerms* terms() const { return terms_.get(); }
  // Its client does. [MQTT5-3.1.2-24]
  bool takes(size_t packet_bytes) const { return terms_ == nullptr || packet_bytes <= terms_->packet_bytes_max; }
  // One more QoS 1 or 2 message of the client. False: it has more under way than CONNACK allows. [MQTT5-3.3.4-7]
  bool note_unacknowledged();
  // PUBACK, PUBREC or PUBCOMP goes out: the client may send another message if that was the last word on one.
  void note_acknowledged(protocol::PacketType type, protocol::ReasonCode reason);
  bool owes_redelivery = false;  // publishes were refused for want of disk
  bool flush_listed = false;

 private:
  enum class State : uint8_t { kAwaitingConnect, kAccepted, kEstablished, kLeaving, kClosing };

  void on_timer() override;
  // Handles whole packets at the front of `bytes`; returns how many bytes they had.
  size_t consume(core::Bytes bytes);
  Handled handle(const protocol::PacketBytes& packet);
  void consume_held();
  bool complete_held_packet(core::Bytes& bytes);
  // What the network does for a Connection, or its transport instead.
  void attach();
  void pause_receiving();
  void resume_receiving();
  void send_through_transport();
  bool is_sending() const { return transport_ == nullptr ? output_.sending() : transport_->sending(); }
  void begin_close();
  void close_socket();
  void close_ended();
  bool looks_again();
  bool has_unread() const;  // bytes of the peer that nobody here has received
  void send_disconnect(protocol::ReasonCode reason, std::string_view text);

  // Small ones first, behind the two above: idle connections are many.
  State state_ = State::kAwaitingConnect;
  protocol::ProtocolVersion version_ = protocol::ProtocolVersion::kMqtt311;
  bool waiting_ = false;  // a packet was answered with kWait
  bool receive_paused_ = false;
  bool ended_ = false;   // the peer is gone
  bool broken_ = false;  // and not in peace
  bool close_after_output_ = false;
  bool close_begun_ = false;
  uint16_t leaving_to_ = 0;
  uint16_t keepalive_s_ = 0;
  uint8_t looks_ = 0;  // since its time was over
  core::SocketId socket_;
  ConnectionRef ref_;
  BrokerShard& shard_;
  Session* session_ = nullptr;
  int64_t last_packet_ns_ = 0;
  int64_t last_received_ns_ = 0;    // any bytes
  int64_t connect_arrived_ns_ = 0;  // the kernel's time, not that of our turn
  HeldBytes held_;
  OutputBuffer output_;
  std::unique_ptr<ConnectionTerms> terms_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace penstock::broker
