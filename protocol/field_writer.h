// FieldWriter: appends fields to a packet whose size was checked at the start. Of the encoding files, and for nobody
// else.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/bytes.h"
#include "core/check.h"
#include "protocol/encode.h"
#include "protocol/property_writer.h"
#include "protocol/types.h"

namespace penstock::protocol {

inline size_t packet_bytes(size_t remaining_length) {
  return 1 + remaining_length_bytes(remaining_length) + remaining_length;
}

// Length and properties of a section. `put` is called with a PropertyWriter, here to count and in
// FieldWriter::section() to write, and puts the same properties each time.
template <typename Put>
size_t section_bytes(Put put) {
  PropertyWriter counter;
  put(counter);
  return remaining_length_bytes(counter.bytes()) + counter.bytes();
}

class FieldWriter {
 public:
  FieldWriter(core::MutableBytes to, PacketType type, uint8_t flags, size_t remaining_length) : begin_(to.data()) {
    CHECK_LE(remaining_length, kRemainingLengthMax);
    CHECK_GE(to.size(), packet_bytes(remaining_length));
    at_ = begin_ + write_fixed_header(begin_, type, flags, remaining_length);
    end_ = at_ + remaining_length;
  }
  void u8(uint8_t value) { *at_++ = std::byte(value); }
  void u16(uint16_t value) {
    core::store_be16(at_, value);
    at_ += 2;
  }
  void sized(core::Bytes bytes) {
    CHECK_LE(bytes.size(), kStringBytesMax);
    u16(static_cast<uint16_t>(bytes.size()));
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void sized(std::string_view text) { sized(core::as_bytes(text)); }
  // A length of 0 where there are no properties. [MQTT5-2.2.2-1]
  template <typename Put>
  void section(Put put) {
    PropertyWriter counter;
    put(counter);
    size_t length = counter.bytes();
    for (; length >= 128; length >>= 7) u8(static_cast<uint8_t>(length | 0x80));
    u8(static_cast<uint8_t>(length));
    PropertyWriter writer(core::MutableBytes(at_, end_));
    put(writer);
    at_ += writer.bytes();
  }
  size_t bytes() const { return static_cast<size_t>(at_ - begin_); }

 private:
  std::byte* begin_;
  std::byte* at_;
  std::byte* end_;
};

}  // namespace penstock::protocol
