// CompactText: gives back what was put in, whether it lies inside or on the heap.
#include "broker/compact_text.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock::broker {
namespace {

TEST(CompactTextTest, holds_texts_of_every_size) {
  for (size_t size = 0; size < 300; ++size) {
    const std::string text(size, static_cast<char>(size));
    EXPECT_EQ(CompactText(text).view(), text);
  }
  const std::string longest(UINT16_MAX, 'x');
  EXPECT_EQ(CompactText(longest).view(), longest);
}

TEST(CompactTextTest, keeps_bytes_that_are_no_letters) {
  const std::string text("\xff\x00\x01", 3);
  EXPECT_EQ(CompactText(text).view(), text);
}

TEST(CompactTextTest, is_empty_by_itself) {
  EXPECT_EQ(CompactText().view(), "");
  EXPECT_EQ(CompactText().heap_bytes(), 0u);
}

TEST(CompactTextTest, moves) {
  CompactText text("on the heap as it is long");
  CompactText other(std::move(text));
  EXPECT_EQ(other.view(), "on the heap as it is long");
  other = CompactText("short");
  EXPECT_EQ(other.view(), "short");
  EXPECT_EQ(other.heap_bytes(), 0u);
}

}  // namespace
}  // namespace penstock::broker
