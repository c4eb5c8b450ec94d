#include "ws/ws_client.h"

#include <array>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "core/printable.h"
#include "ws/accept_key.h"

namespace penstock::ws {
namespace {

using core::StreamFailure;
using core::StreamState;

constexpr const char* kBadAnswer = "ws_bad_answer";

// An empty reason when the answer opens the WebSocket that was asked for (RFC 6455, 4.1).
StreamFailure check_answer(std::string_view text, const ClientRequest& request, const std::string& key) {
  const auto head = HttpHead::parse(text);
  if (!head) return {kBadAnswer, "the answer is no well-formed HTTP/1.1"};
  if (!head->start_line().starts_with("HTTP/1.1 101 ")) {
    return {"ws_refused", "the server answers " + core::printable(head->start_line())};
  }
  if (!head->has_token("Upgrade", "websocket") || !head->has_token("Connection", "Upgrade")) {
    return {kBadAnswer, "the answer upgrades to something else"};
  }
  if (head->only("Sec-WebSocket-Accept") != websocket_accept(key)) {
    return {kBadAnswer, "Sec-WebSocket-Accept does not belong to the key that was sent"};
  }
  if (head->count("Sec-WebSocket-Extensions") != 0) return {kBadAnswer, "the answer has an extension"};
  if (head->only("Sec-WebSocket-Protocol") != request.protocol) return {kBadAnswer, "the answer has another protocol"};
  return {};
}

std::string random_key(core::Random& random) {
  std::array<std::byte, 16> bytes;
  core::store_le(bytes.data(), random.next_u64());
  core::store_le(bytes.data() + 8, random.next_u64());
  return make_websocket_key(bytes);
}

}  // namespace

std::string upgrade_request(const ClientRequest& request, const std::string& key) {
  return "GET " + request.path + " HTTP/1.1\r\nHost: " + request.host +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
         "\r\nSec-WebSocket-Protocol: " + request.protocol +
         (request.origin.empty() ? "" : "\r\nOrigin: " + request.origin) + "\r\n\r\n";
}

WsClientCodec::WsClientCodec(ClientRequest request, core::Random& random)
    : handshake_(std::make_unique<Handshake>(std::move(request), random_key(random))), frames_(UINT64_MAX, &random) {}

void WsClientCodec::start(core::ByteSink& down) {
  CHECK(state_ == StreamState::kOpening);
  const std::string request = upgrade_request(handshake_->request, handshake_->key);
  down.take(core::as_bytes(request));
}

StreamState WsClientCodec::received(core::Bytes bytes, core::ByteSink& up, core::ByteSink& down) {
  if (state_ == StreamState::kOpening) {
    state_ = receive_answer(bytes);
    if (state_ != StreamState::kOpen) return state_;
    handshake_.reset();
  }
  return state_ = frames_.received(bytes, up, down);
}

StreamState WsClientCodec::receive_answer(core::Bytes& bytes) {
  switch (handshake_->head.received(bytes)) {
    case HeadState::kMore:
      return StreamState::kOpening;
    case HeadState::kMalformed:
    case HeadState::kTooLarge:
      handshake_->failure = {kBadAnswer, "the answer is no HTTP/1.1, or more than 8192 bytes of it"};
      return StreamState::kFailed;
    case HeadState::kComplete:
      break;
  }
  handshake_->failure = check_answer(handshake_->head.text(), handshake_->request, handshake_->key);
  return handshake_->failure.reason[0] == '\0' ? StreamState::kOpen : StreamState::kFailed;
}

StreamState WsClientCodec::send(core::Bytes bytes, core::ByteSink& down) {
  CHECK(state_ != StreamState::kOpening);
  return state_ == StreamState::kOpen ? state_ = frames_.send(bytes, down) : state_;
}

void WsClientCodec::finish(core::ByteSink& down) {
  if (state_ == StreamState::kOpening) state_ = StreamState::kEnded;
  if (state_ == StreamState::kOpen) frames_.finish(down);
}

const StreamFailure& WsClientCodec::failure() const {
  CHECK(state_ == StreamState::kFailed);
  return handshake_ ? handshake_->failure : frames_.failure();
}

}  // namespace penstock::ws
