// ClientLayers: the client's side of the layers that a Transport of the broker has, from the socket up: moves bytes
// between MQTT and a socket that is somebody else's. A layer begins when the one below it is open. For the load
// generator and the tests. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/stream_codec.h"

namespace penstock::core {

class ClientLayers {
 public:
  using Start = std::function<void(ByteSink& down)>;

  // The next one up. `start` says its first word, and may be empty.
  void add(std::unique_ptr<StreamCodec> codec, Start start = {});
  bool empty() const { return layers_.empty(); }

  // Each gives what is to be sent to the server now.
  std::string begin();
  std::string send(std::string_view bytes);  // kept until all layers are open
  std::string receive(std::string_view bytes);
  std::string finish();

  // For MQTT.
  std::string take_received() { return std::exchange(received_, {}); }
  bool is_open() const;
  // Some layer is at its end; nothing comes any more.
  bool has_ended() const;
  bool has_failed() const;
  // Why, "ws_refused: ..."; empty without a failure.
  std::string failure() const;
  StreamCodec& codec(size_t layer) { return *layers_[layer].codec; }

 private:
  struct Layer {
    std::unique_ptr<StreamCodec> codec;
    Start start;
    bool started = false;
    std::string output;  // for the layer below
  };

  std::string lower();
  void start_next();

  std::vector<Layer> layers_;
  std::string waiting_;
  std::string received_;
};

}  // namespace penstock::core
