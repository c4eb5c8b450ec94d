#include "ws/ws_codec.h"

#include <utility>

#include "core/check.h"

namespace penstock::ws {

using core::StreamState;

WsCodec::WsCodec(std::shared_ptr<const ServerRules> rules) : frames_(rules->frame_bytes_max, nullptr) {
  handshake_ = std::make_unique<ServerHandshake>(std::move(rules));
}

StreamState WsCodec::received(core::Bytes bytes, core::ByteSink& up, core::ByteSink& down) {
  if (state_ == StreamState::kOpening) {
    const HandshakeState handshake = handshake_->received(bytes);
    if (handshake == HandshakeState::kMore) return state_;
    state_ = handshake == HandshakeState::kAccepted ? StreamState::kOpen : StreamState::kFailed;
    down.take(core::as_bytes(handshake_->answer()));
    if (state_ == StreamState::kFailed) return state_;
    handshake_.reset();
  }
  return state_ = frames_.received(bytes, up, down);
}

StreamState WsCodec::send(core::Bytes bytes, core::ByteSink& down) {
  CHECK(state_ != StreamState::kOpening);
  return state_ == StreamState::kOpen ? state_ = frames_.send(bytes, down) : state_;
}

void WsCodec::finish(core::ByteSink& down) {
  if (state_ == StreamState::kOpening) {
    state_ = StreamState::kEnded;
    down.take(core::as_bytes(unavailable_answer()));
  } else if (state_ == StreamState::kOpen) {
    frames_.finish(down);
  }
}

const core::StreamFailure& WsCodec::failure() const {
  CHECK(state_ == StreamState::kFailed);
  return handshake_ ? handshake_->failure() : frames_.failure();
}

}  // namespace penstock::ws
