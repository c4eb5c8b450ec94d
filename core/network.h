// Network: the seam to sockets. Every event arrives on the thread that owns this Network, from its poll; never inside
// the call that causes it. Production is RingNetwork (io_uring); tests use a simulated network that delays, reorders
// and cuts.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <string>

#include "core/bytes.h"
#include "core/result.h"
#include "core/strong_id.h"

namespace penstock::core {

struct SocketTag;
using SocketId = StrongId<SocketTag, int32_t>;
constexpr SocketId kNoSocket{-1};

// An address to listen on. `host` is a numeric IPv4 or IPv6 address (without brackets) or a name that resolves.
struct Endpoint {
  std::string host;
  uint16_t port = 0;  // 0: the kernel picks one
};

// "127.0.0.1:1883", "[::1]:1883"
std::string to_string(const Endpoint& endpoint);

// Events of one connected socket. All calls on the owning shard's thread.
class StreamHandler {
 public:
  // The bytes die on return. Called again and again until pause(), detach() or close().
  virtual void on_received(Bytes bytes) = 0;
  // The buffers given to send() are free again and all bytes of them are with the kernel.
  virtual void on_sent() = 0;
  // The peer closed its side (error 0) or the connection broke (errno). Once at most; no on_received follows. The owner
  // then calls close(). A pending send may still report on_sent() before.
  virtual void on_ended(int error) = 0;
  // After close(): no operation holds this handler or its buffers any more; it may be destroyed.
  virtual void on_closed() = 0;
  // After detach(): the same, and the socket now belongs to the caller. `leftover` bytes arrived in the meantime come
  // through on_received() before.
  virtual void on_detached() = 0;

 protected:
  ~StreamHandler() = default;
};

class AcceptHandler {
 public:
  // The socket belongs to the handler from now on.
  virtual void on_accepted(SocketId socket) = 0;

 protected:
  ~AcceptHandler() = default;
};

// What has happened to a connection, whether it was received through here yet or not.
struct PeerState {
  bool closed = false;           // the peer has closed its side, or the connection broke
  int64_t last_received_ns = 0;  // Clock::monotonic_ns() when its newest bytes arrived, to within kArrivalErrorNs
};
constexpr int64_t kArrivalErrorNs = 10'000'000;  // the kernel keeps that time in its ticks, of up to 10 ms

class Network {
 public:
  virtual ~Network() = default;

  // Listens (SO_REUSEPORT, so that every shard can) and accepts until the Network ends or stop_listening().
  // Returns the endpoint with the port that the kernel picked.
  virtual Result<Endpoint> listen(const Endpoint& endpoint, AcceptHandler& handler) = 0;
  virtual void stop_listening() = 0;

  // Starts to receive. The handler lives until on_closed() or on_detached().
  virtual void attach(SocketId socket, StreamHandler& handler) = 0;
  // Stops receiving soon: what the kernel has already handed over still arrives through on_received(). TCP then slows
  // the peer. resume() takes it back.
  virtual void pause(SocketId socket) = 0;
  virtual void resume(SocketId socket) = 0;
  // One send at a time: the next only after on_sent(). The buffers stay alive until on_sent() or on_closed(); the iovec
  // array itself is copied (at most kSendBuffersMax).
  virtual void send(SocketId socket, std::span<const iovec> buffers) = 0;
  // Asks, does not wait. For rare questions: it is a system call.
  virtual PeerState peer_state(SocketId socket) = 0;
  // Where the peer is; empty when the kernel does not know any more. Another system call.
  virtual Endpoint peer_address(SocketId socket) = 0;
  // Ends the connection. Bytes of a pending send may be lost. on_closed() follows, always.
  virtual void close(SocketId socket) = 0;
  // Takes the socket out of this Network to attach it to another one. Must not be called with a send pending.
  virtual void detach(SocketId socket) = 0;

  static constexpr size_t kSendBuffersMax = 16;
};

}  // namespace penstock::core
