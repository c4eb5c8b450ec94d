#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "core/random.h"
#include "protocol/topic_filter.h"
#include "protocol/topic_hash.h"
#include "protocol/topic_name.h"

namespace penstock::protocol {
namespace {

using std::string_literals::operator""s;

static_assert(!std::is_convertible_v<TopicName, TopicFilter> && !std::is_constructible_v<TopicFilter, TopicName>);
static_assert(!std::is_convertible_v<TopicFilter, TopicName> && !std::is_constructible_v<TopicName, TopicFilter>);
static_assert(!std::is_constructible_v<TopicName, std::string_view>, "only a check makes a topic name");

std::vector<std::string> levels_of(std::string_view text) {
  std::vector<std::string> levels;
  for (const std::string_view level : TopicLevels(text)) levels.emplace_back(level);
  return levels;
}

struct BadTopic {
  std::string text;
  ProtocolErrorReason reason;
  const char* clause;
};

TEST(topic_name, accepts_every_character_that_is_no_wildcard) {
  for (const char* text :
       {"a", "/", "//", "$SYS/broker/uptime", "Accounts payable", "/finance", "\xE6\xB8\xA9\xE5\xBA\xA6/1", "*;*",
        "\"!,-.:*", "sensor/\x01/x", "a longer topic than eight bytes"}) {
    const auto name = TopicName::parse(text);
    ASSERT_TRUE(name.has_value()) << text;
    EXPECT_EQ(name->text(), text);
  }
  EXPECT_TRUE(TopicName::parse(std::string(65'535, 't')).has_value());
}

TEST(topic_name, refuses_what_the_standard_forbids_and_says_which_statement) {
  const BadTopic cases[] = {
      {"", ProtocolErrorReason::kInvalidTopicName, "MQTT-4.7.3-1"},
      {"a\0b"s, ProtocolErrorReason::kInvalidUtf8, "MQTT-4.7.3-2"},
      {"\0"s, ProtocolErrorReason::kInvalidUtf8, "MQTT-4.7.3-2"},
      {"sensor/\xFF", ProtocolErrorReason::kInvalidUtf8, "MQTT-3.3.2-1"},
      {"\xED\xA0\x80/surrogate", ProtocolErrorReason::kInvalidUtf8, "MQTT-3.3.2-1"},
      {"sport/+", ProtocolErrorReason::kInvalidTopicName, "MQTT-3.3.2-2"},
      {"#", ProtocolErrorReason::kInvalidTopicName, "MQTT-3.3.2-2"},
      {"sport+", ProtocolErrorReason::kInvalidTopicName, "MQTT-3.3.2-2"},
      {"\xC3\xA9t\xC3\xA9/#", ProtocolErrorReason::kInvalidTopicName, "MQTT-3.3.2-2"},
      {std::string(65'536, 't'), ProtocolErrorReason::kInvalidTopicName, "MQTT-4.7.3-3"},
  };
  for (const BadTopic& bad : cases) {
    const auto name = TopicName::parse(bad.text);
    ASSERT_FALSE(name.has_value()) << bad.text.substr(0, 40);
    EXPECT_EQ(name.error().reason, bad.reason) << bad.text.substr(0, 40);
    EXPECT_STREQ(name.error().clause, bad.clause) << bad.text.substr(0, 40);
  }
}

TEST(topic_name, finds_a_wildcard_at_every_place_of_names_of_every_length) {
  for (size_t size = 1; size <= 40; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (const char wildcard : {'+', '#'}) {
        std::string text(size, 'x');
        text[at] = wildcard;
        EXPECT_FALSE(TopicName::parse(text).has_value()) << text;
      }
    }
  }
}

TEST(topic_name, accepts_every_other_single_byte_character_anywhere) {
  for (int c = 1; c < 128; ++c) {
    if (c == '+' || c == '#') continue;
    for (size_t size = 1; size <= 17; ++size) {
      EXPECT_TRUE(TopicName::parse(std::string(size, static_cast<char>(c))).has_value()) << c << " times " << size;
    }
  }
}

TEST(topic_name, parent_topic_is_the_first_level) {
  EXPECT_EQ(TopicName::parse("orders/eu/1")->parent_topic(), "orders");
  EXPECT_EQ(TopicName::parse("orders")->parent_topic(), "orders");
  EXPECT_EQ(TopicName::parse("/orders")->parent_topic(), "");
}

TEST(topic_name, names_that_differ_in_case_or_slash_are_different) {  // [MQTT-4.7.3-4]
  EXPECT_NE(*TopicName::parse("ACCOUNTS"), *TopicName::parse("Accounts"));
  EXPECT_NE(*TopicName::parse("/finance"), *TopicName::parse("finance"));
  EXPECT_EQ(*TopicName::parse("finance"s), *TopicName::parse("finance"));
}

TEST(topic_levels, splits_at_every_slash_and_keeps_empty_levels) {
  EXPECT_EQ(levels_of("a/b/c"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(levels_of("a"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(levels_of("/"), (std::vector<std::string>{"", ""}));
  EXPECT_EQ(levels_of("/a//b/"), (std::vector<std::string>{"", "a", "", "b", ""}));
  EXPECT_EQ(levels_of(""), (std::vector<std::string>{""}));
}

TEST(topic_levels, remainder_begins_at_the_level) {
  auto at = TopicLevels("a/b/c").begin();
  EXPECT_EQ(at.remainder(), "a/b/c");
  ++at;
  EXPECT_EQ(at.remainder(), "b/c");
  ++at;
  EXPECT_EQ(at.remainder(), "c");
}

TEST(topic_filter, accepts_wildcards_that_stand_alone_in_their_level) {
  for (const char* text : {"#", "+", "+/+", "/+", "+/", "sport/#", "+/tennis/#", "sport/+/player1", "a/+/+/#", "/", "a",
                           "$SYS/#", "$share/group/topic", "\xE6\xB8\xA9/+"}) {
    const auto filter = TopicFilter::parse(text);
    ASSERT_TRUE(filter.has_value()) << text;
    EXPECT_EQ(filter->text(), text);
    EXPECT_EQ(filter->has_wildcard(), std::string_view(text).find_first_of("+#") != std::string_view::npos);
  }
}

TEST(topic_filter, refuses_what_the_standard_forbids_and_says_which_statement) {
  const BadTopic cases[] = {
      {"", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.3-1"},
      {"a\0"s, ProtocolErrorReason::kInvalidUtf8, "MQTT-4.7.3-2"},
      {"a/\xC0\x80", ProtocolErrorReason::kInvalidUtf8, "MQTT-3.8.3-1"},
      {"sport/tennis#", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.1-2"},
      {"sport/tennis/#/ranking", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.1-2"},
      {"#/", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.1-2"},
      {"##", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.1-2"},
      {"+#", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.1-3"},
      {"#+", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.1-2"},
      {"sport+", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.1-3"},
      {"+sport", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.1-3"},
      {"a/b+/c", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.1-3"},
      {"a/++/c", ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.1-3"},
      {std::string(65'536, 't'), ProtocolErrorReason::kInvalidTopicFilter, "MQTT-4.7.3-3"},
  };
  for (const BadTopic& bad : cases) {
    const auto filter = TopicFilter::parse(bad.text);
    ASSERT_FALSE(filter.has_value()) << bad.text.substr(0, 40);
    EXPECT_EQ(filter.error().reason, bad.reason) << bad.text.substr(0, 40);
    EXPECT_STREQ(filter.error().clause, bad.clause) << bad.text.substr(0, 40);
  }
}

bool matches_text(std::string_view filter, std::string_view name) {
  return matches(*TopicFilter::parse(filter), *TopicName::parse(name));
}

TEST(topic_matching, does_what_the_examples_of_the_standard_say) {
  EXPECT_TRUE(matches_text("sport/tennis/player1/#", "sport/tennis/player1"));
  EXPECT_TRUE(matches_text("sport/tennis/player1/#", "sport/tennis/player1/ranking"));
  EXPECT_TRUE(matches_text("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
  EXPECT_TRUE(matches_text("sport/#", "sport"));
  EXPECT_TRUE(matches_text("#", "any/thing"));
  EXPECT_TRUE(matches_text("sport/tennis/+", "sport/tennis/player2"));
  EXPECT_FALSE(matches_text("sport/tennis/+", "sport/tennis/player1/ranking"));
  EXPECT_FALSE(matches_text("sport/+", "sport"));
  EXPECT_TRUE(matches_text("sport/+", "sport/"));
  EXPECT_TRUE(matches_text("+/+", "/finance"));
  EXPECT_TRUE(matches_text("/+", "/finance"));
  EXPECT_FALSE(matches_text("+", "/finance"));
  EXPECT_FALSE(matches_text("sport/#", "sportive"));
  EXPECT_TRUE(matches_text("+/#", "a"));
}

TEST(topic_matching, keeps_dollar_topics_from_filters_that_begin_with_a_wildcard) {  // [MQTT-4.7.2-1]
  EXPECT_FALSE(matches_text("#", "$SYS/monitor/Clients"));
  EXPECT_FALSE(matches_text("+/monitor/Clients", "$SYS/monitor/Clients"));
  EXPECT_FALSE(matches_text("#", "$"));
  EXPECT_TRUE(matches_text("$SYS/#", "$SYS/monitor/Clients"));
  EXPECT_TRUE(matches_text("$SYS/monitor/+", "$SYS/monitor/Clients"));
  EXPECT_TRUE(matches_text("a/+", "a/$SYS"));
  EXPECT_TRUE(matches_text("a/#", "a/$SYS/x"));
}

// Level by level on copies, as one would explain it.
bool oracle(std::string_view filter, std::string_view name) {
  if (name.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  const auto f = levels_of(filter);
  const auto n = levels_of(name);
  for (size_t i = 0; i < f.size(); ++i) {
    if (f[i] == "#") return true;
    if (i >= n.size()) return false;
    if (f[i] != "+" && f[i] != n[i]) return false;
  }
  return f.size() == n.size();
}

std::string random_topic(core::SeededRandom& random, bool wildcards) {
  static constexpr const char* kLevels[] = {"", "a", "b", "ab", "$a", "+", "+", "#"};
  std::string text;
  const size_t count = 1 + random.below(5);
  for (size_t i = 0; i < count; ++i) {
    const std::string_view level = kLevels[random.below(wildcards ? 8 : 5)];
    if (i > 0) text += '/';
    text += level;
    if (level == "#") break;
  }
  return text;
}

TEST(topic_matching, agrees_with_the_naive_matcher_on_random_pairs) {
  const uint64_t seed = core::system_random().next_u64();
  SCOPED_TRACE(seed);
  core::SeededRandom random(seed);
  size_t matched = 0;
  for (int round = 0; round < 300'000; ++round) {
    const std::string filter_text = random_topic(random, true);
    const std::string name_text = random_topic(random, false);
    const auto filter = TopicFilter::parse(filter_text);
    const auto name = TopicName::parse(name_text);
    if (!filter || !name) {
      ASSERT_TRUE(filter_text.empty() || name_text.empty()) << filter_text << " " << name_text;
      continue;
    }
    matched += oracle(filter_text, name_text);
    ASSERT_EQ(matches(*filter, *name), oracle(filter_text, name_text)) << filter_text << " on " << name_text;
  }
  EXPECT_GT(matched, 10'000u);
}

TEST(shared_filter, is_split_into_group_and_filter) {
  const struct {
    const char* text;
    const char* group;
    const char* filter;
  } cases[] = {
      {"$share/consumer1/sport/tennis/+", "consumer1", "sport/tennis/+"},
      {"$share/consumer1//finance", "consumer1", "/finance"},
      {"$share/g/#", "g", "#"},
      {"$share/g//", "g", "/"},
      {"$share/$share/$share/x/y", "$share", "$share/x/y"},
      {"$share/\xc3\xa9/t", "\xc3\xa9", "t"},
  };
  for (const auto& c : cases) {
    const TopicFilter whole = TopicFilter::parse(c.text).value();
    ASSERT_TRUE(whole.is_shared()) << c.text;
    const auto shared = SharedFilter::split(whole);
    ASSERT_TRUE(shared.has_value()) << c.text;
    EXPECT_EQ(shared->group, c.group) << c.text;
    EXPECT_EQ(shared->filter.text(), c.filter) << c.text;
    EXPECT_TRUE(TopicFilter::parse(shared->filter.text()).has_value()) << c.text;
  }
}

TEST(shared_filter, begins_with_its_word_and_a_separator) {
  for (const char* text : {"$share", "$shared/g/t", "/$share/g/t", "$SHARE/g/t", "share/g/t", "+/g/t"}) {
    EXPECT_FALSE(TopicFilter::parse(text).value().is_shared()) << text;
  }
}

TEST(shared_filter, needs_a_group_without_wildcards_and_a_filter) {
  const struct {
    const char* text;
    const char* clause;
  } cases[] = {
      {"$share/", "MQTT5-4.8.2-1"},  {"$share//", "MQTT5-4.8.2-1"},  {"$share//t", "MQTT5-4.8.2-1"},
      {"$share/g", "MQTT5-4.8.2-2"}, {"$share/g/", "MQTT5-4.8.2-2"}, {"$share/+/t", "MQTT5-4.8.2-2"},
      {"$share/#", "MQTT5-4.8.2-2"}, {"$share/+", "MQTT5-4.8.2-2"},  {"$share/+/", "MQTT5-4.8.2-2"},
  };
  for (const auto& c : cases) {
    const auto shared = SharedFilter::split(TopicFilter::parse(c.text).value());
    ASSERT_FALSE(shared.has_value()) << c.text;
    EXPECT_EQ(shared.error().reason, ProtocolErrorReason::kInvalidTopicFilter) << c.text;
    EXPECT_STREQ(shared.error().clause, c.clause) << c.text;
  }
}

TEST(topic_hash, keeps_its_value_because_it_lies_on_disk) {
  EXPECT_EQ(topic_hash(*TopicName::parse("a")), 0x1e964e1fu);
  EXPECT_EQ(topic_hash(*TopicName::parse("sensors/kitchen/temperature")), 0xe6d607a0u);
}

}  // namespace
}  // namespace penstock::protocol
