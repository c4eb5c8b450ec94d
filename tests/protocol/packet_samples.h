// Packets for the tests of this folder: bytes from a readable spelling, and one packet cut out of them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/random.h"
#include "protocol/packet_framer.h"

namespace penstock::protocol {

using ByteVector = std::vector<std::byte>;

// "30 05 0001 'a' 'hi'": hex digits, and text in single quotes; blanks do not count.
inline ByteVector wire(std::string_view spelling) {
  ByteVector bytes;
  int high = -1;
  for (size_t i = 0; i < spelling.size(); ++i) {
    const char c = spelling[i];
    if (c == ' ') continue;
    if (c == '\'') {
      for (++i; i < spelling.size() && spelling[i] != '\''; ++i) bytes.push_back(static_cast<std::byte>(spelling[i]));
      continue;
    }
    const int digit = c >= 'a' ? c - 'a' + 10 : c - '0';
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::byte>(high << 4 | digit));
      high = -1;
    }
  }
  EXPECT_EQ(high, -1) << "odd number of hex digits in " << spelling;
  return bytes;
}

inline std::string hex(core::Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : bytes) {
    out += kDigits[std::to_integer<int>(byte) >> 4];
    out += kDigits[std::to_integer<int>(byte) & 15];
  }
  return out;
}

// The one packet that `bytes` are; a test failure when they are not.
inline PacketBytes only_packet(const ByteVector& bytes, ProtocolVersion version = ProtocolVersion::kMqtt311) {
  PacketBytes packet{};
  const Framing framing = next_packet(bytes, kPacketBytesMax, version, packet);
  EXPECT_EQ(framing, Framing::kPacket) << hex(bytes);
  EXPECT_EQ(packet.packet_bytes, bytes.size()) << hex(bytes);
  return packet;
}

// Encodes into exactly as much room as was promised, with a guard behind it.
template <typename Encode>
ByteVector encoded(size_t promised_bytes, Encode encode) {
  constexpr std::byte kGuard{0xA5};
  ByteVector bytes(promised_bytes + 8, kGuard);
  const size_t written = encode(core::MutableBytes(bytes).first(promised_bytes));
  EXPECT_EQ(written, promised_bytes);
  for (size_t i = promised_bytes; i < bytes.size(); ++i) EXPECT_EQ(bytes[i], kGuard) << "wrote past the end";
  bytes.resize(promised_bytes);
  return bytes;
}

// Up to `bytes_max` letters.
inline std::string random_text(core::SeededRandom& random, size_t bytes_max, std::string_view alphabet) {
  std::string text(random.below(bytes_max + 1), '\0');
  for (char& c : text) c = alphabet[random.below(alphabet.size())];
  return text;
}

// One line of a table of packets that a decoder must refuse.
struct BadPacket {
  const char* story;
  const char* spelling;
  ProtocolErrorReason reason;
  const char* clause;
};

}  // namespace penstock::protocol
