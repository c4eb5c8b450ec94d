// Transport: what stands between the network and a Connection whose listener asks for layers: the PROXY header, TLS,
// WebSocket, in this order from the socket up. It takes the place of the Connection at the socket, hands up to it what
// the layers let through, and sends what it gives through all of them. Answers of the layers themselves (a handshake,
// a pong, an alert, a close frame) go the same way. A Connection without layers has none of this and speaks to the
// network itself.
//
// Owned by its Connection; goes with it to another shard, by mail, and belongs to nobody's network in between. One
// thread, the shard's. Holds no block while it is idle.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "broker/held_bytes.h"
#include "broker/output_buffer.h"
#include "core/network.h"
#include "core/stream_codec.h"
#include "protocol/packet_border.h"
#include "proxy/proxy_header.h"

namespace penstock::proxy {
class ProxyCodec;
}
namespace penstock::tls {
class TlsCodec;
struct PeerIdentity;
}  // namespace penstock::tls

namespace penstock::broker {

class BrokerShard;
class Connection;

// The layers of one connection, from the socket up.
struct TransportLayers {
  static constexpr size_t kCountMax = 3;

  void add(std::unique_ptr<core::StreamCodec> codec) { codecs[count++] = std::move(codec); }

  std::array<std::unique_ptr<core::StreamCodec>, kCountMax> codecs;
  uint8_t count = 0;
  // One of them, or null: its handshake costs so much that only a few steps of such are done in one turn.
  const core::StreamCodec* costly = nullptr;
  const proxy::ProxyCodec* proxy = nullptr;  // the lowest of them, or null
  const tls::TlsCodec* tls = nullptr;        // one of them, or null
  // The top one is given one packet at a time, and none together with another one.
  bool packets_apart = false;
};

class Transport;

// Whoever knows which layers the connections of a listener have. Any thread.
class TransportSource {
 public:
  virtual std::unique_ptr<Transport> make_transport() const = 0;  // null: the connection needs none

 protected:
  ~TransportSource() = default;
};

class Transport final : public core::StreamHandler {
 public:
  // Of answers that the peer does not take. Beyond it the peer is not read, so there is at most what one receive
  // buffer makes on top.
  static constexpr size_t kAnswerBytesMax = 64u << 10;

  explicit Transport(TransportLayers layers) : layers_(std::move(layers)) {}

  // Begins to receive for the connection, here or after on_detached() in another shard. After what was received there
  // has been handled, start() reports what the layers had come to.
  void attach(BrokerShard& shard, Connection& connection);
  void start();

  void on_received(core::Bytes bytes) override;
  void on_sent() override;
  void on_ended(int error) override;
  void on_closed() override;
  void on_detached() override;

  // For the Connection, as the functions of core::Network. What is sent is copied: the buffers are free at once.
  void pause() { set_pause(kForConnection, true); }
  void resume() { set_pause(kForConnection, false); }
  void send(std::span<const iovec> buffers);
  // Something that was given to send() is not with the kernel yet: Connection::on_sent() will follow.
  bool sending() const { return sending_; }
  // Says goodbye in every layer's words, and closes once that is with the kernel. False: there is nothing to be sent,
  // or nobody who would take it; close() now.
  bool say_goodbye();
  void close();
  // Also while answers of the layers are being sent: it waits for them.
  void detach();

  // In a turn that has time for it: what had to wait.
  void go_on();
  // Bytes are here that the shard had no time for yet.
  bool is_held() const { return !held_.empty(); }

  // Who the peer is, by those layers that know. Null or nothing: they do not.
  const core::Endpoint* peer_address() const;
  std::optional<tls::PeerIdentity> peer_identity() const;
  // The common name of its certificate, which was verified here or by a proxy; else empty.
  std::string peer_certificate_name() const;

 private:
  class Pass;
  class Upward;
  // Why nothing is received; any of them is enough.
  enum Pause : uint8_t { kForConnection = 1, kForAnswers = 2, kForTime = 4, kForLeaving = 8 };

  core::StreamState state_of(size_t layer) const { return layers_.codecs[layer]->state(); }
  bool is_open() const;
  void hold(core::Bytes bytes);
  void decode(core::Bytes bytes);
  void report_end();
  void send_apart(core::Bytes packets, Pass& pass);
  const proxy::ProxyHeader* proxy_header() const;
  void forget_proxy_layer();
  void flush();
  void try_detach();
  void set_pause(Pause reason, bool paused);

  TransportLayers layers_;
  BrokerShard* shard_ = nullptr;
  Connection* connection_ = nullptr;
  uint8_t pauses_ = 0;       // of Pause
  bool decoding_ = false;    // received() of some layer is on the stack
  bool sending_ = false;     // for the Connection
  bool reported_ = false;    // the end of a layer, to the Connection
  bool peer_ended_ = false;  // the network said so
  bool goodbye_due_ = false;
  bool goodbye_said_ = false;
  bool closed_ = false;     // the network was told to close
  bool leaving_ = false;    // detach() was called
  bool detaching_ = false;  // and that of the network
  int peer_error_ = 0;
  protocol::PacketBorder border_;  // of what send() was given
  HeldBytes held_;
  OutputBuffer output_;
  std::unique_ptr<const proxy::ProxyHeader> proxied_;  // null without one
};

}  // namespace penstock::broker
