// RareQueue: first in, first out, and nothing kept while it is empty.
#include "core/rare_queue.h"

#include <gtest/gtest.h>

#include <iterator>

namespace penstock::core {
namespace {

TEST(RareQueueTest, gives_items_in_their_order) {
  RareQueue<int> queue;
  EXPECT_TRUE(queue.empty());
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) queue.push_back(i);
    EXPECT_EQ(queue.size(), 1000u);
    EXPECT_EQ(std::ranges::distance(queue.begin(), queue.end()), 1000);
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(queue.front(), i);
      queue.pop_front();
    }
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.size(), 0u);
  }
}

TEST(RareQueueTest, forgets_all) {
  RareQueue<int> queue;
  queue.push_back(1);
  queue.clear();
  EXPECT_TRUE(queue.empty());
  for (const int item : queue) ADD_FAILURE() << item;
}

}  // namespace
}  // namespace penstock::core
