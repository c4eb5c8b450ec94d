// RemoteFilters: which other shards want a topic.
#include "broker/remote_filters.h"

#include <gtest/gtest.h>

namespace penstock::broker {
namespace {

ShardSet shards(std::initializer_list<int> list) {
  ShardSet set = 0;
  for (const int shard : list) set |= ShardSet{1} << shard;
  return set;
}

class RemoteFiltersTest : public testing::Test {
 protected:
  ShardSet match(std::string_view name) { return filters_.match(protocol::TopicName::accepted(name)); }

  RemoteFilters filters_{1};
};

TEST_F(RemoteFiltersTest, nobody_wants_anything_at_first) {
  EXPECT_TRUE(filters_.empty());
  EXPECT_EQ(match("a/b"), 0u);
}

TEST_F(RemoteFiltersTest, names_every_shard_whose_filter_matches) {
  filters_.add("a/b", 1);
  filters_.add("a/+", 2);
  filters_.add("#", 63);
  filters_.add("b/#", 3);
  EXPECT_EQ(match("a/b"), shards({1, 2, 63}));
  EXPECT_EQ(match("a/c"), shards({2, 63}));
  EXPECT_EQ(match("b"), shards({3, 63}));
}

TEST_F(RemoteFiltersTest, keeps_a_filter_until_its_last_shard_has_gone) {
  filters_.add("a/+", 1);
  filters_.add("a/+", 2);
  filters_.remove("a/+", 1);
  EXPECT_EQ(match("a/b"), shards({2}));
  filters_.remove("a/+", 2);
  EXPECT_EQ(match("a/b"), 0u);
  EXPECT_TRUE(filters_.empty());
}

TEST_F(RemoteFiltersTest, one_removal_is_enough_for_a_filter_that_a_shard_told_twice) {
  filters_.add("a", 1);
  filters_.add("a", 1);
  filters_.remove("a", 1);
  EXPECT_TRUE(filters_.empty());
}

TEST_F(RemoteFiltersTest, a_removal_of_what_is_not_there_changes_nothing) {
  filters_.add("a", 1);
  filters_.remove("b", 1);
  filters_.remove("a", 2);
  EXPECT_EQ(match("a"), shards({1}));
}

TEST_F(RemoteFiltersTest, a_filter_that_takes_the_place_of_another_does_not_get_its_shards) {
  filters_.add("old", 5);
  filters_.remove("old", 5);
  filters_.add("new", 6);
  EXPECT_EQ(match("new"), shards({6}));
  EXPECT_EQ(match("old"), 0u);
}

TEST_F(RemoteFiltersTest, topics_of_the_server_are_not_for_filters_that_begin_with_a_wildcard) {
  filters_.add("#", 1);
  filters_.add("$SYS/#", 2);
  EXPECT_EQ(match("$SYS/x"), shards({2}));
}

}  // namespace
}  // namespace penstock::broker
