#include "tests/sim/broker_layers.h"

#include <algorithm>
#include <utility>

#include "tests/support/toy_codec.h"
#include "ws/handshake.h"
#include "ws/ws_client.h"
#include "ws/ws_codec.h"

namespace penstock::sim {
namespace {

using test::ToyCodec;

constexpr size_t kToysMax = 2;

size_t toys_of(size_t layers) {
  return layers <= 1 ? layers : std::min(layers - 1, kToysMax);
}

}  // namespace

LayerSource::LayerSource(size_t count) : count_(count), web_socket_rules_(std::make_shared<ws::ServerRules>()) {}

std::unique_ptr<broker::Transport> LayerSource::make_transport() const {
  broker::TransportLayers layers;
  for (size_t i = 0; i < toys_of(count_); ++i) layers.add(std::make_unique<ToyCodec>(ToyCodec::Side::kServer));
  layers.costly = layers.codecs[0].get();
  if (count_ > 1) {
    layers.packets_apart = true;  // as broker::Listener does
    layers.add(std::make_unique<ws::WsCodec>(web_socket_rules_));
  }
  return std::make_unique<broker::Transport>(std::move(layers));
}

LayeredPeer::LayeredPeer(SimHub& hub, std::string name, size_t layers, core::Random& random)
    : SimPeer(hub, std::move(name)), count_(layers), random_(random) {
  SimPeer::on_change = [this] {
    pass_up();
    if (on_change) on_change();
  };
}

core::ClientLayers LayeredPeer::fresh_layers() {
  core::ClientLayers layers;
  for (size_t i = 0; i < toys_of(count_); ++i) {
    auto toy = std::make_unique<ToyCodec>(ToyCodec::Side::kClient);
    ToyCodec& its = *toy;
    layers.add(std::move(toy), [&its](core::ByteSink& down) { its.start(down); });
  }
  if (count_ > 1) {
    auto web_socket = std::make_unique<ws::WsClientCodec>(ws::ClientRequest{.host = "broker"}, random_);
    ws::WsClientCodec& its = *web_socket;
    layers.add(std::move(web_socket), [&its](core::ByteSink& down) { its.start(down); });
  }
  return layers;
}

void LayeredPeer::connect(uint16_t port) {
  closing_ = false;
  layers_ = fresh_layers();
  SimPeer::connect(port);
  send_below(layers_.begin());
}

void LayeredPeer::pass_up() {
  if (layers_.empty() || closing_) return;
  send_below(layers_.receive(SimPeer::take_received()));
}

void LayeredPeer::send_below(const std::string& bytes) {
  const bool can_send = state() == State::kConnecting || state() == State::kConnected;
  if (!bytes.empty() && can_send) SimPeer::send(bytes);
}

void LayeredPeer::send(std::string_view bytes) {
  if (layers_.empty())
    SimPeer::send(bytes);
  else
    send_below(layers_.send(bytes));
}

std::string LayeredPeer::take_received() {
  return layers_.empty() ? SimPeer::take_received() : layers_.take_received();
}

void LayeredPeer::close() {
  send_below(layers_.finish());
  closing_ = true;
  SimPeer::close();
}

}  // namespace penstock::sim
