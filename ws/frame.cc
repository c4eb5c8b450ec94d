#include "ws/frame.h"

#include <bit>

#include "ws/close_code.h"

namespace penstock::ws {
namespace {

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kReservedBits = 0x70;
constexpr uint8_t kMasked = 0x80;
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;

constexpr FrameError kReservedBitSet{"ws_reserved_bits", kCloseProtocolError, "a reserved bit is set"};
constexpr FrameError kUnknownOpcode{"ws_bad_opcode", kCloseProtocolError, "the opcode is reserved"};
constexpr FrameError kCutControl{"ws_bad_control_frame", kCloseProtocolError, "a control frame is fragmented"};
constexpr FrameError kLongControl{"ws_bad_control_frame", kCloseProtocolError,
                                  "a control frame has more than 125 bytes"};
constexpr FrameError kNeedlessLength{"ws_bad_length", kCloseProtocolError, "the length has more bytes than it needs"};
constexpr FrameError kNegativeLength{"ws_bad_length", kCloseProtocolError, "the first bit of the length is set"};

bool is_known(uint8_t opcode) {
  return opcode <= static_cast<uint8_t>(Opcode::kBinary) ||
         (opcode >= static_cast<uint8_t>(Opcode::kClose) && opcode <= static_cast<uint8_t>(Opcode::kPong));
}

const FrameError* first_byte_error(uint8_t first) {
  if ((first & kReservedBits) != 0) return &kReservedBitSet;  // no extension is ever negotiated
  const uint8_t opcode = first & 0x0f;
  if (!is_known(opcode)) return &kUnknownOpcode;
  if (is_control(static_cast<Opcode>(opcode)) && (first & kFinal) == 0) return &kCutControl;
  return nullptr;
}

const FrameError* length_error(uint64_t length, size_t length_bytes) {
  if ((length_bytes == 2 && length < kLength16) || (length_bytes == 8 && length <= UINT16_MAX)) return &kNeedlessLength;
  return length >> 63 != 0 ? &kNegativeLength : nullptr;
}

FrameDecoding fail(const FrameError* error, DecodedFrame& out) {
  out.error = error;
  return FrameDecoding::kError;
}

constexpr uint32_t rotated(uint32_t mask, size_t bytes) {
  return std::rotr(mask, static_cast<int>(8 * (bytes % 4)));
}

}  // namespace

FrameDecoding decode_frame_header(core::Bytes input, DecodedFrame& out) {
  if (input.empty()) return FrameDecoding::kNeedMore;
  const auto first = std::to_integer<uint8_t>(input[0]);
  if (const FrameError* error = first_byte_error(first)) return fail(error, out);
  if (input.size() < 2) return FrameDecoding::kNeedMore;
  const auto opcode = static_cast<Opcode>(first & 0x0f);
  const auto second = std::to_integer<uint8_t>(input[1]);
  const uint8_t short_length = second & 0x7f;
  if (is_control(opcode) && short_length > kControlPayloadBytesMax) return fail(&kLongControl, out);

  const size_t length_bytes = short_length == kLength64 ? 8 : short_length == kLength16 ? 2 : 0;
  if (input.size() < 2 + length_bytes) return FrameDecoding::kNeedMore;
  const std::byte* const at = input.data() + 2;
  const uint64_t length = length_bytes == 8   ? __builtin_bswap64(core::load_le<uint64_t>(at))
                          : length_bytes == 2 ? core::load_be16(at)
                                              : short_length;
  if (const FrameError* error = length_error(length, length_bytes)) return fail(error, out);

  const bool is_masked = (second & kMasked) != 0;
  const size_t header_bytes = 2 + length_bytes + (is_masked ? 4 : 0);
  if (input.size() < header_bytes) return FrameDecoding::kNeedMore;
  const uint32_t mask = is_masked ? core::load_le<uint32_t>(at + length_bytes) : 0;
  out.header = {opcode, (first & kFinal) != 0, is_masked, mask, length};
  out.header_bytes = header_bytes;
  return FrameDecoding::kHeader;
}

size_t encode_frame_header(const FrameHeader& header, std::byte* to) {
  const uint8_t masked = header.is_masked ? kMasked : 0;
  to[0] = static_cast<std::byte>((header.is_final ? kFinal : 0) | static_cast<uint8_t>(header.opcode));
  size_t bytes = 2;
  if (header.payload_bytes < kLength16) {
    to[1] = static_cast<std::byte>(masked | header.payload_bytes);
  } else if (header.payload_bytes <= UINT16_MAX) {
    to[1] = static_cast<std::byte>(masked | kLength16);
    core::store_be16(to + bytes, static_cast<uint16_t>(header.payload_bytes));
    bytes += 2;
  } else {
    to[1] = static_cast<std::byte>(masked | kLength64);
    core::store_le(to + bytes, __builtin_bswap64(header.payload_bytes));
    bytes += 8;
  }
  if (!header.is_masked) return bytes;
  core::store_le(to + bytes, header.mask);
  return bytes + 4;
}

// Sixteen bytes at a time: the loop is bound by memory, not by the masking.
uint32_t mask_copy(std::byte* to, core::Bytes from, uint32_t mask) {
  using Block [[gnu::vector_size(16)]] = uint32_t;
  const Block block_mask{mask, mask, mask, mask};
  const std::byte* at = from.data();
  size_t left = from.size();
  for (; left >= sizeof(Block); left -= sizeof(Block), at += sizeof(Block), to += sizeof(Block)) {
    core::store_le<Block>(to, core::load_le<Block>(at) ^ block_mask);
  }
  for (; left >= 4; left -= 4, at += 4, to += 4) core::store_le(to, core::load_le<uint32_t>(at) ^ mask);
  for (size_t i = 0; i < left; ++i) to[i] = at[i] ^ static_cast<std::byte>(mask >> (8 * i));
  return rotated(mask, left);
}

}  // namespace penstock::ws
