#include "broker/topic_aliases.h"

#include <gtest/gtest.h>

namespace penstock::broker {
namespace {

TEST(InboundAliasesTest, know_only_what_they_were_taught_and_the_newest_of_it) {
  InboundAliases aliases;
  EXPECT_EQ(aliases.topic(1), "");
  aliases.teach(3, "plant/1");
  EXPECT_EQ(aliases.topic(3), "plant/1");
  EXPECT_EQ(aliases.topic(1), "");
  EXPECT_EQ(aliases.topic(InboundAliases::kAliasMax), "");
  aliases.teach(3, "plant/2");
  EXPECT_EQ(aliases.topic(3), "plant/2");
}

TEST(OutboundAliasesTest, teach_a_topic_once) {
  OutboundAliases aliases(10);
  const OutboundAliases::Alias first = aliases.use("plant/1", 23);
  EXPECT_NE(first.number, 0);
  EXPECT_LE(first.number, 10);
  EXPECT_FALSE(first.is_known);
  const OutboundAliases::Alias second = aliases.use("plant/1", 23);
  EXPECT_EQ(second.number, first.number);
  EXPECT_TRUE(second.is_known);
}

TEST(OutboundAliasesTest, teach_anew_when_another_topic_takes_the_place) {
  OutboundAliases aliases(1);
  EXPECT_FALSE(aliases.use("plant/1", 1).is_known);
  EXPECT_FALSE(aliases.use("plant/2", 2).is_known);
  EXPECT_FALSE(aliases.use("plant/1", 1).is_known);
}

TEST(OutboundAliasesTest, are_not_used_where_the_client_allows_none_or_they_save_nothing) {
  OutboundAliases none(0);
  EXPECT_EQ(none.use("plant/1", 1).number, 0);
  OutboundAliases some(10);
  EXPECT_EQ(some.use("a/b", 1).number, 0);
  EXPECT_EQ(some.use(std::string(OutboundAliases::kTopicBytesMax + 1, 't'), 1).number, 0);
}

TEST(OutboundAliasesTest, never_go_over_our_own_bound) {
  OutboundAliases aliases(65'535);
  for (uint32_t hash = 0; hash < 1000; ++hash)
    EXPECT_LE(aliases.use("topic/" + std::to_string(hash), hash).number, OutboundAliases::kAliasMax);
}

}  // namespace
}  // namespace penstock::broker
