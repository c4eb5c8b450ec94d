#include "bench/process_probe.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

namespace penstock::bench {
namespace {

TEST(ProcessProbe, reads_times_behind_a_name_with_spaces_and_brackets) {
  const auto sample = parse_stat("42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 7 0 1\n", 100);
  ASSERT_TRUE(sample.has_value());
  EXPECT_EQ(sample->user_seconds, 2.5);
  EXPECT_EQ(sample->system_seconds, 0.5);
  EXPECT_EQ(sample->threads, 7u);
}

TEST(ProcessProbe, refuses_a_torn_stat) {
  EXPECT_FALSE(parse_stat("42 (x) S 1 2", 100).has_value());
  EXPECT_FALSE(parse_stat("", 100).has_value());
}

TEST(ProcessProbe, finds_the_line_of_exactly_that_name) {
  const char* text = "XVmRSS: 1 kB\nVmRSSX: 2 kB\nVmRSS:\t    12 kB\nVmHWM:   13 kB\n";
  EXPECT_EQ(find_kilobytes(text, "VmRSS"), 12u * 1024);
  EXPECT_EQ(find_kilobytes(text, "VmHWM"), 13u * 1024);
  EXPECT_EQ(find_kilobytes(text, "VmSwap"), 0u);
}

TEST(ProcessProbe, sees_memory_and_cpu_of_a_live_process_grow) {
  const auto before = sample_process(getpid());
  ASSERT_TRUE(before.has_value()) << before.error().message;
  std::vector<char> block(64 << 20);
  for (size_t i = 0; i < block.size(); i += 4096) block[i] = 1;
  const double cpu_before = own_cpu_seconds();
  while (own_cpu_seconds() - cpu_before < 0.05) {
  }
  const auto after = sample_process(getpid());
  ASSERT_TRUE(after.has_value());
  EXPECT_GE(after->rss_bytes, before->rss_bytes + (60u << 20));
  EXPECT_GE(after->anonymous_bytes, before->anonymous_bytes + (60u << 20));
  EXPECT_GT(after->cpu_seconds(), before->cpu_seconds());
  EXPECT_EQ(block[4096], 1);
}

TEST(ProcessProbe, says_which_process_is_not_there) {
  const auto sample = sample_process(0x7fff'fff0);
  ASSERT_FALSE(sample.has_value());
  EXPECT_NE(sample.error().message.find("2147483632"), std::string::npos);
}

}  // namespace
}  // namespace penstock::bench
