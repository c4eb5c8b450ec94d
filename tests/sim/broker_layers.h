// Layers between a simulated broker and its clients: toys, as TLS cannot be repeated by a seed, and on top of them the
// real WebSocket. One thread.
//
//   1: toy      2: toy, WebSocket      3: toy, toy, WebSocket
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "broker/transport.h"
#include "core/client_layers.h"
#include "core/random.h"
#include "tests/sim/sim_peer.h"

namespace penstock::ws {
struct ServerRules;
}

namespace penstock::sim {

class LayerSource final : public broker::TransportSource {
 public:
  explicit LayerSource(size_t count);
  std::unique_ptr<broker::Transport> make_transport() const override;

 private:
  size_t count_;
  std::shared_ptr<const ws::ServerRules> web_socket_rules_;
};

// A SimPeer that speaks through so many layers; with none it is one.
class LayeredPeer final : private SimPeer {
 public:
  // `random` outlives it.
  LayeredPeer(SimHub& hub, std::string name, size_t layers, core::Random& random);

  void connect(uint16_t port);
  void send(std::string_view bytes);
  std::string take_received();
  void close();  // with a goodbye of the layers
  bool connected() const { return SimPeer::connected(); }
  // Why its layers cannot read what has come; empty where they can.
  std::string confusion() const { return layers_.failure(); }
  std::function<void()> on_change;

  using SimPeer::cut_after_receiving;
  using SimPeer::cut_after_sending;
  using SimPeer::read_all;
  using SimPeer::read_slowly;
  using SimPeer::reset;
  using SimPeer::state;
  using SimPeer::State;
  using SimPeer::vanish;
  using SimPeer::was_reset;

 private:
  core::ClientLayers fresh_layers();
  void pass_up();
  void send_below(const std::string& bytes);

  size_t count_;
  core::Random& random_;
  core::ClientLayers layers_;
  bool closing_ = false;
};

}  // namespace penstock::sim
