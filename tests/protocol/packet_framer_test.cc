#include "protocol/packet_framer.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "protocol/encode.h"
#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

constexpr auto k311 = ProtocolVersion::kMqtt311;
constexpr auto k31 = ProtocolVersion::kMqtt31;
constexpr auto k5 = ProtocolVersion::kMqtt5;

Framing frame(const ByteVector& input, PacketBytes& out, uint32_t packet_bytes_max = kPacketBytesMax,
              ProtocolVersion version = k311) {
  return next_packet(input, packet_bytes_max, version, out);
}

const ProtocolError& frame_error(const ByteVector& input, uint32_t packet_bytes_max = kPacketBytesMax,
                                 ProtocolVersion version = k311) {
  static constexpr ProtocolError kNone{ProtocolErrorReason::kUnexpectedPacket, "none", "it was accepted"};
  PacketBytes out{};
  return frame(input, out, packet_bytes_max, version) == Framing::kError ? *out.error : kNone;
}

// A PUBLISH at QoS 0 with a body of `body_bytes`.
ByteVector publish_with_body(size_t body_bytes) {
  ByteVector bytes(kFixedHeaderBytesMax + body_bytes);
  const size_t header_bytes = write_fixed_header(bytes.data(), PacketType::kPublish, 0, body_bytes);
  bytes.resize(header_bytes + body_bytes);
  for (size_t i = 0; i < body_bytes; ++i) bytes[header_bytes + i] = static_cast<std::byte>(i);
  return bytes;
}

TEST(packet_framer, cuts_a_packet_and_leaves_the_next_one) {
  const ByteVector bytes = wire("31 05 0001 'a' 'hi' c000");
  PacketBytes packet{};
  ASSERT_EQ(frame(bytes, packet), Framing::kPacket);
  EXPECT_EQ(packet.type, PacketType::kPublish);
  EXPECT_EQ(packet.flags, 1);
  EXPECT_EQ(packet.packet_bytes, 7u);
  EXPECT_EQ(hex(packet.body), "0001616869");
  EXPECT_EQ(packet.body.data(), bytes.data() + 2);
  ASSERT_EQ(next_packet(core::Bytes(bytes).subspan(7), kPacketBytesMax, k311, packet), Framing::kPacket);
  EXPECT_EQ(packet.type, PacketType::kPingreq);
  EXPECT_EQ(packet.packet_bytes, 2u);
  EXPECT_TRUE(packet.body.empty());
}

