// ScriptNetwork: core::Network whose every event a test has written: what is at the socket and not yet received, when
// the turn looks at it, what the peer has taken. Events go to the handlers in dispatch() only. One thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/clock.h"
#include "core/network.h"

namespace penstock::broker {

class ScriptNetwork final : public core::Network {
 public:
  explicit ScriptNetwork(core::Clock& clock) : clock_(clock) {}

  // --- The far side.
  // A new connection to the n-th listener; the shard has it at once.
  core::SocketId connect(size_t listener = 0) {
    const core::SocketId id(next_socket_++);
    accept_handlers_.at(listener)->on_accepted(id);
    return id;
  }
  // Bytes reach the kernel now; the next dispatch() in which the broker receives hands them over.
  void arrive(core::SocketId id, std::string_view bytes) {
    Socket& socket = sockets_.at(id.value());
    socket.unread += bytes;
    socket.last_received_ns = clock_.monotonic_ns();
  }
  // The broker has no buffer for what is there, so many times that it looks.
  void delay(core::SocketId id, int dispatches) { sockets_.at(id.value()).delay = dispatches; }
  void finish(core::SocketId id) { sockets_.at(id.value()).finished = true; }
  // Takes no more of what is sent to it.
  void stop_reading(core::SocketId id) { sockets_.at(id.value()).deaf = true; }
  void go_on_reading(core::SocketId id) { sockets_.at(id.value()).deaf = false; }
  // What it has been sent since the last call; also after the end.
  std::string take(core::SocketId id) { return std::exchange(output_[id.value()], {}); }
  // What the broker has not received yet.
  size_t unread(core::SocketId id) const { return sockets_.at(id.value()).unread.size(); }
  bool is_open(core::SocketId id) const { return sockets_.contains(id.value()); }

  // All that is due: in production the completions of one turn.
  void dispatch() {
    std::vector<int32_t> ids;
    for (const auto& [id, socket] : sockets_) ids.push_back(id);
    for (const int32_t id : ids) serve(id);
  }

  // --- core::Network
  core::Result<core::Endpoint> listen(const core::Endpoint& endpoint, core::AcceptHandler& handler) override {
    accept_handlers_.push_back(&handler);
    return endpoint;
  }
  void stop_listening() override {}
  void attach(core::SocketId id, core::StreamHandler& handler) override {
    sockets_[id.value()] = Socket{.handler = &handler, .last_received_ns = clock_.monotonic_ns()};
  }
  void pause(core::SocketId id) override { sockets_.at(id.value()).receiving = false; }
  void resume(core::SocketId id) override { sockets_.at(id.value()).receiving = true; }
  void send(core::SocketId id, std::span<const iovec> buffers) override {
    Socket& socket = sockets_.at(id.value());
    CHECK(!socket.sending && !socket.closing);
    socket.sending = true;
    for (const iovec& buffer : buffers) socket.sent.append(static_cast<const char*>(buffer.iov_base), buffer.iov_len);
  }
  core::PeerState peer_state(core::SocketId id) override {
    const Socket& socket = sockets_.at(id.value());
    return {.closed = socket.finished, .last_received_ns = socket.last_received_ns};
  }
  core::Endpoint peer_address(core::SocketId) override { return {"10.0.0.1", 1}; }
  void close(core::SocketId id) override { sockets_.at(id.value()).closing = true; }
  void detach(core::SocketId) override { CHECK(false); }

 private:
  struct Socket {
    core::StreamHandler* handler = nullptr;
    std::string unread;
    std::string sent;
    int64_t last_received_ns = 0;
    int delay = 0;
    bool receiving = true;
    bool finished = false;
    bool ended = false;
    bool deaf = false;
    bool sending = false;
    bool closing = false;
  };

  // As multishot receive does: bytes and the end of one turn both come, though the first makes the broker pause.
  void serve(int32_t id) {
    Socket& socket = sockets_.at(id);
    if (socket.delay > 0) --socket.delay;
    const bool receives = socket.receiving && !socket.ended && socket.delay == 0;
    if (receives && !socket.unread.empty() && !socket.closing) {
      const std::string bytes = std::exchange(socket.unread, {});
      socket.handler->on_received(core::as_bytes(bytes));
    }
    if (receives && socket.finished && !socket.closing) {
      socket.ended = true;
      socket.handler->on_ended(0);
    }
    if (socket.sending && !socket.deaf && !socket.closing) {
      socket.sending = false;
      output_[id] += std::exchange(socket.sent, {});
      socket.handler->on_sent();
    }
    if (!socket.closing) return;
    core::StreamHandler* handler = socket.handler;
    sockets_.erase(id);
    handler->on_closed();
  }

  core::Clock& clock_;
  std::vector<core::AcceptHandler*> accept_handlers_;
  int32_t next_socket_ = 10;
  std::map<int32_t, Socket> sockets_;
  std::map<int32_t, std::string> output_;
};

}  // namespace penstock::broker
