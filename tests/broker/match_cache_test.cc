// MatchCache in front of a SubscriptionTree never answers anything else than the tree.
#include "broker/match_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/subscription_tree.h"
#include "core/random.h"
#include "protocol/topic_hash.h"

namespace penstock::broker {
namespace {

using protocol::TopicFilter;
using protocol::TopicName;

class MatchCacheTest : public testing::Test {
 protected:
  bool holds(const char* name) { return find(cache_, name).has_value(); }
  void store(const char* name) { store(cache_, name, {}); }

  static std::optional<std::vector<FilterId>> find(const MatchCache& cache, const std::string& text) {
    const TopicName name = TopicName::accepted(text);
    const auto found = cache.find(name, protocol::topic_hash(name));
    if (!found) return std::nullopt;
    return std::vector<FilterId>(found->begin(), found->end());
  }
  static void store(MatchCache& cache, const std::string& text, const std::vector<FilterId>& ids) {
    const TopicName name = TopicName::accepted(text);
    cache.store(name, protocol::topic_hash(name), ids);
  }

  MatchCache cache_{64};
};

TEST_F(MatchCacheTest, knows_nothing_at_first) {
  EXPECT_FALSE(holds("a/b"));
  EXPECT_FALSE(holds(""));
}

TEST_F(MatchCacheTest, remembers_a_list_and_that_nothing_matches) {
  const std::vector<FilterId> ids = {{1, 2}, {3, 4}, {5, 6}};
  store(cache_, "a/bc", ids);
  store(cache_, "x", {});
  EXPECT_EQ(find(cache_, "a/bc"), ids);
  EXPECT_EQ(find(cache_, "x"), std::vector<FilterId>{});
}

TEST_F(MatchCacheTest, does_not_keep_what_is_too_long_for_an_entry) {
  const std::string name(200, 'n');
  store(cache_, name, std::vector<FilterId>(5));
  EXPECT_TRUE(find(cache_, name).has_value());
  store(cache_, name + "o", std::vector<FilterId>(6));
  EXPECT_FALSE(find(cache_, name + "o").has_value());
  store(cache_, std::string(60'000, 'n'), {});
  EXPECT_FALSE(find(cache_, std::string(60'000, 'n')).has_value());
}

TEST_F(MatchCacheTest, a_changed_filter_drops_only_what_it_could_match) {
  for (const char* name : {"a/1", "a/2", "b/1"}) store(name);
  cache_.invalidate(TopicFilter::accepted("a/1"));
  EXPECT_FALSE(holds("a/1"));
  EXPECT_TRUE(holds("a/2"));
  cache_.invalidate(TopicFilter::accepted("a/+"));
  EXPECT_FALSE(holds("a/2"));
  EXPECT_TRUE(holds("b/1"));
  cache_.invalidate(TopicFilter::accepted("+/x"));
  EXPECT_FALSE(holds("b/1"));
}

TEST_F(MatchCacheTest, a_changed_filter_drops_the_parent_level_of_its_hash) {
  store("a");
  cache_.invalidate(TopicFilter::accepted("a/#"));
  EXPECT_FALSE(holds("a"));
}

TEST_F(MatchCacheTest, agrees_with_the_tree_while_filters_come_and_go) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    core::SeededRandom random(seed);
    SubscriptionTree tree(seed);
    MatchCache cache(32);
    const auto text_of = [&](bool is_filter) {
      std::string text;
      for (uint64_t i = 0, count = 1 + random.below(3); i < count; ++i) {
        if (i != 0) text += '/';
        if (is_filter && random.chance(1, 4)) {
          if (i + 1 == count && random.chance(1, 2)) return text + "#";
          text += "+";
        } else {
          text += static_cast<char>('a' + random.below(4));
        }
      }
      return text;
    };
    uint64_t hits = 0;
    std::vector<FilterId> expected;
    for (int i = 0; i < 5000; ++i) {
      if (random.chance(1, 10)) {
        const std::string filter = text_of(true);
        if (const auto known = tree.find(TopicFilter::accepted(filter))) {
          tree.erase(*known);
        } else {
          tree.insert(TopicFilter::accepted(filter));
        }
        cache.invalidate(TopicFilter::accepted(filter));
      }
      const std::string name = text_of(false);
      tree.match(TopicName::accepted(name), expected);
      if (const auto found = find(cache, name)) {
        ++hits;
        ASSERT_EQ(*found, expected) << name;
      } else {
        store(cache, name, expected);
      }
    }
    EXPECT_GT(hits, 100u);
  }
}

}  // namespace
}  // namespace penstock::broker
