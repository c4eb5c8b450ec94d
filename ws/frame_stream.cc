#include "ws/frame_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ws/close_code.h"

namespace penstock::ws {
namespace {

using core::Bytes;
using core::ByteSink;
using core::StreamState;

constexpr FrameError kUnmasked{"ws_unmasked_frame", kCloseProtocolError, "a frame of a client is not masked"};
constexpr FrameError kMasked{"ws_masked_frame", kCloseProtocolError, "a frame of a server is masked"};
constexpr FrameError kText{"ws_text_frame", kCloseUnsupported, "MQTT is spoken in binary frames"};
constexpr FrameError kNoMessage{"ws_bad_continuation", kCloseProtocolError, "a continuation frame continues nothing"};
constexpr FrameError kCutMessage{"ws_bad_continuation", kCloseProtocolError,
                                 "a message begins before the one before has ended"};
constexpr FrameError kLargeFrame{"ws_frame_too_large", kCloseTooBig, "the frame is larger than allowed here"};

constexpr size_t kBatchBytes = 16 * 1024;       // stays in the first cache together with what it is copied from
constexpr size_t kMaskedPieceBytes = 4 * 1024;  // of what a client sends

}  // namespace

// The unmasked payloads of one call, in pieces as large as possible: whoever cuts packets out of them copies each
// packet that lies across two pieces, and small frames are what most clients send.
class FrameStream::PayloadBatch {
 public:
  PayloadBatch(core::MutableBytes space, ByteSink& up) : space_(space), up_(up) {}

  uint32_t take(Bytes masked, uint32_t mask) {
    while (!masked.empty()) {
      const Bytes piece = masked.first(std::min(masked.size(), space_.size() - bytes_));
      mask = mask_copy(space_.data() + bytes_, piece, mask);
      bytes_ += piece.size();
      masked = masked.subspan(piece.size());
      if (bytes_ == space_.size()) flush();
    }
    return mask;
  }
  void flush() {
    const size_t bytes = std::exchange(bytes_, 0);
    if (bytes != 0) up_.take(space_.first(bytes));
  }

