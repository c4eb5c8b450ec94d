// RetainedStore: the newest wins in every order of arrival, and wildcard walks find what a naive search finds.
#include "broker/retained_store.h"

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
using Texts = std::vector<std::string>;

RetainedPointer message(std::string_view topic, std::string_view payload, int64_t wall_us, uint16_t log = 1) {
  return make_retained({.flags = 1, .publisher = "sensor-1", .topic = topic, .payload = core::as_bytes(payload)},
                       wall_us, {log::LogId(log), 1, log::Sequence(static_cast<uint64_t>(wall_us))});
}

std::string payload_of(const RetainedStore& store, std::string_view topic) {
  const RetainedPointer found = store.find(TopicName::accepted(topic));
  return found == nullptr ? "(none)" : std::string(core::as_text(found->payload));
}

Texts topics_of(const RetainedStore& store, std::string_view filter, uint32_t slice = UINT32_MAX) {
  Texts topics;
  RetainedCursor cursor;
  for (int slices = 0; !cursor.ended && slices < 100'000; ++slices) {
    uint32_t budget = slice;
    while (const RetainedPointer found = store.next(TopicFilter::accepted(filter), cursor, budget)) {
      topics.emplace_back(found->topic);
    }
  }
  EXPECT_TRUE(cursor.ended);
  return topics;
}

TEST(RetainedStore, keeps_every_part_of_a_message) {
  const RetainedPointer made = make_retained({.flags = 2 | log::kRecordRetain,
                                              .publisher = "me",
                                              .topic = "a/b",
                                              .properties = core::as_bytes("props"),
                                              .payload = core::as_bytes("payload")},
                                             77, {log::LogId(3), 4, log::Sequence(5)});
  RetainedStore store;
  EXPECT_TRUE(store.apply(made));
  const RetainedPointer found = store.find(TopicName::accepted("a/b"));
  ASSERT_NE(found.get(), nullptr);
  EXPECT_EQ(found->topic, "a/b");
  EXPECT_EQ(found->publisher, "me");
  EXPECT_EQ(core::as_text(found->properties), "props");
  EXPECT_EQ(core::as_text(found->payload), "payload");
  EXPECT_EQ(found->qos, 2);
  EXPECT_EQ(found->wall_us, 77);
  EXPECT_EQ(found->position, (log::LogPosition{log::LogId(3), 4, log::Sequence(5)}));
  EXPECT_EQ(store.message_bytes(), found->memory_bytes());
}

TEST(RetainedStore, the_newest_message_of_a_topic_replaces_the_older) {  // [MQTT-3.3.1-5]
  RetainedStore store;
  EXPECT_TRUE(store.apply(message("a", "1", 10)));
  EXPECT_TRUE(store.apply(message("a", "2", 11)));
  EXPECT_FALSE(store.apply(message("a", "late", 5)));
  EXPECT_FALSE(store.apply(message("a", "again", 11)));
  EXPECT_EQ(payload_of(store, "a"), "2");
  EXPECT_TRUE(store.apply(message("a", "other log, same time", 11, 2)));
  EXPECT_EQ(payload_of(store, "a"), "other log, same time");
  EXPECT_EQ(store.size(), 1u);
}

TEST(RetainedStore, an_empty_payload_removes_and_is_not_retained) {  // [MQTT-3.3.1-10] [MQTT-3.3.1-11]
  RetainedStore store;
  store.apply(message("a", "1", 10));
  EXPECT_TRUE(store.apply(message("a", "", 20)));
  EXPECT_EQ(payload_of(store, "a"), "(none)");
  EXPECT_EQ(topics_of(store, "#"), Texts{});
  EXPECT_EQ(store.size(), 0u);
  EXPECT_EQ(store.message_bytes(), 0u);
}

