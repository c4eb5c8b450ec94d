#include "broker/message_expiry.h"

#include <gtest/gtest.h>

namespace penstock::broker {
namespace {

constexpr std::string_view kTenSeconds("\x02\0\0\0\x0a", 5);
constexpr int64_t kPublishedUs = 1'000'000'000;

bool is_over_after(int64_t passed_us) {
  return is_expired(core::as_bytes(kTenSeconds), kPublishedUs, kPublishedUs + passed_us);
}

TEST(MessageExpiryTest, is_over_when_the_interval_has_passed_and_not_before) {
  EXPECT_FALSE(is_over_after(0));
  EXPECT_FALSE(is_over_after(9'999'999));
  EXPECT_TRUE(is_over_after(10'000'000));
}

TEST(MessageExpiryTest, never_comes_to_a_message_without_an_interval) {
  EXPECT_FALSE(is_expired({}, 0, INT64_MAX));
  EXPECT_FALSE(is_expired(core::as_bytes("\x01\x01"), 0, INT64_MAX));
}

TEST(MessageExpiryTest, waits_while_the_wall_clock_is_behind) {
  EXPECT_FALSE(is_over_after(-3'600'000'000));
  EXPECT_EQ(seconds_left(10, kPublishedUs, kPublishedUs - 5), 10u);
}

TEST(MessageExpiryTest, counts_whole_seconds_down_to_none) {
  EXPECT_EQ(seconds_left(10, kPublishedUs, kPublishedUs + 1'999'999), 9u);
  EXPECT_EQ(seconds_left(10, kPublishedUs, kPublishedUs + 10'000'000), 0u);
  EXPECT_EQ(seconds_left(10, kPublishedUs, kPublishedUs + 1'000'000'000), 0u);
}

}  // namespace
}  // namespace penstock::broker
