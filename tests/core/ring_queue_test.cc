#include "core/ring_queue.h"

#include <gtest/gtest.h>

#include <deque>

#include "core/random.h"

namespace penstock::core {
namespace {

TEST(RingQueueTest, behaves_like_a_deque_over_any_mix_of_pushes_and_pops) {
  SeededRandom random(7);
  RingQueue<uint64_t> queue;
  std::deque<uint64_t> model;
  for (uint64_t i = 0; i < 20'000; ++i) {
    // Grows for a while, then drains for a while, so that it wraps at many sizes.
    if (model.empty() || random.chance(i / 500 % 2 == 0 ? 2 : 1, 3)) {
      EXPECT_EQ(queue.push_back(i), i);
      model.push_back(i);
    } else {
      queue.pop_front();
      model.pop_front();
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.empty(), model.empty());
    if (model.empty()) continue;
    ASSERT_EQ(queue.front(), model.front());
    ASSERT_EQ(queue.back(), model.back());
    const size_t any = random.below(model.size());
    ASSERT_EQ(queue[any], model[any]);
  }
}

TEST(RingQueueTest, an_element_of_its_own_may_be_pushed_while_it_grows) {
  RingQueue<uint64_t> queue;
  for (uint64_t i = 0; i < 8; ++i) queue.push_back(i);
  queue.push_back(queue.front());
  EXPECT_EQ(queue.size(), 9u);
  EXPECT_EQ(queue.back(), 0u);
}

TEST(RingQueueDeathTest, nothing_can_be_taken_out_of_an_empty_one) {
  RingQueue<uint64_t> queue;
  EXPECT_DEATH(queue.pop_front(), "");
}

}  // namespace
}  // namespace penstock::core
