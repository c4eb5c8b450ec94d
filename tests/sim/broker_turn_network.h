// TurnNetwork: core::Network of one shard of a simulated broker. Every event of its SimNetwork begins that shard's turn
// first, so that handlers run within one, as they do in production. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "core/check.h"
#include "tests/sim/broker_heap.h"
#include "tests/sim/sim_network.h"

namespace penstock::sim {

class TurnNetwork final : public core::Network {
 public:
  TurnNetwork(SimHub& hub, std::function<void()> begin_turn) : network_(hub), begin_turn_(std::move(begin_turn)) {}
  TurnNetwork(const TurnNetwork&) = delete;

  void die(SimNetwork::Death death) {
    network_.die(death);
    sockets_.clear();
  }

  core::Result<core::Endpoint> listen(const core::Endpoint& endpoint, core::AcceptHandler& handler) override {
    const HeapScope scope(HeapOwner::kWorld);
    acceptors_.push_back(std::make_unique<Acceptor>(*this, handler));
    return network_.listen(endpoint, *acceptors_.back());
  }
  void stop_listening() override {
    in_world([&] { network_.stop_listening(); });
  }
  void attach(core::SocketId socket, core::StreamHandler& handler) override {
    const HeapScope scope(HeapOwner::kWorld);
    auto& place = sockets_[socket.value()];
    CHECK(place == nullptr);
    place = std::make_unique<Socket>(*this, socket, handler);
    network_.attach(socket, *place);
  }
  void pause(core::SocketId socket) override {
    in_world([&] { network_.pause(socket); });
  }
  void resume(core::SocketId socket) override {
    in_world([&] { network_.resume(socket); });
  }
  void send(core::SocketId socket, std::span<const iovec> buffers) override {
    in_world([&] { network_.send(socket, buffers); });
  }
  core::PeerState peer_state(core::SocketId socket) override {
    return in_world([&] { return network_.peer_state(socket); });
  }
  core::Endpoint peer_address(core::SocketId socket) override {
    return in_world([&] { return network_.peer_address(socket); });
  }
  void close(core::SocketId socket) override {
    in_world([&] { network_.close(socket); });
  }
  void detach(core::SocketId socket) override {
    in_world([&] { network_.detach(socket); });
  }

 private:
  struct Socket final : core::StreamHandler {
    Socket(TurnNetwork& network, core::SocketId socket, core::StreamHandler& stream_handler)
        : owner(network), id(socket), handler(stream_handler) {}
    void on_received(core::Bytes bytes) override {
      owner.begin_turn_();
      in_broker([&] { handler.on_received(bytes); });
    }
    void on_sent() override {
      owner.begin_turn_();
      in_broker([&] { handler.on_sent(); });
    }
    void on_ended(int error) override {
      owner.begin_turn_();
      in_broker([&] { handler.on_ended(error); });
    }
    void on_closed() override {
      owner.begin_turn_();
      core::StreamHandler& last = handler;
      owner.sockets_.erase(id.value());
      in_broker([&] { last.on_closed(); });
    }
    void on_detached() override {
      owner.begin_turn_();
      core::StreamHandler& last = handler;
      owner.sockets_.erase(id.value());
      in_broker([&] { last.on_detached(); });
    }
    TurnNetwork& owner;
    core::SocketId id;
    core::StreamHandler& handler;
  };

  struct Acceptor final : core::AcceptHandler {
    Acceptor(TurnNetwork& network, core::AcceptHandler& accept_handler) : owner(network), handler(accept_handler) {}
    void on_accepted(core::SocketId socket) override {
      owner.begin_turn_();
      in_broker([&] { handler.on_accepted(socket); });
    }
    TurnNetwork& owner;
    core::AcceptHandler& handler;
  };

  SimNetwork network_;
  std::function<void()> begin_turn_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::map<int32_t, std::unique_ptr<Socket>> sockets_;
};

}  // namespace penstock::sim
