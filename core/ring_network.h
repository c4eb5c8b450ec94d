// RingNetwork: Network on io_uring: multishot accept, multishot receive into provided buffers, one send at a time per
// socket. Belongs to the thread of its Ring. maintain() is called once per turn before poll().
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "core/network.h"
#include "core/receive_buffers.h"
#include "core/ring.h"

namespace penstock::core {

// Fails when somebody else listens there. SO_REUSEPORT, which our shards need among themselves, would let us share the
// port with another broker of the same user without a word.
Status check_not_taken(const Endpoint& endpoint);

class RingNetwork final : public Network, private RingSocketHandler {
 public:
  static Result<std::unique_ptr<RingNetwork>> create(Ring& ring, ReceiveBuffers::Options options);
  ~RingNetwork();

  Result<Endpoint> listen(const Endpoint& endpoint, AcceptHandler& handler) override;
  void stop_listening() override;
  void attach(SocketId socket, StreamHandler& handler) override;
  void pause(SocketId socket) override;
  void resume(SocketId socket) override;
  void send(SocketId socket, std::span<const iovec> buffers) override;
  PeerState peer_state(SocketId socket) override;
  Endpoint peer_address(SocketId socket) override;
  void close(SocketId socket) override;
  void detach(SocketId socket) override;

  // Hands out connections that were accepted, a bounded number each time. Finishes closes and detaches that had nothing
  // to wait for, and retries accepts that failed for want of descriptors. Returns true when there is more to do, so
  // that the turn should not sleep.
  bool maintain(int64_t now_ns);

 private:
  struct Socket {
    StreamHandler* handler = nullptr;
    uint32_t send_bytes = 0;  // asked for by the pending send
    bool receive_wanted : 1 = false;
    bool receive_armed : 1 = false;
    bool cancel_pending : 1 = false;
    bool sending : 1 = false;
    bool ended : 1 = false;  // on_ended was called
    bool closing : 1 = false;
    bool detaching : 1 = false;
    bool deferred : 1 = false;  // stands in deferred_
  };
  class Listener;
  // A message header must live until the kernel has taken the submission.
  struct SendHeader {
    msghdr header;
    iovec buffers[kSendBuffersMax];
  };

  explicit RingNetwork(Ring& ring);
  void on_socket_completion(uint64_t detail, int32_t result, uint32_t flags) override;
  void on_receive(SocketId id, int32_t result, uint32_t flags);
  void on_send(SocketId id, int32_t result);
  Socket& socket_of(SocketId id);
  void arm_receive(SocketId id, Socket& socket);
  void cancel_receive(SocketId id, Socket& socket);
  void settle(SocketId id, Socket& socket);
  void defer(SocketId id, Socket& socket);
  void end(Socket& socket, int error);
  SendHeader& next_send_header();

  Ring& ring_;
  std::unique_ptr<ReceiveBuffers> buffers_;
  std::vector<Socket> sockets_;  // by descriptor
  std::vector<SocketId> deferred_;
  std::vector<SocketId> settling_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::deque<SendHeader> send_headers_;
  size_t send_headers_used_ = 0;
};

}  // namespace penstock::core
