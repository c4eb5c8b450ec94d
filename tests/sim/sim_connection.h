// SimConnection: one TCP connection between a broker's socket and a peer of the simulated world, and SimHub, the wire
// between all of them: it knows who listens, makes connections and moves bytes. Order within a direction is kept; where
// the bytes are split, how long they take and which direction goes first is drawn from the seed. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/network.h"
#include "tests/sim/sim_world.h"

namespace penstock::sim {

class SimNetwork;
class SimPeer;
class SimHub;

// One direction: the sender's socket buffer, the wire and the receiver's socket buffer in one.
class SimPipe {
 public:
  explicit SimPipe(size_t capacity_bytes) : capacity_(capacity_bytes) {}

  size_t room() const {
    return broken_ || bytes_.size() - head_ >= capacity_ ? 0 : capacity_ - (bytes_.size() - head_);
  }
  size_t on_the_way() const { return bytes_.size() - head_ - arrived_; }
  size_t arrived() const { return arrived_; }
  uint64_t passed() const { return passed_; }  // bytes that have arrived since the start

  // At most room() of them; returns how many.
  size_t put(core::Bytes bytes);
  // Up to `bytes_max` of those that have arrived.
  std::string take(size_t bytes_max);
  void arrive(size_t bytes);
  void finish() { finish_sent_ = true; }
  bool has_news() const { return on_the_way() > 0 || (finish_sent_ && !finish_arrived_); }
  void arrive_finish() { finish_arrived_ = finish_sent_ && on_the_way() == 0; }
  // The receiver sees the end once it has taken all that arrived.
  bool ended() const { return arrived_ == 0 && (finish_arrived_ || broken_); }
  bool finish_arrived() const { return finish_arrived_; }
  bool broken() const { return broken_; }
  // What is on the way is lost; `lose_arrived` too where the reset overtakes the reader.
  void break_off(bool lose_arrived);

  uint64_t cut_at = UINT64_MAX;  // the connection breaks when so many bytes have arrived
  bool arrival_scheduled = false;

 private:
  size_t capacity_;
  std::string bytes_;
  size_t head_ = 0;
  size_t arrived_ = 0;
  uint64_t passed_ = 0;
  bool finish_sent_ = false;
  bool finish_arrived_ = false;
  bool broken_ = false;
};

struct WireOptions {
  size_t to_broker_bytes = 64u << 10;  // socket buffers, both ends together
  size_t to_peer_bytes = 64u << 10;
  int64_t latency_ns_min = 10'000;
  int64_t latency_ns_max = 3'000'000;
};

struct SimConnection {
  SimConnection(core::SocketId socket, const WireOptions& options)
      : id(socket), wire(options), to_broker(options.to_broker_bytes), to_peer(options.to_peer_bytes) {}
  core::SocketId id;
  WireOptions wire;
  SimPipe to_broker;
  SimPipe to_peer;
  SimNetwork* network = nullptr;  // where the broker's side is attached
  SimPeer* peer = nullptr;
  int64_t last_received_ns = 0;  // by the broker's side
  bool silent = false;           // nothing passes any more, and nobody is told
};
using ConnectionPointer = std::shared_ptr<SimConnection>;

class SimHub {
 public:
  explicit SimHub(SimWorld& world) : world_(world) {}
  SimHub(const SimHub&) = delete;

  SimWorld& world() { return world_; }
  // Open sockets of the broker's side, attached or not.
  size_t broker_sockets() const { return sockets_.size(); }

 private:
  friend class SimNetwork;
  friend class SimPeer;
  struct Listener {
    SimNetwork* network;
    core::AcceptHandler* handler;
  };

  void connect(SimPeer& peer, uint16_t port, const WireOptions& options);
  void accept(const std::weak_ptr<SimPeer*>& peer, uint16_t port, const WireOptions& options);
  // Call after something was put into the direction.
  void move(const ConnectionPointer& connection, bool to_broker);
  void arrived(const ConnectionPointer& connection, bool to_broker);
  void tell_broker(const ConnectionPointer& connection);
  void tell_peer(const ConnectionPointer& connection);
  // Reset by anyone: both sides learn it (later), except on a silent connection.
  void reset(const ConnectionPointer& connection);
  void forget_socket(core::SocketId id) { sockets_.erase(id.value()); }
  ConnectionPointer socket(core::SocketId id) const;
  int64_t delay(const SimConnection& connection);

  SimWorld& world_;
  std::multimap<uint16_t, Listener> listeners_;
  std::map<int32_t, ConnectionPointer> sockets_;
  uint16_t next_port_ = 40000;
};

}  // namespace penstock::sim
