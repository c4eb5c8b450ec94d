// LayeredShard: a ServedShard with a second listener whose connections have layers, and clients that speak through
// them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "broker/transport.h"
#include "core/client_layers.h"
#include "tests/broker/served_shard.h"
#include "tests/support/toy_codec.h"

namespace penstock::broker {

// So many toys on top of each other; the lowest one's handshake is costly.
class ToySource final : public TransportSource {
 public:
  explicit ToySource(size_t count) : count_(count) {}
  std::unique_ptr<Transport> make_transport() const override {
    TransportLayers layers;
    for (size_t i = 0; i < count_; ++i) layers.add(std::make_unique<test::ToyCodec>(test::ToyCodec::Side::kServer));
    layers.costly = layers.codecs[0].get();
    return std::make_unique<Transport>(std::move(layers));
  }

 private:
  size_t count_;
};

class LayeredShard : public ServedShard {
 public:
  explicit LayeredShard(size_t layers, ShardOptions options = {}) : ServedShard(options), source_(layers) {
    layers_ = layers;
    CHECK(shard->listen({"0.0.0.0", 8883}, &source_).has_value());
  }

  struct Client {
    core::SocketId socket;
    core::ClientLayers layers;
    test::ToyCodec& toy(size_t layer) { return static_cast<test::ToyCodec&>(layers.codec(layer)); }
  };

  // Accepted; has said nothing.
  Client open_layered() {
    shard->begin_turn(world.clock().monotonic_ns());
    Client client{.socket = network.connect(1)};
    shard->end_turn();
    for (size_t i = 0; i < layers_; ++i) {
      auto toy = std::make_unique<test::ToyCodec>(test::ToyCodec::Side::kClient);
      test::ToyCodec& its = *toy;
      client.layers.add(std::move(toy), [&its](core::ByteSink& down) { its.start(down); });
    }
    return client;
  }
  // Through the handshakes, without a word of MQTT.
  Client open_through() {
    Client client = open_layered();
    network.arrive(client.socket, client.layers.begin());
    pump(client);
    return client;
  }
  Client connect_layered(const test::ConnectOptions& options) {
    Client client = open_through();
    say(client, test::connect_packet(options));
    return client;
  }
  // Returns what MQTT comes of it.
  std::string say(Client& client, std::string_view bytes) {
    network.arrive(client.socket, client.layers.send(bytes));
    return pump(client);
  }
  // Until neither has anything to say any more.
  std::string pump(Client& client) {
    std::string received;
    for (int rounds = 0; rounds < 10; ++rounds) {
      settle();
      const std::string answer = client.layers.receive(network.take(client.socket));
      received += client.layers.take_received();
      if (answer.empty() || !network.is_open(client.socket)) break;
      network.arrive(client.socket, answer);
    }
    return received;
  }
  using ServedShard::say;

 private:
  ToySource source_;
  size_t layers_ = 0;
};

}  // namespace penstock::broker