 private:
  core::MutableBytes space_;
  ByteSink& up_;
  size_t bytes_ = 0;
};

StreamState FrameStream::received(Bytes bytes, ByteSink& up, ByteSink& down) {
  std::byte space[kBatchBytes];
  PayloadBatch batch(space, up);
  const Sinks sinks{batch, down};
  while (!bytes.empty() && state_ == StreamState::kOpen) {
    payload_left_ != 0 ? take_payload(bytes, sinks) : take_header(bytes, sinks);
  }
  batch.flush();
  return state_;
}

void FrameStream::take_header(Bytes& bytes, Sinks sinks) {
  const size_t added = std::min(bytes.size(), held_.size() - held_bytes_);
  Bytes input = bytes;
  if (held_bytes_ != 0) {
    std::memcpy(held_.data() + held_bytes_, bytes.data(), added);
    input = Bytes(held_).first(held_bytes_ + added);
  }
  DecodedFrame frame;
  switch (decode_frame_header(input, frame)) {
    case FrameDecoding::kNeedMore:  // never with kFrameHeaderBytesMax bytes, so all of them are held
      if (held_bytes_ == 0) std::memcpy(held_.data(), bytes.data(), added);
      held_bytes_ += static_cast<uint8_t>(added);
      bytes = {};
      return;
    case FrameDecoding::kError:
      return fail(*frame.error, sinks);
    case FrameDecoding::kHeader:
      // What was held was no whole header, so it ends in `bytes`.
      bytes = bytes.subspan(frame.header_bytes - std::exchange(held_bytes_, 0));
      begin_frame(frame.header, sinks);
  }
}

void FrameStream::begin_frame(const FrameHeader& header, Sinks sinks) {
  const bool from_client = masks_ == nullptr;
  if (header.is_masked != from_client) return fail(from_client ? kUnmasked : kMasked, sinks);  // RFC 6455, 5.1
  if (header.opcode == Opcode::kText) return fail(kText, sinks);  // [MQTT-6.0.0-1] [MQTT5-6.0.0-1]
  if (!is_control(header.opcode)) {
    if (header.payload_bytes > frame_bytes_max_) return fail(kLargeFrame, sinks);
    const bool continues = header.opcode == Opcode::kContinuation;
    if (continues != in_message_) return fail(continues ? kNoMessage : kCutMessage, sinks);  // RFC 6455, 5.4
    in_message_ = !header.is_final;
  }
  opcode_ = header.opcode;
  mask_ = header.mask;
  payload_left_ = header.payload_bytes;
  if (payload_left_ == 0 && is_control(opcode_)) end_control_frame(sinks);
}

void FrameStream::take_payload(Bytes& bytes, Sinks sinks) {
  const Bytes piece = bytes.first(std::min<uint64_t>(bytes.size(), payload_left_));
  bytes = bytes.subspan(piece.size());
  payload_left_ -= piece.size();
  if (!is_control(opcode_)) {
    mask_ = sinks.payload.take(piece, mask_);
    return;
  }
  std::array<std::byte, kControlPayloadBytesMax> plain;
  mask_ = mask_copy(plain.data(), piece, mask_);
  control_.append(core::as_text(Bytes(plain).first(piece.size())));
  if (payload_left_ == 0) end_control_frame(sinks);
}

void FrameStream::end_control_frame(Sinks sinks) {
  if (opcode_ == Opcode::kClose) {
    receive_close(sinks);
  } else if (opcode_ == Opcode::kPing && !goodbye_sent_) {
    // One for each: what goes down is never more than what came.
    send_frame(Opcode::kPong, core::as_bytes(control_), sinks.down);
  }
  std::string().swap(control_);  // an assignment would keep its memory
}

// Answered with the same code, once. RFC 6455, 5.5.1
void FrameStream::receive_close(Sinks sinks) {
  const ClosePayload close = parse_close_payload(core::as_bytes(control_));
  if (close.error != nullptr) return fail(*close.error, sinks);
  // The layer above may have an answer to what came before.
  sinks.payload.flush();
  state_ = StreamState::kEnded;
  if (goodbye_sent_) return;
  if (close.code) return send_close(*close.code, "", sinks.down);
  goodbye_sent_ = true;
  send_frame(Opcode::kClose, {}, sinks.down);
}

void FrameStream::fail(const FrameError& error, Sinks sinks) {
  sinks.payload.flush();
  failure_ = std::make_unique<core::StreamFailure>(error.reason, error.text);
  if (!goodbye_sent_) send_close(error.close_code, error.text, sinks.down);
  state_ = StreamState::kFailed;
}

StreamState FrameStream::send(Bytes bytes, ByteSink& down) {
  if (state_ == StreamState::kOpen && !goodbye_sent_ && !bytes.empty()) send_frame(Opcode::kBinary, bytes, down);
  return state_;
}

void FrameStream::finish(ByteSink& down) {
  if (state_ == StreamState::kOpen && !goodbye_sent_) send_close(kCloseNormal, "", down);
}

void FrameStream::send_frame(Opcode opcode, Bytes payload, ByteSink& down) {
  FrameHeader header{.opcode = opcode, .payload_bytes = payload.size()};
  if (masks_ != nullptr) return send_masked(header, payload, down);
  std::array<std::byte, kFrameHeaderBytesMax> space;
  down.take(Bytes(space).first(encode_frame_header(header, space.data())));
  if (!payload.empty()) down.take(payload);
}

void FrameStream::send_masked(FrameHeader header, Bytes payload, ByteSink& down) {
  header.is_masked = true;
  header.mask = static_cast<uint32_t>(masks_->next_u64());
  std::array<std::byte, kMaskedPieceBytes> space;
  size_t bytes = encode_frame_header(header, space.data());
  uint32_t mask = header.mask;
  do {
    const Bytes piece = payload.first(std::min(payload.size(), space.size() - bytes));
    mask = mask_copy(space.data() + bytes, piece, mask);
    down.take(Bytes(space).first(bytes + piece.size()));
    payload = payload.subspan(piece.size());
    bytes = 0;
  } while (!payload.empty());
}

void FrameStream::send_close(uint16_t code, const char* text, ByteSink& down) {
  std::array<std::byte, kControlPayloadBytesMax> payload;
  core::store_be16(payload.data(), code);
  const size_t text_bytes = std::min(std::strlen(text), payload.size() - 2);
  std::memcpy(payload.data() + 2, text, text_bytes);
  goodbye_sent_ = true;
  send_frame(Opcode::kClose, Bytes(payload).first(2 + text_bytes), down);
}

}  // namespace penstock::ws
