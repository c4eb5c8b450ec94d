// ParentTopics: a queue per first level, a common one for those beyond the limit, and dropping by retention.
#include "broker/parent_topics.h"

#include <gtest/gtest.h>

#include <set>

namespace penstock::broker {
namespace {

log::QueueEntry entry_at(uint64_t offset) {
  return {offset, log::LogId(1), log::LogOffset(offset), 0};
}

class ParentTopicsTest : public testing::Test {
 protected:
  void append(std::string_view parent, uint64_t offset = 8) {
    parents_.obtain(parent, nullptr).append(entry_at(offset));
  }
  // Null where no queue has this name.
  const ParentTopics::Parent* find(std::string_view name) {
    for (const auto& parent : parents_.parents())
      if (parent->name == name) return parent.get();
    return nullptr;
  }
  uint64_t count(std::string_view name) {
    const ParentTopics::Parent* const parent = find(name);
    return parent == nullptr ? 0 : parent->entries->end() - parent->entries->begin();
  }

  ParentTopics parents_{3};
};

TEST_F(ParentTopicsTest, counts_the_messages_of_each_first_level_apart) {
  for (int i = 0; i < 5; ++i) append("plant");
  append("ship");
  append("plant");
  EXPECT_EQ(count("plant"), 6u);
  EXPECT_EQ(count("ship"), 1u);
  EXPECT_EQ(parents_.parents().size(), 2u);
}

TEST_F(ParentTopicsTest, names_beyond_the_limit_share_one_queue) {
  for (const char* name : {"a", "b", "c", "d", "e", "d"}) append(name);
  EXPECT_EQ(parents_.parents().size(), 4u);
  EXPECT_EQ(find("d"), nullptr);
  ASSERT_NE(find(""), nullptr);
  EXPECT_TRUE(find("")->shared);
  EXPECT_EQ(count(""), 3u);
  append("b");
  EXPECT_EQ(count("b"), 2u);
}

TEST_F(ParentTopicsTest, the_empty_first_level_is_a_name_like_others) {
  append("");
  EXPECT_FALSE(find("")->shared);
  for (const char* name : {"a", "b", "c"}) append(name);
  EXPECT_EQ(count(""), 1u) << "c went to the shared one, which has the same text";
  append("");
  EXPECT_EQ(count(""), 2u);
}

TEST_F(ParentTopicsTest, queue_ids_are_all_different_and_marked) {
  for (const char* name : {"a", "b", "c", "d"}) append(name);
  std::set<uint64_t> ids;
  for (const auto& parent : parents_.parents()) {
    EXPECT_NE(parent->entries->id() & ParentTopics::kQueueIdBit, 0u);
    ids.insert(parent->entries->id());
  }
  EXPECT_EQ(ids.size(), 4u);
}

TEST_F(ParentTopicsTest, goes_on_in_the_queue_of_a_checkpoint) {
  auto entries = std::make_unique<log::ConsumeQueue>(ParentTopics::kQueueIdBit, nullptr);
  entries->append(entry_at(8));
  parents_.adopt({"plant", false, std::move(entries), {}});
  append("plant");
  EXPECT_EQ(parents_.parents().size(), 1u);
  EXPECT_EQ(count("plant"), 2u);
}

TEST_F(ParentTopicsTest, drops_entries_whose_records_are_gone) {
  for (uint64_t i = 0; i < 200'000; ++i) append("plant", i * 8);
  parents_.retire([](log::LogId) { return log::LogOffset(150'000 * 8); });
  EXPECT_LT(count("plant"), 200'000u);
  EXPECT_GE(count("plant"), 50'000u) << "their records are there";
  const uint64_t kept = count("plant");
  parents_.retire([](log::LogId) { return log::LogOffset(150'000 * 8); });
  EXPECT_EQ(count("plant"), kept);
}

}  // namespace
}  // namespace penstock::broker
