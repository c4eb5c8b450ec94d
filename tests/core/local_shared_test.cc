// LocalShared: the value lives exactly as long as somebody owns it.
#include "core/local_shared.h"

#include <gtest/gtest.h>

#include <memory>

namespace penstock::core {
namespace {

TEST(LocalSharedTest, frees_the_value_with_its_last_owner) {
  const auto witness = std::make_shared<int>(7);
  {
    LocalShared<std::shared_ptr<int>> first(witness);
    LocalShared<std::shared_ptr<int>> second = first;
    EXPECT_EQ(witness.use_count(), 2);
    first = LocalShared<std::shared_ptr<int>>();
    EXPECT_TRUE(first == nullptr);
    EXPECT_EQ(**second, 7);
    LocalShared<std::shared_ptr<int>> third = std::move(second);
    EXPECT_EQ(witness.use_count(), 2);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(LocalSharedTest, all_owners_see_a_change) {
  const LocalShared<int> first(1);
  const LocalShared<int> second = first;
  *first = 2;
  EXPECT_EQ(*second, 2);
}

}  // namespace
}  // namespace penstock::core
