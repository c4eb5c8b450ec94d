#include "bench/payload.h"

#include <gtest/gtest.h>

namespace penstock::bench {
namespace {

std::vector<uint8_t> copy_of(const PayloadPattern& pattern) {
  return {pattern.data(), pattern.data() + pattern.size()};
}

TEST(PayloadPattern, accepts_its_own_bytes_at_every_size) {
  for (const uint32_t size : {0u, 1u, 15u, 16u, 17u, 64u, 511u, 512u, 513u, 1024u, 100'000u}) {
    const PayloadPattern pattern(size, 42);
    const auto payload = copy_of(pattern);
    for (uint32_t turn = 0; turn < 100; ++turn) EXPECT_TRUE(pattern.matches(payload.data(), size, turn)) << size;
  }
}

TEST(PayloadPattern, sees_any_changed_byte_behind_the_header_of_a_short_payload) {
  const PayloadPattern pattern(64, 42);
  for (uint32_t at = kPayloadHeaderBytes; at < 64; ++at) {
    auto payload = copy_of(pattern);
    payload[at] ^= 1;
    EXPECT_FALSE(pattern.matches(payload.data(), payload.size(), 0)) << at;
  }
}

TEST(PayloadPattern, sees_any_changed_byte_of_a_long_payload_within_one_round_of_turns) {
  const PayloadPattern pattern(5000, 42);
  for (uint32_t at = kPayloadHeaderBytes; at < 5000; at += 37) {
    auto payload = copy_of(pattern);
    payload[at] ^= 0x80;
    bool seen = false;
    for (uint32_t turn = 0; turn < 5000 / 128 + 2; ++turn)
      seen |= !pattern.matches(payload.data(), payload.size(), turn);
    EXPECT_TRUE(seen) << at;
  }
}

TEST(PayloadPattern, refuses_another_length) {
  const PayloadPattern pattern(64, 42);
  const auto payload = copy_of(pattern);
  EXPECT_FALSE(pattern.matches(payload.data(), 63, 0));
  EXPECT_FALSE(pattern.matches(payload.data(), 0, 0));
}

TEST(PayloadHeader, carries_publisher_and_sequence) {
  const PayloadHeader header = payload_header(kPublisherCountMax - 1, 0x1'2345'6789, -5);
  EXPECT_TRUE(header.valid());
  EXPECT_EQ(header.publisher(), kPublisherCountMax - 1);
  EXPECT_EQ(header.sequence, 0x2345'6789u);
  EXPECT_EQ(header.intended_ns, -5);
}

}  // namespace
}  // namespace penstock::bench