TEST(RetainedStore, an_older_message_that_comes_late_does_not_undo_a_removal) {
  RetainedStore store;
  store.apply(message("a", "", 20));
  EXPECT_FALSE(store.apply(message("a", "1", 10)));
  EXPECT_EQ(payload_of(store, "a"), "(none)");
  EXPECT_TRUE(store.apply(message("a", "2", 21)));
  EXPECT_EQ(payload_of(store, "a"), "2");
  EXPECT_EQ(store.tombstones_count(), 0u);
}

TEST(RetainedStore, tombstones_go_by_number_by_bytes_and_by_age) {
  RetainedStore by_number(1, {.tombstones_max = 10});
  RetainedStore by_bytes(1, {.tombstone_bytes_max = 3000});
  RetainedStore by_age(1, {.tombstone_us = 50});
  for (int i = 0; i < 1000; ++i) {
    for (RetainedStore* store : {&by_number, &by_bytes, &by_age}) {
      store->apply(message("removed/" + std::to_string(i), "", i + 1));
    }
  }
  EXPECT_EQ(by_number.tombstones_count(), 10u);
  EXPECT_EQ(by_age.tombstones_count(), 1000u);  // some checkpoint may still hold what was removed
  by_age.settle(900);
  EXPECT_EQ(by_age.tombstones_count(), 150u);
  by_age.settle(1000);
  EXPECT_EQ(by_age.tombstones_count(), 50u);
  EXPECT_GT(by_bytes.tombstones_count(), 5u);
  EXPECT_LT(by_bytes.tombstones_count(), 30u);
  EXPECT_LE(by_number.slot_end(), 12u);
}

TEST(RetainedStore, the_same_topic_set_and_removed_again_and_again_keeps_nothing) {
  RetainedStore store(1, {.tombstones_max = 100});
  for (int i = 0; i < 10'000; ++i) store.apply(message("a", i % 2 == 0 ? "x" : "", i + 1));
  EXPECT_EQ(store.slot_end(), 1u);
  EXPECT_EQ(store.tombstones_count(), 1u);
}

TEST(RetainedStore, shards_that_see_updates_in_different_orders_agree) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    core::SeededRandom random(seed);
    std::vector<RetainedPointer> updates;
    for (int i = 1; i <= 60; ++i) {
      const std::string topic(1, static_cast<char>('a' + random.below(8)));
      updates.push_back(message(topic, random.chance(1, 3) ? "" : std::to_string(i),
                                static_cast<int64_t>(1 + random.below(20)), static_cast<uint16_t>(i)));
    }
    std::set<Texts> outcomes;
    for (int shard = 0; shard < 4; ++shard) {
      for (size_t i = updates.size(); i > 1; --i) std::swap(updates[i - 1], updates[random.below(i)]);
      RetainedStore store;
      for (const RetainedPointer& update : updates) store.apply(update);
      Texts outcome;
      for (const std::string& topic : topics_of(store, "#")) outcome.push_back(topic + "=" + payload_of(store, topic));
      outcomes.insert(outcome);
    }
    ASSERT_EQ(outcomes.size(), 1u) << "seed " << seed;
  }
}

TEST(RetainedStore, a_walk_goes_on_while_messages_come_and_go) {
  RetainedStore store;
  for (int i = 0; i < 100; ++i) store.apply(message("t/" + std::to_string(1000 + i), "x", 1));
  RetainedCursor cursor;
  const auto take = [&](uint32_t budget) {
    const RetainedPointer found = store.next(TopicFilter::accepted("t/+"), cursor, budget);
    return found == nullptr ? std::string("(none)") : std::string(found->topic);
  };
  EXPECT_EQ(take(5), "t/1000");
  EXPECT_EQ(take(0), "(none)");
  EXPECT_FALSE(cursor.ended);
  store.apply(message("t/1000", "", 2));     // behind: was seen
  store.apply(message("t/1001", "", 2));     // the very next one goes
  store.apply(message("t/1002/x", "x", 2));  // does not match
  store.apply(message("t/1001x", "x", 2));   // ahead
  EXPECT_EQ(take(5), "t/1001x");
  EXPECT_EQ(take(5), "t/1002");
  EXPECT_EQ(take(5), "t/1003");
}

