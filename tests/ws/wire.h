// What the tests of this folder share: bytes from a readable spelling, a sink that keeps what it is given, and frames
// as the RFC describes them, made without ws/frame.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/stream_codec.h"

namespace penstock::ws {

class Kept final : public core::ByteSink {
 public:
  void take(core::Bytes bytes) override {
    text.append(core::as_text(bytes));
    ++pieces;
  }
  std::string text;
  size_t pieces = 0;
};

// "82 05 'hello'": hex digits, and text in single quotes; blanks do not count.
inline std::string wire(std::string_view spelling) {
  std::string bytes;
  int high = -1;
  for (size_t i = 0; i < spelling.size(); ++i) {
    const char c = spelling[i];
    if (c == ' ') continue;
    if (c == '\'') {
      for (++i; i < spelling.size() && spelling[i] != '\''; ++i) bytes += spelling[i];
      continue;
    }
    const int digit = c >= 'a' ? c - 'a' + 10 : c - '0';
    if (high >= 0) bytes += static_cast<char>(high << 4 | digit);
    high = high < 0 ? digit : -1;
  }
  return bytes;
}

inline std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

// The length field, and the mask bit in its first byte.
inline std::string length_field(uint64_t bytes, bool is_masked) {
  const char mask_bit = is_masked ? '\x80' : '\0';
  if (bytes < 126) return {static_cast<char>(mask_bit | static_cast<char>(bytes))};
  const int width = bytes <= 0xffff ? 2 : 8;
  std::string field(1, static_cast<char>(mask_bit | (width == 2 ? 126 : 127)));
  for (int i = width - 1; i >= 0; --i) field += static_cast<char>(bytes >> (8 * i));
  return field;
}

inline std::string server_frame(uint8_t first, std::string_view payload) {
  return std::string(1, static_cast<char>(first)) + length_field(payload.size(), false) + std::string(payload);
}

inline std::string client_frame(uint8_t first, std::string_view payload, std::string_view mask = "\x37\xfa\x21\x3d") {
  std::string frame = std::string(1, static_cast<char>(first)) + length_field(payload.size(), true) + std::string(mask);
  for (size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  return frame;
}

// First bytes.
constexpr uint8_t kBinaryFrame = 0x82;
constexpr uint8_t kBinaryBegin = 0x02;
constexpr uint8_t kContinuation = 0x00;
constexpr uint8_t kContinuationEnd = 0x80;
constexpr uint8_t kTextFrame = 0x81;
constexpr uint8_t kCloseFrame = 0x88;
constexpr uint8_t kPingFrame = 0x89;
constexpr uint8_t kPongFrame = 0x8a;

}  // namespace penstock::ws
