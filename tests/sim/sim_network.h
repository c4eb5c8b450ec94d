// SimNetwork: core::Network of one simulated shard. Sockets of all shards hang on one SimHub, so one can be detached
// here and attached to another shard's. Events come as steps of the SimWorld. Received bytes lie in a buffer of their
// own that dies on return, and buffers of a pending send are read until on_sent() or on_closed(), so that a sanitizer
// sees misuse. One thread. It outlives nothing: destroy it after the code under test, before the hub.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "core/network.h"
#include "tests/sim/sim_connection.h"

namespace penstock::sim {

class SimNetwork final : public core::Network {
 public:
  explicit SimNetwork(SimHub& hub) : hub_(hub) {}
  ~SimNetwork() override;

  core::Result<core::Endpoint> listen(const core::Endpoint& endpoint, core::AcceptHandler& handler) override;
  void stop_listening() override;
  void attach(core::SocketId socket, core::StreamHandler& handler) override;
  void pause(core::SocketId socket) override;
  void resume(core::SocketId socket) override;
  void send(core::SocketId socket, std::span<const iovec> buffers) override;
  core::PeerState peer_state(core::SocketId socket) override;
  core::Endpoint peer_address(core::SocketId socket) override;
  void close(core::SocketId socket) override;
  void detach(core::SocketId socket) override;

  // The process dies: no handler is called any more. Its kernel still sends what it was given, then FIN or
  // RST; after a power cut the peers see nothing at all.
  // Also sockets that were accepted and not attached, or are between two shards, die with the first of its networks.
  enum class Death : uint8_t { kKilled, kPowerCut };
  void die(Death death);

  size_t attached() const { return sockets_.size(); }

 private:
  friend class SimHub;
  struct Socket {
    ConnectionPointer connection;
    core::StreamHandler* handler;
    bool receiving = true;
    uint32_t late_receives = 0;  // what the kernel had handed over when pause() or detach() came
    bool ended = false;
    bool closing = false;
    bool detaching = false;
    bool sending = false;
    bool woken = false;          // an event to serve it is under way
    std::vector<iovec> buffers;  // of the pending send, what is left of it
  };
  enum class Duty : uint8_t { kReceive, kEnd, kSend, kSent, kSettle };

  void wake(core::SocketId id);
  void serve(core::SocketId id);
  std::vector<Duty> duties(const Socket& socket) const;
  void receive(Socket& socket);
  void move_send(Socket& socket);
  void settle(core::SocketId id, Socket& socket);
  void lose_connection(const ConnectionPointer& connection, bool silently);
  Socket& attached_socket(core::SocketId id);

  SimHub& hub_;
  std::map<int32_t, Socket> sockets_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace penstock::sim
