// Connection: one MQTT connection of the generator: non-blocking connect, the handshakes of its layers, CONNECT,
// SUBSCRIBE if asked for, then whatever its subclass does with the packets, then DISCONNECT and the peer's close. Bytes
// that the socket does not take wait here; a subclass that publishes must not produce more while has_unsent(). Owned by
// one worker; runs on its thread. Never throws away bytes, and never blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/layers.h"
#include "bench/loop.h"
#include "bench/target.h"
#include "core/result.h"
#include "protocol/connect.h"
#include "protocol/packet_framer.h"

namespace penstock::bench {

class Connection;

// What a connection says when it introduces itself. Made when it is needed, so that it costs an idle one nothing.
struct Introduction {
  std::string client_id;
  protocol::ProtocolVersion version = protocol::ProtocolVersion::kMqtt311;
  bool clean_session = true;  // 5.0: else the session never expires
  uint16_t keepalive_s = 60;
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  uint16_t topic_alias_maximum = 0;  // 5.0; else than 0, the broker has to take aliases too
  std::string filter;                // empty: nothing to subscribe to
  uint8_t filter_qos = 0;
};

// Who is told what becomes of a connection. Never per message.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual Introduction introduction(const Connection& connection) = 0;
  // CONNACK came and, with a filter, SUBACK too.
  virtual void on_online(Connection& connection) = 0;
  // Closed as it was asked to, by finish().
  virtual void on_finished(Connection& connection) = 0;
  // Refused, broken, closed by the peer without being asked, or it spoke nonsense.
  virtual void on_failed(Connection& connection, const std::string& reason) = 0;
};

class Connection {
 public:
  enum class State : uint8_t { kIdle, kConnecting, kLayersDue, kConnackDue, kSubackDue, kOnline, kFinishing };

  Connection(Loop& loop, const Target& target, ConnectionOwner& owner, uint32_t index);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to connect. What comes of it, the owner hears; a failure at once too.
  void open();
  // DISCONNECT, then waits for the peer's close; on_finished follows.
  void finish();
  // Closes without a word; the owner hears nothing.
  void abandon();
  // Stops reading for ever: the peer's data stays in the kernel's buffers until they are full.
  void stop_reading();
  void ping();

  State state() const { return state_; }
  bool online() const { return state_ == State::kOnline; }
  // Since the last open().
  bool was_online() const { return was_online_; }
  uint32_t index() const { return index_; }
  bool session_present() const { return session_present_; }
  // Of TLS, of the connection that is open.
  bool is_resumed() const { return layers_ != nullptr && layers_->is_resumed(); }
  bool has_unsent() const { return !unsent_.empty(); }
  uint32_t pings_outstanding() const { return pings_outstanding_; }
  // When the connect was begun, when the last turn of the handshake was taken, when something was last sent.
  int64_t opened_ns() const { return opened_ns_; }
  int64_t sent_ns() const { return sent_ns_; }

  void on_readable();
  void on_writable();

 protected:
  // Takes the whole packets of [begin, end) and returns where the rest begins; nullptr after fail_with(). Answers
  // written to loop().answers() are sent when `answer_bytes` is set.
  virtual const uint8_t* take_packets(const uint8_t* begin, const uint8_t* end, size_t& answer_bytes);
  // Unsent bytes are gone; more may be produced.
  virtual void on_drained() {}

  // The loop of every take_packets(): `take` gets packet by packet and gives false after fail_with().
  template <typename Take>
  const uint8_t* take_each(const uint8_t* begin, const uint8_t* end, Take&& take) {
    protocol::PacketBytes packet;
    while (begin != end) {
      const core::Bytes rest(reinterpret_cast<const std::byte*>(begin), static_cast<size_t>(end - begin));
      const auto framing = protocol::next_packet(rest, packet_bytes_max(), version_, packet);
      if (framing == protocol::Framing::kNeedMore) break;
      if (framing == protocol::Framing::kError) {
        fail_with("the broker sent a malformed packet");
        return nullptr;
      }
      if (!take(packet)) return nullptr;
      begin += packet.packet_bytes;
    }
    return begin;
  }
  // Writes an acknowledgement behind the answers that are there.
  void answer(protocol::PacketType type, protocol::PacketId packet_id, size_t& answer_bytes);
  // For packets that no subclass cares about; false after fail_with().
  bool take_control_packet(const protocol::PacketBytes& packet);
  void send(const uint8_t* data, size_t size);
  void fail_with(const std::string& reason);
  Loop& loop() { return loop_; }
  protocol::ProtocolVersion version() const { return version_; }
  bool speaks5() const { return version_ == protocol::ProtocolVersion::kMqtt5; }
  // The broker's, as CONNACK says it in 5.0.
  uint16_t receive_maximum() const { return receive_maximum_; }
  // What does not fit into the receive buffer was not sent by us.
  uint32_t packet_bytes_max() const { return static_cast<uint32_t>(loop_.receive_bytes()); }

 private:
  void finish_connecting();
  void begin_mqtt();
  void send_connect();
  void send_subscribe();
  void on_connack(const protocol::PacketBytes& packet);
  void on_suback(const protocol::PacketBytes& packet);
  void become_online();
  const uint8_t* take_handshake(const uint8_t* begin, const uint8_t* end);
  // False where nothing has come, or the connection has ended.
  bool receive(std::span<uint8_t> buffer, size_t& bytes);
  void receive_through_layers();
  void take(const uint8_t* begin, const uint8_t* end);
  void send_to_socket(const uint8_t* data, size_t size);
  void send_to_socket(const std::string& bytes) {
    send_to_socket(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  void on_peer_close(int error);
  void close_socket();
  void update_interest();

  Loop& loop_;
  const Target& target_;
  ConnectionOwner& owner_;
  const uint32_t index_;
  int fd_ = -1;
  State state_ = State::kIdle;
  bool reads_ = true;
  bool waits_writable_ = false;
  bool was_online_ = false;
  bool session_present_ = false;
  protocol::ProtocolVersion version_ = protocol::ProtocolVersion::kMqtt311;
  uint16_t receive_maximum_ = protocol::kReceiveMaximumDefault;
  uint32_t pings_outstanding_ = 0;
  int64_t opened_ns_ = 0;
  int64_t sent_ns_ = 0;
  std::vector<uint8_t> kept_;       // the beginning of a packet whose end has not come
  std::vector<uint8_t> unsent_;     // what the socket did not take
  std::unique_ptr<Layers> layers_;  // null: MQTT goes to the socket as it is
  TlsSession session_;              // of a connection before this one, to be resumed
};

}  // namespace penstock::bench
