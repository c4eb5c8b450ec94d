#include "core/mirrored_ring.h"

#include <gtest/gtest.h>

#include <cstring>

namespace penstock::core {
namespace {

TEST(MirroredRingTest, what_wraps_is_contiguous_and_seen_at_the_front) {
  auto created = MirroredRing::create(65'536);
  ASSERT_TRUE(created.has_value()) << created.error().message;
  MirroredRing ring = std::move(*created);
  std::memcpy(ring.at(65'536 - 3), "abcdef", 6);
  EXPECT_EQ(std::memcmp(ring.data(), "def", 3), 0);
  EXPECT_EQ(std::memcmp(ring.at(2 * 65'536 - 3), "abcdef", 6), 0);
  EXPECT_EQ(ring.mask(), 65'535u);
}

TEST(MirroredRingTest, new_memory_is_zero) {
  auto ring = MirroredRing::create(65'536);
  ASSERT_TRUE(ring.has_value());
  for (uint64_t i = 0; i < 2 * 65'536; i += 512) EXPECT_EQ(ring->data()[i], std::byte{0});
}

}  // namespace
}  // namespace penstock::core
