// WsCodec: MQTT over WebSocket, the server's side (RFC 6455; MQTT 3.1.1, chapter 6). An HTTP request first, then
// frames. Idle it holds a hundred bytes and no buffer.
#pragma once

#include <memory>

#include "core/stream_codec.h"
#include "ws/frame_stream.h"
#include "ws/handshake.h"

namespace penstock::ws {

class WsCodec final : public core::StreamCodec {
 public:
  explicit WsCodec(std::shared_ptr<const ServerRules> rules);

  core::StreamState received(core::Bytes bytes, core::ByteSink& up, core::ByteSink& down) override;
  core::StreamState send(core::Bytes bytes, core::ByteSink& down) override;
  // During the handshake the goodbye is an HTTP answer, and the state then kEnded.
  void finish(core::ByteSink& down) override;

  core::StreamState state() const override { return state_; }
  const core::StreamFailure& failure() const override;

 private:
  std::unique_ptr<ServerHandshake> handshake_;  // until it is accepted
  FrameStream frames_;
  core::StreamState state_ = core::StreamState::kOpening;
};

}  // namespace penstock::ws
