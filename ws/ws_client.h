// WsClientCodec: a WebSocket as a client opens it: sends the HTTP request, checks the answer, masks its frames. For the
// load generator and the tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/random.h"
#include "core/stream_codec.h"
#include "ws/frame_stream.h"
#include "ws/http_head.h"

namespace penstock::ws {

struct ClientRequest {
  std::string host;  // "127.0.0.1:8083"
  std::string path = "/mqtt";
  std::string protocol = "mqtt";  // [MQTT-6.0.0-3]
  std::string origin;             // empty: no browser asks
};

// The bytes of the request. `key` as make_websocket_key() gives it.
std::string upgrade_request(const ClientRequest& request, const std::string& key);

class WsClientCodec final : public core::StreamCodec {
 public:
  // `random` gives the key and the masks and outlives the codec. Whoever runs no foreign scripts has nothing to fear
  // from masks that can be guessed: a seeded sequence spares a system call for each frame.
  WsClientCodec(ClientRequest request, core::Random& random);

  // Sends the request. Once, before anything else.
  void start(core::ByteSink& down);
  core::StreamState received(core::Bytes bytes, core::ByteSink& up, core::ByteSink& down) override;
  core::StreamState send(core::Bytes bytes, core::ByteSink& down) override;
  void finish(core::ByteSink& down) override;

  core::StreamState state() const override { return state_; }
  const core::StreamFailure& failure() const override;

 private:
  struct Handshake {
    ClientRequest request;
    std::string key;
    HeadCollector head;
    core::StreamFailure failure;
  };

  core::StreamState receive_answer(core::Bytes& bytes);

  std::unique_ptr<Handshake> handshake_;  // until it has succeeded
  FrameStream frames_;
  core::StreamState state_ = core::StreamState::kOpening;
};

}  // namespace penstock::ws