TEST(RetainedStore, a_walk_skips_what_cannot_match) {
  RetainedStore store;
  for (int i = 0; i < 1000; ++i) {
    for (const char* leaf : {"a", "b", "b/c", "status", "z"}) {
      store.apply(message("device/" + std::to_string(i) + "/" + leaf, "x", 1));
    }
  }
  RetainedCursor cursor;
  uint32_t budget = 20;
  while (store.next(TopicFilter::accepted("device/77/#"), cursor, budget) != nullptr) continue;
  EXPECT_TRUE(cursor.ended);
  EXPECT_GT(budget, 10u);
}

TEST(RetainedStore, the_order_holds_levels_together_whatever_characters_they_have) {
  RetainedStore store;
  for (const char* topic : {"a b/x", "a/x", "a", "a!/x", "a\x01/x", "a/", "a//x", "\xc3\xa4/x", "$SYS/x", "$/x"}) {
    store.apply(message(topic, "x", 1));
  }
  EXPECT_EQ(topics_of(store, "a/#"), (Texts{"a", "a/", "a//x", "a/x"}));
  EXPECT_EQ(topics_of(store, "+/x"), (Texts{"a/x", "a\x01/x", "a b/x", "a!/x", "\xc3\xa4/x"}));
  EXPECT_EQ(topics_of(store, "$SYS/+"), Texts{"$SYS/x"});  // [MQTT-4.7.2-1]
  EXPECT_EQ(topics_of(store, "#").size(), 8u);
}

std::string random_topic(core::SeededRandom& random, bool is_filter) {
  static const std::string kLevels[] = {"a", "b", "", "$x", "a!", "\xc3\xa4"};
  std::string text;
  for (uint64_t i = 0, count = 1 + random.below(4); i < count; ++i) {
    if (i != 0) text += '/';
    if (is_filter && random.chance(1, 2)) {
      if (i + 1 == count && random.chance(1, 2)) return text + "#";
      text += "+";
    } else {
      text += kLevels[random.below(std::size(kLevels))];
    }
  }
  return text.empty() ? "a" : text;
}

Texts levels_of(std::string_view text) {
  Texts levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

bool naive_match(const Texts& f, const Texts& n) {
  if (n[0].starts_with('$') && (f[0] == "+" || f[0] == "#")) return false;
  for (size_t i = 0; i < f.size(); ++i) {
    if (f[i] == "#") return true;
    if (i == n.size() || (f[i] != "+" && f[i] != n[i])) return false;
    if (i + 1 == n.size() && i + 2 == f.size() && f[i + 1] == "#") return true;
  }
  return f.size() == n.size();
}

TEST(RetainedStore, agrees_with_a_naive_search_in_slices_of_every_size) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    core::SeededRandom random(seed);
    RetainedStore store(seed, {.tombstones_max = 5});
    std::set<std::string> model;
    for (int i = 1; i <= 300; ++i) {
      const std::string topic = random_topic(random, false);
      const bool removes = random.chance(1, 4);
      store.apply(message(topic, removes ? "" : "x", i));
      if (removes) {
        model.erase(topic);
      } else {
        model.insert(topic);
      }
      if (i % 10 != 0) continue;
      const std::string filter = random_topic(random, true);
      Texts expected;
      for (const std::string& known : model) {
        if (naive_match(levels_of(filter), levels_of(known))) expected.push_back(known);
      }
      Texts found = topics_of(store, filter, static_cast<uint32_t>(1 + random.below(5)));
      std::sort(found.begin(), found.end());
      ASSERT_EQ(found, expected) << filter;
      ASSERT_EQ(store.size(), model.size());
    }
  }
}

}  // namespace
}  // namespace penstock::broker
