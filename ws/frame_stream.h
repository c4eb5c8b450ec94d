// FrameStream: a WebSocket after its handshake, of a server or of a client. MQTT is a stream of bytes in binary frames:
// a packet may span several of them, and several may be in one [MQTT-6.0.0-2] [MQTT5-6.0.0-2]; so payload goes up as it
// comes, and nothing is kept but a header that is cut and the payload of a control frame. Part of a codec, with its
// rules for callers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "core/bytes.h"
#include "core/random.h"
#include "core/stream_codec.h"
#include "ws/frame.h"

namespace penstock::ws {

class FrameStream {
 public:
  // A larger data frame is refused. `masks` makes it a client's, which masks what it sends and takes only what is not
  // masked; it outlives the stream. A server has null.
  FrameStream(uint64_t frame_bytes_max, core::Random* masks) : frame_bytes_max_(frame_bytes_max), masks_(masks) {}

  core::StreamState received(core::Bytes bytes, core::ByteSink& up, core::ByteSink& down);
  // One binary frame. Nothing once a close frame was sent, or when there are no bytes.
  core::StreamState send(core::Bytes bytes, core::ByteSink& down);
  // A close frame, 1000. What still comes until the peer's goes up as before.
  void finish(core::ByteSink& down);

  core::StreamState state() const { return state_; }  // never kOpening
  const core::StreamFailure& failure() const { return *failure_; }

 private:
  class PayloadBatch;
  // Where the pieces of one call go.
  struct Sinks {
    PayloadBatch& payload;
    core::ByteSink& down;
  };

  void take_header(core::Bytes& bytes, Sinks sinks);
  void begin_frame(const FrameHeader& header, Sinks sinks);
  void take_payload(core::Bytes& bytes, Sinks sinks);
  void end_control_frame(Sinks sinks);
  void receive_close(Sinks sinks);
  void fail(const FrameError& error, Sinks sinks);
  void send_frame(Opcode opcode, core::Bytes payload, core::ByteSink& down);
  void send_masked(FrameHeader header, core::Bytes payload, core::ByteSink& down);
  void send_close(uint16_t code, const char* text, core::ByteSink& down);

  uint64_t frame_bytes_max_;
  core::Random* masks_;
  std::unique_ptr<core::StreamFailure> failure_;
  uint64_t payload_left_ = 0;                         // of the frame whose header was taken
  std::string control_;                               // what came of the payload of a control frame
  uint32_t mask_ = 0;                                 // for the next byte of payload
  std::array<std::byte, kFrameHeaderBytesMax> held_;  // of a header that is cut
  uint8_t held_bytes_ = 0;
  Opcode opcode_ = Opcode::kBinary;  // of the frame whose header was taken
  bool in_message_ = false;          // a data frame came that was not the message's last
  bool goodbye_sent_ = false;
  core::StreamState state_ = core::StreamState::kOpen;
};

}  // namespace penstock::ws
