#include "broker/held_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

namespace penstock::broker {
namespace {

std::vector<std::byte> some_bytes(std::mt19937& random, size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TEST(HeldBytesTest, is_a_queue_of_bytes_in_one_piece) {
  std::mt19937 random(4711);
  HeldBytes held;
  std::deque<std::byte> expected;
  size_t emptied = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0) {
      const std::vector<std::byte> more = some_bytes(random, random() % 100);
      held.append(more);
      expected.insert(expected.end(), more.begin(), more.end());
    } else if (!expected.empty()) {
      const size_t count = std::min<size_t>(expected.size(), random() % 120);
      held.drop_front(count);
      expected.erase(expected.begin(), expected.begin() + static_cast<ptrdiff_t>(count));
      if (expected.empty() && count > 0) ++emptied;
    }
    ASSERT_EQ(held.empty(), expected.empty());
    ASSERT_TRUE(std::ranges::equal(held.bytes(), expected)) << "step " << step;
  }
  EXPECT_GT(emptied, 100u);
}

TEST(HeldBytesTest, what_is_moved_leaves_nothing_behind) {
  std::mt19937 random(1);
  const std::vector<std::byte> bytes = some_bytes(random, 3000);
  HeldBytes first;
  first.append(bytes);
  first.drop_front(1);
  HeldBytes second = std::move(first);
  EXPECT_TRUE(first.empty());
  EXPECT_TRUE(std::ranges::equal(second.bytes(), core::Bytes(bytes).subspan(1)));
  second.clear();
  EXPECT_TRUE(second.empty());
  EXPECT_TRUE(second.bytes().empty());
}

}  // namespace
}  // namespace penstock::broker
