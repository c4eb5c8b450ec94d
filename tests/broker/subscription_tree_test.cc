// SubscriptionTree against the rules of MQTT 3.1.1 section 4.7 written down naively, and its corners.
#include "broker/subscription_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/random.h"

namespace penstock::broker {
namespace {

using protocol::TopicFilter;
using protocol::TopicName;

std::vector<std::string> levels_of(const std::string& text) {
  std::vector<std::string> levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

// The standard's text, level by level.
bool naive_match(const std::vector<std::string>& f, const std::vector<std::string>& n) {
  if (n[0].starts_with('$') && (f[0] == "+" || f[0] == "#")) return false;
  for (size_t i = 0;; ++i) {
    if (i == f.size()) return i == n.size();
    if (f[i] == "#") return true;
    if (i == n.size()) return false;
    if (f[i] != "+" && f[i] != n[i]) return false;
    if (i + 1 == n.size() && i + 2 == f.size() && f[i + 1] == "#") return true;
  }
}

class SubscriptionTreeTest : public testing::Test {
 protected:
  FilterId insert(const std::string& filter) { return tree_.insert(TopicFilter::accepted(filter)).id; }
  void erase(const std::string& filter) { tree_.erase(*tree_.find(TopicFilter::accepted(filter))); }
  std::set<std::string> matches(const std::string& name) {
    tree_.match(TopicName::accepted(name), found_);
    std::set<std::string> texts;
    for (const FilterId id : found_) texts.insert(std::string(tree_.filter(id).text()));
    EXPECT_EQ(texts.size(), found_.size()) << "a filter was reported twice for " << name;
    return texts;
  }

  SubscriptionTree tree_{0x5eed};
  std::vector<FilterId> found_;
};

using Texts = std::set<std::string>;

TEST_F(SubscriptionTreeTest, matches_nothing_when_empty) {
  EXPECT_EQ(matches("a/b"), Texts{});
}

TEST_F(SubscriptionTreeTest, hash_matches_any_depth_and_the_parent_level) {  // [MQTT-4.7.1-2]
  insert("sport/tennis/player1/#");
  EXPECT_EQ(matches("sport/tennis/player1"), Texts{"sport/tennis/player1/#"});
  EXPECT_EQ(matches("sport/tennis/player1/ranking"), Texts{"sport/tennis/player1/#"});
  EXPECT_EQ(matches("sport/tennis/player1/score/wimbledon"), Texts{"sport/tennis/player1/#"});
  EXPECT_EQ(matches("sport/tennis/player11"), Texts{});
  EXPECT_EQ(matches("sport/tennis"), Texts{});
  insert("sport/#");
  EXPECT_EQ(matches("sport"), Texts{"sport/#"});
}

TEST_F(SubscriptionTreeTest, plus_matches_exactly_one_level) {  // [MQTT-4.7.1-3]
  insert("sport/tennis/+");
  insert("sport/+");
  insert("+");
  EXPECT_EQ(matches("sport/tennis/player1"), Texts{"sport/tennis/+"});
  EXPECT_EQ(matches("sport/tennis/player1/ranking"), Texts{});
  EXPECT_EQ(matches("sport"), Texts{"+"});
  EXPECT_EQ(matches("sport/"), Texts{"sport/+"});
}

TEST_F(SubscriptionTreeTest, empty_levels_are_levels) {  // [MQTT-4.7.3-1]
  for (const char* filter : {"+/+", "/+", "+", "/finance", "//+", "/", "+/", "a//b", "a/+/b"}) insert(filter);
  EXPECT_EQ(matches("/finance"), (Texts{"+/+", "/+", "/finance"}));
  EXPECT_EQ(matches("/"), (Texts{"+/+", "/+", "/", "+/"}));
  EXPECT_EQ(matches("//x"), Texts{"//+"});
  EXPECT_EQ(matches("a//b"), (Texts{"a//b", "a/+/b"}));
}

TEST_F(SubscriptionTreeTest, leading_wildcards_do_not_match_names_with_a_dollar) {  // [MQTT-4.7.2-1]
  for (const char* filter : {"#", "+/monitor/Clients", "$SYS/#", "$SYS/monitor/+", "+/+", "$SYS"}) insert(filter);
  EXPECT_EQ(matches("$SYS/monitor/Clients"), (Texts{"$SYS/#", "$SYS/monitor/+"}));
  EXPECT_EQ(matches("$SYS"), (Texts{"$SYS/#", "$SYS"}));
  EXPECT_EQ(matches("a/$SYS"), (Texts{"#", "+/+"}));
}

TEST_F(SubscriptionTreeTest, names_differ_by_case) {  // [MQTT-4.7.3-4]
  insert("ACCOUNTS");
  insert("Accounts/+");
  EXPECT_EQ(matches("Accounts"), Texts{});
  EXPECT_EQ(matches("ACCOUNTS/x"), Texts{});
}

TEST_F(SubscriptionTreeTest, the_same_filter_is_inserted_once) {
  for (const char* text : {"a/b", "a/+", "#", "a/b/#"}) {
    const auto first = tree_.insert(TopicFilter::accepted(text));
    const auto second = tree_.insert(TopicFilter::accepted(text));
    EXPECT_TRUE(first.is_new);
    EXPECT_FALSE(second.is_new);
    EXPECT_EQ(first.id, second.id);
    EXPECT_EQ(tree_.find(TopicFilter::accepted(text)), first.id);
  }
  EXPECT_EQ(tree_.size(), 4u);
}

TEST_F(SubscriptionTreeTest, a_slot_is_used_again_under_another_generation) {
  const FilterId old_id = insert("a/+");
  erase("a/+");
  EXPECT_FALSE(tree_.contains(old_id));
  const FilterId new_id = insert("b/c");
  EXPECT_EQ(new_id.slot, old_id.slot);
  EXPECT_NE(new_id.generation, old_id.generation);
  EXPECT_FALSE(tree_.contains(old_id));
  EXPECT_TRUE(tree_.contains(new_id));
  EXPECT_EQ(tree_.slot_end(), 1u);
}

TEST_F(SubscriptionTreeTest, matches_and_forgets_filters_of_as_many_levels_as_a_topic_can_have) {
  std::string deep;
  for (int i = 0; i < 32'766; ++i) deep += "+/";
  insert(deep + "#");
  insert(deep + "x");
  insert(deep + "+");
  const std::string name(65'535, '/');
  EXPECT_EQ(matches(name), Texts{deep + "#"});
  EXPECT_EQ(matches(name.substr(0, 32'766)), (Texts{deep + "#", deep + "+"}));
  for (const char* last : {"x", "#", "+"}) erase(deep + last);
  EXPECT_EQ(matches(name), Texts{});
}

TEST_F(SubscriptionTreeTest, erasing_gives_the_nodes_back) {
  insert("#");
  const auto round = [&] {
    std::vector<FilterId> ids;
    for (int i = 0; i < 1000; ++i) {
      const std::string base = "building/" + std::to_string(i % 100) + "/floor/" + std::to_string(i);
      ids.push_back(insert(base + "/+"));
      ids.push_back(insert(base + "/+/x"));
      ids.push_back(insert(base + "/#"));
    }
    for (const FilterId id : ids) tree_.erase(id);
  };
  round();
  const size_t bytes = tree_.memory_bytes();
  for (int i = 0; i < 10; ++i) round();
  EXPECT_EQ(tree_.memory_bytes(), bytes);
  EXPECT_EQ(tree_.size(), 1u);
}

std::string random_topic(core::SeededRandom& random, bool is_filter) {
  static const std::string kLevels[] = {"a", "b", "", "$x", "a-level-of-more-than-fourteen-bytes"};
  std::string text;
  const uint64_t count = 1 + random.below(5);
  for (uint64_t i = 0; i < count; ++i) {
    if (i != 0) text += '/';
    if (is_filter && random.chance(1, 3)) {
      if (i + 1 == count && random.chance(1, 2)) return text + "#";
      text += "+";
    } else {
      text += kLevels[random.below(std::size(kLevels))];
    }
  }
  return text.empty() ? "a" : text;
}

TEST_F(SubscriptionTreeTest, agrees_with_the_rules_over_random_filters_and_names) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    core::SeededRandom random(seed);
    tree_ = SubscriptionTree(random.next_u64());
    struct Known {
      FilterId id;
      std::vector<std::string> levels;
    };
    std::map<std::string, Known> model;
    const uint64_t filters_max = 1 + random.below(120);
    for (int i = 0; i < 800; ++i) {
      const std::string filter = random_topic(random, true);
      const auto known = model.find(filter);
      const auto found = tree_.find(TopicFilter::accepted(filter));
      ASSERT_EQ(found.has_value(), known != model.end()) << filter;
      if (known != model.end() && (model.size() > filters_max || random.chance(1, 2))) {
        ASSERT_EQ(*found, known->second.id);
        tree_.erase(*found);
        model.erase(known);
      } else {
        const auto inserted = tree_.insert(TopicFilter::accepted(filter));
        ASSERT_EQ(inserted.is_new, known == model.end()) << filter;
        model[filter] = {inserted.id, levels_of(filter)};
      }
      const std::string name = random_topic(random, false);
      const std::vector<std::string> name_levels = levels_of(name);
      Texts expected;
      for (const auto& [text, filter_known] : model) {
        if (naive_match(filter_known.levels, name_levels)) expected.insert(text);
      }
      ASSERT_EQ(matches(name), expected) << name;
    }
    for (const auto& [text, known] : model) tree_.erase(known.id);
    ASSERT_EQ(tree_.size(), 0u);
    ASSERT_EQ(matches("a/b"), Texts{});
  }
}

}  // namespace
}  // namespace penstock::broker
