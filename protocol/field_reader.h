// FieldReader: takes the fields of a packet's body from front to back and remembers whether one reached past the end,
// so that a decoder reads several and asks once.
#pragma once

#include <cstdint>

#include "core/bytes.h"

namespace penstock::protocol {

class FieldReader {
 public:
  explicit FieldReader(core::Bytes body) : rest_(body) {}

  uint8_t take_u8() {
    const core::Bytes field = take(1);
    return field.empty() ? 0 : std::to_integer<uint8_t>(field[0]);
  }
  uint16_t take_u16() {
    const core::Bytes field = take(2);
    return field.empty() ? 0 : core::load_be16(field.data());
  }
  // Two bytes of length, then as many bytes; without the length.
  core::Bytes take_sized() { return take(take_u16()); }

  // Once true it stays true, and every field since then is empty or 0.
  bool truncated() const { return truncated_; }
  bool at_end() const { return rest_.empty(); }
  core::Bytes rest() const { return rest_; }

 private:
  core::Bytes take(size_t bytes) {
    if (bytes > rest_.size()) {
      truncated_ = true;
      rest_ = {};
      return {};
    }
    const core::Bytes field = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return field;
  }

  core::Bytes rest_;
  bool truncated_ = false;
};

}  // namespace penstock::protocol
