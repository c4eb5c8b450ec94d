// Subscribers: the one inside, the list of more, and who of them is connected.
#include "broker/subscribers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace penstock::broker {
namespace {

std::set<Subscription*> as_set(std::span<Subscription* const> subscriptions) {
  return {subscriptions.begin(), subscriptions.end()};
}

TEST(SubscribersTest, one_needs_no_list) {
  Subscribers subscribers;
  EXPECT_TRUE(subscribers.empty());
  EXPECT_TRUE(subscribers.all().empty());
  Subscription only;
  subscribers.add(only, false);
  EXPECT_EQ(as_set(subscribers.all()), std::set{&only});
  EXPECT_TRUE(subscribers.online().empty());
  subscribers.set_online(only, true);
  EXPECT_EQ(as_set(subscribers.online()), std::set{&only});
  subscribers.remove(only);
  EXPECT_TRUE(subscribers.empty());
}

TEST(SubscribersTest, a_list_ends_with_the_second_last) {
  Subscribers subscribers;
  Subscription first, second;
  subscribers.add(first, true);
  subscribers.add(second, false);
  EXPECT_EQ(as_set(subscribers.all()), (std::set{&first, &second}));
  EXPECT_EQ(as_set(subscribers.online()), std::set{&first});
  subscribers.remove(first);
  EXPECT_EQ(as_set(subscribers.all()), std::set{&second});
  EXPECT_TRUE(subscribers.online().empty());
  subscribers.add(first, false);
  EXPECT_EQ(as_set(subscribers.all()), (std::set{&first, &second}));
}

TEST(SubscribersTest, agrees_with_two_sets_whatever_happens) {
  std::mt19937 random(7);  // NOLINT: the same run each time
  Subscribers subscribers;
  std::vector<Subscription> population(8);
  std::set<Subscription*> present, online;
  for (int step = 0; step < 20'000; ++step) {
    Subscription& each = population[random() % population.size()];
    const bool connected = random() % 2 == 0;
    if (!present.contains(&each)) {
      subscribers.add(each, connected);
      present.insert(&each);
      if (connected) online.insert(&each);
    } else if (random() % 2 == 0) {
      subscribers.remove(each);
      present.erase(&each);
      online.erase(&each);
    } else {
      subscribers.set_online(each, connected);
      if (connected)
        online.insert(&each);
      else
        online.erase(&each);
    }
    ASSERT_EQ(as_set(subscribers.all()), present);
    ASSERT_EQ(subscribers.all().size(), present.size());
    ASSERT_EQ(as_set(subscribers.online()), online);
    ASSERT_EQ(subscribers.empty(), present.empty());
  }
}

}  // namespace
}  // namespace penstock::broker
