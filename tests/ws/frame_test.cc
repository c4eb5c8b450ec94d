#include "ws/frame.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/random.h"
#include "tests/ws/wire.h"
#include "ws/close_code.h"

namespace penstock::ws {
namespace {

FrameDecoding decode(std::string_view bytes, DecodedFrame& out) {
  // A copy of exactly this size, so that ASan sees a read past the end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  return decode_frame_header(core::as_bytes({exact.data(), exact.size()}), out);
}

const FrameError& decode_error(std::string_view spelling) {
  static constexpr FrameError kNone{"(none)", 0, ""};
  DecodedFrame out;
  return decode(wire(spelling), out) == FrameDecoding::kError ? *out.error : kNone;
}

TEST(frame, reads_the_borders_of_every_length_and_asks_for_more_at_every_split_point) {
  for (const bool is_masked : {false, true}) {
    for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{125}, uint64_t{126}, uint64_t{65'535},
                                 uint64_t{65'536}, uint64_t{1} << 32, (uint64_t{1} << 63) - 1}) {
      const std::string header = "\x82" + length_field(bytes, is_masked) + (is_masked ? "\x01\x02\x03\x04" : "");
      DecodedFrame out;
      for (size_t size = 0; size < header.size(); ++size) {
        ASSERT_EQ(decode(header.substr(0, size), out), FrameDecoding::kNeedMore) << hex(header) << " " << size;
      }
      ASSERT_EQ(decode(header + "payload", out), FrameDecoding::kHeader) << hex(header);
      EXPECT_EQ(out.header_bytes, header.size());
      EXPECT_EQ(out.header.payload_bytes, bytes);
      EXPECT_EQ(out.header.is_masked, is_masked);
      EXPECT_EQ(out.header.mask, is_masked ? 0x04030201u : 0u);
      EXPECT_EQ(out.header.opcode, Opcode::kBinary);
      EXPECT_TRUE(out.header.is_final);
      std::string again(kFrameHeaderBytesMax, '\0');
      again.resize(encode_frame_header(out.header, reinterpret_cast<std::byte*>(again.data())));
      EXPECT_EQ(hex(again), hex(header));
    }
  }
}

TEST(frame, examples_of_the_rfc) {
  DecodedFrame out;
  ASSERT_EQ(decode(wire("81 85 37fa213d 7f9f4d5158"), out), FrameDecoding::kHeader);
  std::string payload = wire("7f9f4d5158");
  auto* const at = reinterpret_cast<std::byte*>(payload.data());
  mask_copy(at, {at, payload.size()}, out.header.mask);
  EXPECT_EQ(payload, "Hello");
  ASSERT_EQ(decode(wire("01 03 48656c"), out), FrameDecoding::kHeader);
  EXPECT_FALSE(out.header.is_final);
  ASSERT_EQ(decode(wire("8a 85 37fa213d"), out), FrameDecoding::kHeader);
  EXPECT_EQ(out.header.opcode, Opcode::kPong);
  ASSERT_EQ(decode(wire("82 7e 0100"), out), FrameDecoding::kHeader);
  EXPECT_EQ(out.header.payload_bytes, 256u);
  ASSERT_EQ(decode(wire("82 7f 0000000000010000"), out), FrameDecoding::kHeader);
  EXPECT_EQ(out.header.payload_bytes, 65'536u);
}

TEST(frame, judges_every_first_byte) {
  for (int first = 0; first < 256; ++first) {
    const int opcode = first & 15;
    const bool is_known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
    const bool is_cut_control = opcode >= 8 && first < 0x80;
    const bool is_good = (first & 0x70) == 0 && is_known && !is_cut_control;
    DecodedFrame out;
    const std::string byte(1, static_cast<char>(first));
    EXPECT_EQ(decode(byte, out), is_good ? FrameDecoding::kNeedMore : FrameDecoding::kError) << hex(byte);
    if (is_good) continue;
    EXPECT_EQ(out.error->close_code, kCloseProtocolError) << hex(byte);
  }
}

TEST(frame, refuses_a_control_frame_of_more_than_125_bytes_at_its_second_byte) {
  for (const char* spelling : {"88 7e", "89 fe", "8a 7f", "88 ff"}) {
    EXPECT_STREQ(decode_error(spelling).reason, "ws_bad_control_frame") << spelling;
  }
  DecodedFrame out;
  EXPECT_EQ(decode(wire("89 7d"), out), FrameDecoding::kHeader);
}

TEST(frame, refuses_lengths_that_have_more_bytes_than_they_need_or_a_sign) {
  for (const char* spelling : {"82 7e 0000", "82 7e 007d", "82 fe 007d", "82 7f 0000000000000000",
                               "82 7f 000000000000ffff", "82 7f 8000000000000000", "82 ff ffffffffffffffff"}) {
    EXPECT_STREQ(decode_error(spelling).reason, "ws_bad_length") << spelling;
  }
}

TEST(frame, masking_agrees_with_one_byte_at_a_time_at_every_size_and_place) {
  core::SeededRandom random(1);
  std::vector<std::byte> from(600);
  for (std::byte& byte : from) byte = static_cast<std::byte>(random.next_u64());
  for (size_t begin = 0; begin < 17; ++begin) {
    for (size_t size = 0; size <= 100; ++size) {
      const auto mask = static_cast<uint32_t>(random.next_u64());
      std::vector<std::byte> expected(from.begin(), from.end());
      for (size_t i = 0; i < size; ++i) {
        expected[begin + i] ^= static_cast<std::byte>(mask >> (8 * (i % 4)));
      }
      std::vector<std::byte> to(from.begin(), from.end());
      const uint32_t next = mask_copy(to.data() + begin, core::Bytes(from).subspan(begin, size), mask);
      ASSERT_EQ(to, expected) << begin << " " << size;
      ASSERT_EQ(next, std::rotr(mask, static_cast<int>(8 * (size % 4))));
      mask_copy(to.data() + begin, core::Bytes(to).subspan(begin, size), mask);  // in place, and back
      ASSERT_EQ(to, from) << begin << " " << size;
    }
  }
}

TEST(frame, masking_goes_on_where_it_was_however_the_payload_is_cut) {
  core::SeededRandom random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> from(random.below(300));
    for (std::byte& byte : from) byte = static_cast<std::byte>(random.next_u64());
    const auto mask = static_cast<uint32_t>(random.next_u64());
    std::vector<std::byte> whole(from.size());
    mask_copy(whole.data(), from, mask);
    std::vector<std::byte> cut(from.size());
    uint32_t next = mask;
    for (size_t at = 0; at < from.size();) {
      const size_t size = std::min<size_t>(from.size() - at, 1 + random.below(40));
      next = mask_copy(cut.data() + at, core::Bytes(from).subspan(at, size), next);
      at += size;
    }
    ASSERT_EQ(cut, whole) << "round " << round;
  }
}

TEST(close_code, allows_what_may_be_on_the_wire) {
  for (const int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    EXPECT_TRUE(is_close_code(static_cast<uint16_t>(code))) << code;
  }
  for (const int code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65'535}) {
    EXPECT_FALSE(is_close_code(static_cast<uint16_t>(code))) << code;
  }
}

TEST(close_code, payload_is_nothing_or_a_code_and_utf8) {
  const auto parse = [](std::string_view spelling) { return parse_close_payload(core::as_bytes(wire(spelling))); };
  EXPECT_EQ(parse("").code, std::nullopt);
  EXPECT_EQ(parse("").error, nullptr);
  EXPECT_EQ(parse("03e8").code, 1000);
  EXPECT_EQ(parse("0fa0 'why' c3a9").code, 4000);
  EXPECT_EQ(parse("03").error->close_code, kCloseProtocolError);
  EXPECT_EQ(parse("03ed").error->close_code, kCloseProtocolError);
  EXPECT_EQ(parse("03e8 c3").error->close_code, kCloseNotUtf8);
  EXPECT_EQ(parse("03e8 eda080").error->close_code, kCloseNotUtf8);
}

}  // namespace
}  // namespace penstock::ws
