// Fuzzes the framing of a byte stream. Laws: it never looks past the input; the fast path and the slow path agree; what
// it says of a prefix holds for every longer one; an error stays an error however the bytes arrive.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/check.h"
#include "protocol/packet_framer.h"

namespace {

using penstock::core::Bytes;
using penstock::protocol::Framing;
using penstock::protocol::kPacketBytesMax;
using penstock::protocol::next_packet;
using penstock::protocol::next_packet_slow;
using penstock::protocol::PacketBytes;
using penstock::protocol::ProtocolVersion;

struct Rules {
  uint32_t packet_bytes_max;
  ProtocolVersion version;
};

Framing frame(Bytes input, Rules rules, PacketBytes& out) {
  // A copy of exactly this size, so that the sanitizer sees a read past the end.
  const std::vector<std::byte> exact(input.begin(), input.end());
  PacketBytes fast{};
  PacketBytes slow{};
  const Framing framing = next_packet(exact, rules.packet_bytes_max, rules.version, fast);
  CHECK(framing == next_packet_slow(exact, rules.packet_bytes_max, rules.version, slow));
  CHECK_EQ(fast.error, slow.error);
  CHECK_EQ(fast.packet_bytes, slow.packet_bytes);
  if (framing == Framing::kPacket) {
    CHECK(fast.type == slow.type && fast.flags == slow.flags);
    CHECK(fast.body.data() == slow.body.data() && fast.body.size() == slow.body.size());
    CHECK_LE(fast.packet_bytes, rules.packet_bytes_max);
    CHECK_EQ(static_cast<const void*>(fast.body.data() + fast.body.size()),
             static_cast<const void*>(exact.data() + fast.packet_bytes));
  }
  out = fast;
  return framing;
}

// Gives the first packet byte by byte and compares each answer with the one for the whole input.
void check_prefixes(Bytes input, Rules rules) {
  PacketBytes whole{};
  const Framing end = frame(input, rules, whole);
  for (size_t size = 0; size < input.size() && size < 300; ++size) {
    PacketBytes part{};
    const Framing framing = frame(input.first(size), rules, part);
    if (framing == Framing::kNeedMore) {
      if (part.packet_bytes == 0) continue;
      CHECK_GT(part.packet_bytes, size);
      CHECK(end != Framing::kError);
      CHECK_EQ(part.packet_bytes, whole.packet_bytes);
    } else {
      CHECK(framing == end);
      if (framing == Framing::kError) CHECK_EQ(part.error, whole.error);
      if (framing == Framing::kPacket) CHECK_EQ(part.packet_bytes, whole.packet_bytes);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const ProtocolVersion before_5 = (data[0] & 2) != 0 ? ProtocolVersion::kMqtt311 : ProtocolVersion::kMqtt31;
  const Rules rules{.packet_bytes_max = (data[0] & 1) != 0 ? kPacketBytesMax : 2 + uint32_t{data[0]},
                    .version = (data[0] & 0x80) != 0 ? ProtocolVersion::kMqtt5 : before_5};
  Bytes rest = penstock::core::Bytes(reinterpret_cast<const std::byte*>(data), size).subspan(1);
  for (;;) {
    check_prefixes(rest, rules);
    PacketBytes packet{};
    if (frame(rest, rules, packet) != Framing::kPacket) return 0;
    CHECK_GE(packet.packet_bytes, 2u);
    rest = rest.subspan(packet.packet_bytes);
  }
}