TEST(packet_framer, asks_for_more_at_every_split_point_and_says_how_much_once_it_is_known) {
  for (const size_t body_bytes : {0u, 1u, 2u, 126u, 127u, 128u, 129u, 16'383u, 16'384u, 20'000u}) {
    const ByteVector bytes = publish_with_body(body_bytes);
    const size_t header_bytes = bytes.size() - body_bytes;
    PacketBytes packet{};
    for (size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_EQ(next_packet({bytes.data(), size}, kPacketBytesMax, k311, packet), Framing::kNeedMore)
          << size << " of " << bytes.size();
      ASSERT_EQ(packet.packet_bytes, size < header_bytes ? 0 : bytes.size()) << size << " of " << bytes.size();
    }
    ASSERT_EQ(frame(bytes, packet), Framing::kPacket);
    EXPECT_EQ(packet.body.size(), body_bytes);
  }
}

TEST(packet_framer, reads_the_borders_of_every_length_of_remaining_length) {
  const struct {
    const char* header;
    uint32_t packet_bytes;
  } cases[] = {
      {"30 00", 2},
      {"30 7f", 2 + 127},
      {"30 8001", 3 + 128},
      {"30 ff7f", 3 + 16'383},
      {"30 808001", 4 + 16'384},
      {"30 ffff7f", 4 + 2'097'151},
      {"30 80808001", 5 + 2'097'152},
      {"30 ffffff7f", kPacketBytesMax},
  };
  for (const auto& c : cases) {
    ByteVector bytes = wire(c.header);
    PacketBytes packet{};
    if (c.packet_bytes > bytes.size()) {
      ASSERT_EQ(frame(bytes, packet), Framing::kNeedMore) << c.header;
      EXPECT_EQ(packet.packet_bytes, c.packet_bytes) << c.header;
    }
    if (c.packet_bytes > 1 << 20) continue;
    bytes.resize(c.packet_bytes);
    ASSERT_EQ(frame(bytes, packet), Framing::kPacket) << c.header;
    EXPECT_EQ(packet.packet_bytes, c.packet_bytes) << c.header;
  }
}

TEST(packet_framer, takes_a_remaining_length_with_needless_bytes_before_5_0) {
  PacketBytes packet{};
  ASSERT_EQ(frame(wire("c0 8000"), packet), Framing::kPacket);
  EXPECT_EQ(packet.packet_bytes, 3u);
  ASSERT_EQ(frame(wire("c0 80808000"), packet), Framing::kPacket);
  EXPECT_EQ(packet.packet_bytes, 5u);
  EXPECT_TRUE(packet.body.empty());
}

TEST(packet_framer, refuses_needless_bytes_of_the_remaining_length_in_5_0) {  // [MQTT5-1.5.5-1]
  for (const char* spelling : {"c0 8000", "c0 808000", "c0 80808000", "30 8500"}) {
    const ProtocolError& error = frame_error(wire(spelling), kPacketBytesMax, k5);
    EXPECT_EQ(error.reason, ProtocolErrorReason::kRemainingLength) << spelling;
    EXPECT_STREQ(error.clause, "MQTT5-1.5.5-1") << spelling;
  }
  PacketBytes packet{};
  EXPECT_EQ(frame(wire("c0 80"), packet, kPacketBytesMax, k5), Framing::kNeedMore);
  EXPECT_EQ(frame(publish_with_body(0), packet, kPacketBytesMax, k5), Framing::kPacket);
  EXPECT_EQ(frame(publish_with_body(128), packet, kPacketBytesMax, k5), Framing::kPacket);
}

TEST(packet_framer, refuses_a_fifth_byte_of_remaining_length_before_it_is_there) {
  EXPECT_EQ(frame_error(wire("30 ffffffff")).reason, ProtocolErrorReason::kRemainingLength);
  EXPECT_EQ(frame_error(wire("30 8080808001")).reason, ProtocolErrorReason::kRemainingLength);
}

TEST(packet_framer, refuses_packet_type_0_and_before_5_0_type_15_at_the_first_byte) {
  for (int flags = 0; flags < 16; ++flags) {
    for (const int type : {0x00, 0xf0}) {
      for (const auto version : {k31, k311}) {
        ByteVector bytes{static_cast<std::byte>(type | flags)};
        EXPECT_EQ(frame_error(bytes, kPacketBytesMax, version).reason, ProtocolErrorReason::kReservedPacketType);
        bytes.push_back(std::byte{0});
        EXPECT_EQ(frame_error(bytes, kPacketBytesMax, version).reason, ProtocolErrorReason::kReservedPacketType);
      }
    }
  }
}

TEST(packet_framer, cuts_auth_in_5_0_and_wants_no_flags_of_it) {  // [MQTT5-3.15.1-1]
  PacketBytes packet{};
  ASSERT_EQ(frame(wire("f0 00"), packet, kPacketBytesMax, k5), Framing::kPacket);
  EXPECT_EQ(packet.type, PacketType::kAuth);
  EXPECT_TRUE(packet.body.empty());
  EXPECT_EQ(frame(wire("f0 02 19"), packet, kPacketBytesMax, k5), Framing::kNeedMore);
  EXPECT_EQ(packet.packet_bytes, 4u);
  for (int flags = 1; flags < 16; ++flags) {
    const ProtocolError& error = frame_error({static_cast<std::byte>(0xf0 | flags)}, kPacketBytesMax, k5);
    EXPECT_EQ(error.reason, ProtocolErrorReason::kReservedFlags) << flags;
    EXPECT_STREQ(error.clause, "MQTT5-3.15.1-1") << flags;
  }
  EXPECT_EQ(frame_error(wire("00 00"), kPacketBytesMax, k5).reason, ProtocolErrorReason::kReservedPacketType);
}

TEST(packet_framer, judges_the_flags_of_every_first_byte) {  // [MQTT-2.2.2-1] [MQTT-2.2.2-2]
  for (int first = 0x10; first < 0xf0; ++first) {
    const auto type = static_cast<PacketType>(first >> 4);
    const bool two = type == PacketType::kPubrel || type == PacketType::kSubscribe || type == PacketType::kUnsubscribe;
    const bool good = type == PacketType::kPublish || (first & 15) == (two ? 2 : 0);
    PacketBytes packet{};
    const ByteVector bytes{static_cast<std::byte>(first), std::byte{0}};
    ASSERT_EQ(frame(bytes, packet, kPacketBytesMax, k5), good ? Framing::kPacket : Framing::kError) << first;
    ASSERT_EQ(frame(bytes, packet), good ? Framing::kPacket : Framing::kError) << first;
    if (!good) {
      EXPECT_EQ(packet.error->reason, ProtocolErrorReason::kReservedFlags) << first;
    }
    ASSERT_EQ(next_packet({bytes.data(), 1}, kPacketBytesMax, k311, packet),
              good ? Framing::kNeedMore : Framing::kError);
  }
}

TEST(packet_framer, names_the_statement_that_reserves_the_flags) {
  EXPECT_STREQ(frame_error(wire("63 02 0001")).clause, "MQTT-3.6.1-1");
  EXPECT_STREQ(frame_error(wire("80 06 0001 0001 'a' 00")).clause, "MQTT-3.8.1-1");
  EXPECT_STREQ(frame_error(wire("a0 05 0001 0001 'a'")).clause, "MQTT-3.10.1-1");
  EXPECT_STREQ(frame_error(wire("e1 00")).clause, "MQTT-3.14.1-1");
  EXPECT_STREQ(frame_error(wire("c8 00")).clause, "MQTT-2.2.2-2");
}

TEST(packet_framer, names_the_statement_of_5_0_that_reserves_the_flags) {
  const auto clause = [](const char* spelling) { return frame_error(wire(spelling), kPacketBytesMax, k5).clause; };
  EXPECT_STREQ(clause("63 02 0001"), "MQTT5-3.6.1-1");
  EXPECT_STREQ(clause("80 07 0001 00 0001 'a' 00"), "MQTT5-3.8.1-1");
  EXPECT_STREQ(clause("a0 06 0001 00 0001 'a'"), "MQTT5-3.10.1-1");
  EXPECT_STREQ(clause("e1 00"), "MQTT5-3.14.1-1");
  EXPECT_STREQ(clause("c8 00"), "MQTT5-2.1.3-1");
}

TEST(packet_framer, lets_version_3_1_set_dup_on_a_repeated_pubrel) {
  PacketBytes packet{};
  ASSERT_EQ(frame(wire("6a 02 0001"), packet, kPacketBytesMax, k31), Framing::kPacket);
  EXPECT_EQ(packet.type, PacketType::kPubrel);
  EXPECT_EQ(packet.flags, 0x0a);
  EXPECT_EQ(frame_error(wire("6a 02 0001")).reason, ProtocolErrorReason::kReservedFlags);
}

TEST(packet_framer, refuses_a_packet_over_the_limit_as_soon_as_its_header_is_there) {
  EXPECT_EQ(frame_error(wire("30 63"), 100).reason, ProtocolErrorReason::kPacketTooLarge);
  EXPECT_EQ(frame_error(wire("30 8008"), 1000).reason, ProtocolErrorReason::kPacketTooLarge);
  EXPECT_EQ(frame_error(publish_with_body(99), 100).reason, ProtocolErrorReason::kPacketTooLarge);
  PacketBytes packet{};
  EXPECT_EQ(frame(publish_with_body(98), packet, 100), Framing::kPacket);
  EXPECT_EQ(frame(wire("30 62"), packet, 100), Framing::kNeedMore);
  EXPECT_EQ(frame(wire("30 80"), packet, 100), Framing::kNeedMore);
}

TEST(packet_framer, cuts_the_same_packets_whatever_the_pieces) {
  const uint64_t seed = core::system_random().next_u64();
  SCOPED_TRACE(seed);
  core::SeededRandom random(seed);
  ByteVector stream;
  std::vector<size_t> sizes;
  for (int i = 0; i < 300; ++i) {
    const ByteVector packet = publish_with_body(random.below(i % 10 == 0 ? 20'000 : 200));
    sizes.push_back(packet.size());
    stream.insert(stream.end(), packet.begin(), packet.end());
  }
  std::vector<size_t> seen;
  size_t begin = 0;
  size_t arrived = 0;
  while (begin < stream.size()) {
    PacketBytes packet{};
    const Framing framing = next_packet({stream.data() + begin, arrived - begin}, kPacketBytesMax, k311, packet);
    ASSERT_NE(framing, Framing::kError);
    if (framing == Framing::kPacket) {
      seen.push_back(packet.packet_bytes);
      begin += packet.packet_bytes;
    } else {
      ASSERT_LT(arrived, stream.size());
      arrived = std::min(stream.size(), arrived + 1 + random.below(400));
    }
  }
  EXPECT_EQ(seen, sizes);
}

}  // namespace
}  // namespace penstock::protocol
