// One WebSocket frame: its header, for both sides, and masking (RFC 6455, 5.2 and 5.3). Pure; keeps nothing.
//
//   byte 0: FIN | RSV1-3 | opcode (4 bits)    byte 1: MASK | length (7 bits)
//   then 2 bytes of length when those 7 bits are 126, 8 bytes when they are 127; 4 bytes of mask when MASK is set
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/bytes.h"

namespace penstock::ws {

enum class Opcode : uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xa,
};
constexpr bool is_control(Opcode opcode) {
  return static_cast<uint8_t>(opcode) >= 0x8;
}

constexpr size_t kFrameHeaderBytesMax = 14;
constexpr size_t kControlPayloadBytesMax = 125;

struct FrameHeader {
  Opcode opcode = Opcode::kBinary;
  bool is_final = true;
  bool is_masked = false;
  uint32_t mask = 0;  // its four bytes as they lie on the wire
  uint64_t payload_bytes = 0;
};

// What is wrong with a frame. The close frame that answers it has this code and this text.
struct FrameError {
  const char* reason = "";  // label of the counter
  uint16_t close_code = 0;
  const char* text = "";
};

enum class FrameDecoding : uint8_t {
  kHeader,    // header and header_bytes of `out` are set
  kNeedMore,  // nothing is set
  kError,     // out.error is set. What is wrong shows no later than the byte that makes it so
};

struct DecodedFrame {
  FrameHeader header;
  size_t header_bytes = 0;
  const FrameError* error = nullptr;
};

// The header at the front of `input`. Who has to mask, and how large a frame may be, the caller knows.
FrameDecoding decode_frame_header(core::Bytes input, DecodedFrame& out);

// Writes at most kFrameHeaderBytesMax bytes; returns how many.
size_t encode_frame_header(const FrameHeader& header, std::byte* to);

// Masks or unmasks `from` to `to`, which may be the same place but not overlap otherwise. `mask` begins with the byte
// that is for from[0]; returns the mask for the byte behind `from`. The mask 0 copies.
uint32_t mask_copy(std::byte* to, core::Bytes from, uint32_t mask);

}  // namespace penstock::ws
