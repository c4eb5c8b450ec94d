#include "tests/sim/sim_connection.h"

#include <algorithm>

#include "core/check.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_peer.h"

namespace penstock::sim {

size_t SimPipe::put(core::Bytes bytes) {
  const size_t taken = std::min(bytes.size(), room());
  bytes_.append(core::as_text(bytes.first(taken)));
  return taken;
}

std::string SimPipe::take(size_t bytes_max) {
  const size_t taken = std::min(bytes_max, arrived_);
  std::string bytes = bytes_.substr(head_, taken);
  head_ += taken;
  arrived_ -= taken;
  if (head_ > 4096 && head_ * 2 > bytes_.size()) {
    bytes_.erase(0, head_);
    head_ = 0;
  }
  return bytes;
}

void SimPipe::arrive(size_t bytes) {
  CHECK_LE(bytes, on_the_way());
  arrived_ += bytes;
  passed_ += bytes;
}

void SimPipe::break_off(bool lose_arrived) {
  bytes_.resize(head_ + arrived_);
  if (lose_arrived) {
    bytes_.resize(head_);
    arrived_ = 0;
  }
  broken_ = true;
}

ConnectionPointer SimHub::socket(core::SocketId id) const {
  const auto found = sockets_.find(id.value());
  CHECK(found != sockets_.end());
  return found->second;
}

int64_t SimHub::delay(const SimConnection& connection) {
  const auto span = static_cast<uint64_t>(connection.wire.latency_ns_max - connection.wire.latency_ns_min);
  return connection.wire.latency_ns_min + static_cast<int64_t>(world_.random().below(span + 1));
}

void SimHub::connect(SimPeer& peer, uint16_t port, const WireOptions& options) {
  world_.within(options.latency_ns_min, options.latency_ns_max,
                [this, weak = std::weak_ptr(peer.self_), port, options] { accept(weak, port, options); });
}

void SimHub::accept(const std::weak_ptr<SimPeer*>& peer, uint16_t port, const WireOptions& options) {
  const auto alive = peer.lock();
  if (!alive) return;
  const auto [begin, end] = listeners_.equal_range(port);
  const auto count = static_cast<uint64_t>(std::distance(begin, end));
  if (count == 0) {
    world_.trace("net refused", (*alive)->name(), port);
    (*alive)->refused();
    return;
  }
  // Any of the shards that listen on this port.
  const Listener listener = std::next(begin, static_cast<int64_t>(world_.random().below(count)))->second;
  // The lowest free number, as the kernel gives descriptors: a stale one soon names somebody else's socket.
  int32_t id = 10;
  while (sockets_.contains(id)) ++id;
  const auto connection = std::make_shared<SimConnection>(core::SocketId(id), options);
  connection->peer = *alive;
  sockets_.emplace(id, connection);
  world_.trace("net accept", (*alive)->name(), id, port);
  (*alive)->connected(connection);
  listener.handler->on_accepted(connection->id);
}

void SimHub::move(const ConnectionPointer& connection, bool to_broker) {
  SimPipe& pipe = to_broker ? connection->to_broker : connection->to_peer;
  if (pipe.arrival_scheduled || !pipe.has_news() || connection->silent || pipe.broken()) return;
  pipe.arrival_scheduled = true;
  world_.after(delay(*connection), [this, connection, to_broker] { arrived(connection, to_broker); });
}

void SimHub::arrived(const ConnectionPointer& connection, bool to_broker) {
  SimPipe& pipe = to_broker ? connection->to_broker : connection->to_peer;
  pipe.arrival_scheduled = false;
  if (connection->silent || pipe.broken()) return;
  core::SeededRandom& random = world_.random();
  size_t bytes = pipe.on_the_way();
  if (bytes > 0 && random.chance(1, 2))
    bytes = random.below(std::min<size_t>(bytes, random.chance(1, 4) ? 8 : bytes)) + 1;
  bytes = static_cast<size_t>(std::min<uint64_t>(bytes, pipe.cut_at - std::min(pipe.cut_at, pipe.passed())));
  pipe.arrive(bytes);
  if (to_broker && bytes > 0) connection->last_received_ns = world_.clock().monotonic_ns();
  pipe.arrive_finish();
  if (pipe.passed() >= pipe.cut_at) {
    world_.trace("net cut", "", connection->id.value(), static_cast<int64_t>(pipe.passed()));
    reset(connection);
    return;
  }
  move(connection, to_broker);
  if (to_broker) {
    tell_broker(connection);
  } else {
    tell_peer(connection);
  }
}

void SimHub::tell_broker(const ConnectionPointer& connection) {
  if (connection->network != nullptr) connection->network->wake(connection->id);
}

void SimHub::tell_peer(const ConnectionPointer& connection) {
  if (connection->peer != nullptr) connection->peer->wake();
}

void SimHub::reset(const ConnectionPointer& connection) {
  if (connection->silent) return;
  const bool lose_arrived = world_.random().chance(1, 2);
  connection->to_broker.break_off(lose_arrived);
  connection->to_peer.break_off(lose_arrived);
  world_.after(delay(*connection), [this, connection] {
    tell_broker(connection);
    tell_peer(connection);
  });
}

}  // namespace penstock::sim
