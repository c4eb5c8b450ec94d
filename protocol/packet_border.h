// PacketBorder: where the packets of a stream end that is made of whole packets, but given away in pieces of any size:
// our own output. One of each stream.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/bytes.h"

namespace penstock::protocol {

class PacketBorder {
 public:
  // How many of these bytes, the next ones of the stream, belong to one packet.
  size_t take(core::Bytes bytes) {
    size_t taken = 0;
    while (in_header_ && taken < bytes.size()) take_header_byte(bytes[taken++]);
    if (in_header_) return taken;
    const size_t body = std::min<size_t>(left_, bytes.size() - taken);
    left_ -= static_cast<uint32_t>(body);
    if (left_ == 0) *this = PacketBorder();
    return taken + body;
  }

 private:
  void take_header_byte(std::byte byte) {
    if (!std::exchange(type_taken_, true)) return;
    const auto value = std::to_integer<uint32_t>(byte);
    left_ |= (value & 0x7f) << shift_;
    shift_ += 7;
    in_header_ = (value & 0x80) != 0;
  }

  uint32_t left_ = 0;  // of the body; while in_header_ what is known of its length
  uint8_t shift_ = 0;
  bool type_taken_ = false;
  bool in_header_ = true;
};

}  // namespace penstock::protocol
