// FieldReader: takes the fields of a packet's body from front to back and remembers whether one reached past the end,
// so that a decoder reads several and asks once.
#pragma once

#include <cstdint>

#include "core/bytes.h"

namespace penstock::protocol {

class FieldReader {
 public:
  explicit FieldReader(core::Bytes body) : at_(body.data()), end_(body.data() + body.size()) {}

  uint8_t take_u8() {
    const core::Bytes field = take(1);
    return field.empty() ? 0 : std::to_integer<uint8_t>(field[0]);
  }
  uint16_t take_u16() {
    const core::Bytes field = take(2);
    return field.empty() ? 0 : core::load_be16(field.data());
  }
  uint32_t take_u32() {
    const core::Bytes field = take(4);
    return field.empty() ? 0 : core::load_be32(field.data());
  }
  // Two bytes of length, then as many bytes; without the length.
  core::Bytes take_sized() { return take(take_u16()); }
  core::Bytes take_bytes(size_t bytes) { return take(bytes); }

  // A variable byte integer of 5.0: 7 bits each, low first, in one to four bytes and no more than it needs. Where it is
  // not that, the reader is truncated() and malformed_integer(). [MQTT5-1.5.5-1]
  uint32_t take_variable() {
    uint32_t value = 0;
    for (uint32_t shift = 0; shift < 28; shift += 7) {
      const uint32_t byte = take_u8();
      value |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (truncated_) return 0;
      if (byte != 0 || shift == 0) return value;
      break;  // the last byte adds nothing
    }
    malformed_integer_ = true;
    truncated_ = true;
    at_ = end_;
    return 0;
  }

  // Once true it stays true, and every field since then is empty or 0.
  bool truncated() const { return truncated_; }
  bool malformed_integer() const { return malformed_integer_; }
  bool at_end() const { return at_ == end_; }
  core::Bytes rest() const { return {at_, end_}; }

 private:
  core::Bytes take(size_t bytes) {
    if (bytes > static_cast<size_t>(end_ - at_)) [[unlikely]] {
      truncated_ = true;
      at_ = end_;
      return {};
    }
    const std::byte* const begin = at_;
    at_ += bytes;
    return {begin, bytes};
  }

  const std::byte* at_;
  const std::byte* end_;
  bool truncated_ = false;
  bool malformed_integer_ = false;
};

}  // namespace penstock::protocol
