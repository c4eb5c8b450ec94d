#include "tests/sim/sim_network.h"

#include <algorithm>
#include <cerrno>

#include "core/check.h"
#include "tests/sim/sim_peer.h"

namespace penstock::sim {

SimNetwork::~SimNetwork() {
  die(Death::kKilled);
}

core::Result<core::Endpoint> SimNetwork::listen(const core::Endpoint& endpoint, core::AcceptHandler& handler) {
  core::Endpoint bound = endpoint;
  if (bound.port == 0) bound.port = hub_.next_port_++;
  hub_.listeners_.emplace(bound.port, SimHub::Listener{this, &handler});
  return bound;
}

void SimNetwork::stop_listening() {
  std::erase_if(hub_.listeners_, [&](const auto& entry) { return entry.second.network == this; });
}

SimNetwork::Socket& SimNetwork::attached_socket(core::SocketId id) {
  const auto found = sockets_.find(id.value());
  if (found == sockets_.end()) hub_.world_.trace("net: use of a socket that is not attached here", "", id.value());
  CHECK(found != sockets_.end());
  return found->second;
}

void SimNetwork::attach(core::SocketId id, core::StreamHandler& handler) {
  const ConnectionPointer connection = hub_.socket(id);
  CHECK(connection->network == nullptr);
  connection->network = this;
  sockets_.emplace(id.value(), Socket{.connection = connection, .handler = &handler});
  wake(id);
}

void SimNetwork::pause(core::SocketId id) {
  Socket& socket = attached_socket(id);
  if (socket.receiving) socket.late_receives = static_cast<uint32_t>(hub_.world_.random().below(3));
  socket.receiving = false;
}

void SimNetwork::resume(core::SocketId id) {
  Socket& socket = attached_socket(id);
  if (socket.closing || socket.detaching || socket.ended) return;
  socket.receiving = true;
  wake(id);
}

void SimNetwork::send(core::SocketId id, std::span<const iovec> buffers) {
  Socket& socket = attached_socket(id);
  CHECK(!socket.sending && !socket.closing && !socket.detaching);
  CHECK(!buffers.empty());
  CHECK_LE(buffers.size(), kSendBuffersMax);
  socket.sending = true;
  socket.buffers.assign(buffers.begin(), buffers.end());
  wake(id);
}

core::PeerState SimNetwork::peer_state(core::SocketId id) {
  const SimConnection& connection = *attached_socket(id).connection;
  return {.closed = connection.to_broker.finish_arrived() || connection.to_broker.broken(),
          .last_received_ns = connection.last_received_ns};
}

core::Endpoint SimNetwork::peer_address(core::SocketId id) {
  return {"10.0.0.1", static_cast<uint16_t>(id.value())};
}

void SimNetwork::close(core::SocketId id) {
  Socket& socket = attached_socket(id);
  if (socket.closing) return;
  socket.closing = true;
  socket.receiving = false;
  wake(id);
}

void SimNetwork::detach(core::SocketId id) {
  Socket& socket = attached_socket(id);
  CHECK(!socket.sending && !socket.closing && !socket.detaching);
  if (socket.receiving) socket.late_receives = static_cast<uint32_t>(hub_.world_.random().below(3));
  socket.detaching = true;
  socket.receiving = false;
  wake(id);
}

void SimNetwork::wake(core::SocketId id) {
  const auto found = sockets_.find(id.value());
  if (found == sockets_.end() || found->second.woken) return;
  if (duties(found->second).empty()) return;
  found->second.woken = true;
  // The connection, not the number, says whether this is still the same socket.
  hub_.world_.within(1'000, 200'000,
                     [this, alive = std::weak_ptr(alive_), id, weak = std::weak_ptr(found->second.connection)] {
                       if (alive.expired()) return;
                       const auto now = sockets_.find(id.value());
                       if (now != sockets_.end() && now->second.connection == weak.lock()) serve(id);
                     });
}

std::vector<SimNetwork::Duty> SimNetwork::duties(const Socket& socket) const {
  std::vector<Duty> found;
  const SimPipe& in = socket.connection->to_broker;
  const SimPipe& out = socket.connection->to_peer;
  const bool may_receive = !socket.ended && !socket.closing && (socket.receiving || socket.late_receives > 0);
  if (may_receive && in.arrived() > 0) found.push_back(Duty::kReceive);
  if (may_receive && in.ended() && !socket.detaching) found.push_back(Duty::kEnd);
  if (socket.sending && !socket.closing) {
    if (socket.buffers.empty()) {
      found.push_back(Duty::kSent);
    } else if (out.room() > 0) {
      found.push_back(Duty::kSend);
    } else if (out.broken() && !socket.ended) {
      found.push_back(Duty::kEnd);  // EPIPE
    }
  }
  const bool leftovers = socket.detaching && may_receive && in.arrived() > 0;
  if ((socket.closing || socket.detaching) && !leftovers) found.push_back(Duty::kSettle);
  return found;
}

void SimNetwork::serve(core::SocketId id) {
  Socket& socket = sockets_.at(id.value());
  socket.woken = false;
  const std::vector<Duty> found = duties(socket);
  if (found.empty()) return;
  const std::weak_ptr alive = alive_;
  switch (found[hub_.world_.random().below(found.size())]) {
    case Duty::kReceive:
      receive(socket);
      break;
    case Duty::kSend:
      move_send(socket);
      break;
    case Duty::kSettle:
      settle(id, socket);
      break;
    case Duty::kSent:
      socket.sending = false;
      hub_.world_.trace("net sent", "", id.value());
      socket.handler->on_sent();
      break;
    case Duty::kEnd: {
      const int error = socket.connection->to_broker.broken() ? ECONNRESET : 0;
      socket.ended = true;
      socket.receiving = false;
      socket.late_receives = 0;
      hub_.world_.trace("net ended", "", id.value(), error);
      socket.handler->on_ended(error);
      break;
    }
  }
  if (!alive.expired()) wake(id);
}

void SimNetwork::receive(Socket& socket) {
  core::SeededRandom& random = hub_.world_.random();
  size_t bytes =
      random.chance(1, 3) ? random.below(std::min<size_t>(socket.connection->to_broker.arrived(), 64)) + 1 : SIZE_MAX;
  if (socket.late_receives > 0) --socket.late_receives;
  const std::string taken = socket.connection->to_broker.take(bytes);
  hub_.world_.trace("net received", "", socket.connection->id.value(), static_cast<int64_t>(taken.size()));
  hub_.tell_peer(socket.connection);  // room for more
  const std::vector<std::byte> lent(core::as_bytes(taken).begin(), core::as_bytes(taken).end());
  socket.handler->on_received(lent);
}

void SimNetwork::move_send(Socket& socket) {
  SimPipe& out = socket.connection->to_peer;
  size_t budget = hub_.world_.random().chance(1, 4) ? hub_.world_.random().below(out.room()) + 1 : out.room();
  while (!socket.buffers.empty() && budget > 0) {
    iovec& buffer = socket.buffers.front();
    const size_t part = std::min(budget, buffer.iov_len);
    out.put({static_cast<const std::byte*>(buffer.iov_base), part});
    budget -= part;
    buffer.iov_base = static_cast<std::byte*>(buffer.iov_base) + part;
    buffer.iov_len -= part;
    if (buffer.iov_len == 0) socket.buffers.erase(socket.buffers.begin());
  }
  hub_.move(socket.connection, false);
}

void SimNetwork::settle(core::SocketId id, Socket& socket) {
  const ConnectionPointer connection = socket.connection;
  core::StreamHandler* handler = socket.handler;
  const bool closing = socket.closing;
  if (closing && socket.sending && hub_.world_.random().chance(1, 2) && connection->to_peer.room() > 0)
    move_send(socket);
  connection->network = nullptr;
  sockets_.erase(id.value());
  if (!closing) {
    hub_.world_.trace("net detached", "", id.value());
    handler->on_detached();
    return;
  }
  hub_.world_.trace("net closed", "", id.value());
  lose_connection(connection, false);
  handler->on_closed();
}

// The broker's end is gone. Unread bytes make TCP answer with a reset that may overtake what was sent before.
void SimNetwork::lose_connection(const ConnectionPointer& connection, bool silently) {
  hub_.forget_socket(connection->id);
  connection->network = nullptr;
  if (silently) {
    connection->silent = true;
  } else if (connection->to_broker.arrived() > 0 || connection->to_broker.on_the_way() > 0) {
    hub_.reset(connection);
  } else {
    connection->to_peer.finish();
    hub_.move(connection, false);
    connection->to_broker.break_off(true);
  }
}

void SimNetwork::die(Death death) {
  stop_listening();
  alive_ = std::make_shared<bool>(true);
  sockets_.clear();
  const auto sockets = hub_.sockets_;
  for (const auto& [id, connection] : sockets) {
    if (connection->network != nullptr && connection->network != this) continue;
    lose_connection(connection, death == Death::kPowerCut);
  }
}

}  // namespace penstock::sim
