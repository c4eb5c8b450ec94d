// FilterTable: a queue comes with the first message that matches, and goes when nobody needs it.
#include "broker/filter_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/slab.h"
#include "protocol/topic_hash.h"

namespace penstock::broker {
namespace {

using protocol::TopicFilter;
using protocol::TopicName;

class FilterTableTest : public testing::Test {
 protected:
  ~FilterTableTest() override {
    for (Subscription* subscription : held_) drop(*subscription);
  }

  Subscription& subscribe(std::string_view filter) {
    bool is_new = false;
    Subscription& subscription = slab_.take();
    subscription.filter_slot = table_.obtain(TopicFilter::accepted(filter), is_new);
    table_.subscribers(subscription.filter_slot).add(subscription, true);
    held_.push_back(&subscription);
    return subscription;
  }
  void drop(Subscription& subscription) {
    Subscribers& subscribers = table_.subscribers(subscription.filter_slot);
    subscribers.remove(subscription);
    if (subscribers.empty()) table_.remove(subscription.filter_slot);
  }
  // Into every queue that matches; returns how many those are.
  size_t publish(std::string_view topic) {
    const TopicName name = TopicName::accepted(topic);
    const auto& queues = table_.match(name, protocol::topic_hash(name), nullptr);
    for (FilterQueue* queue : queues) queue->append(log::QueueEntry(arrival_++, log::LogId(1), log::LogOffset(8), 0));
    return queues.size();
  }
  log::QueueIndex end_of(const Subscription& subscription) {
    return table_.queue(subscription.filter_slot)->entries().end();
  }
  void look() {
    table_.release_idle_queues(1000, [this](FilterQueue&) { ++released_; });
  }

  FilterTable table_{1};
  Slab<Subscription> slab_;
  std::vector<Subscription*> held_;
  uint64_t arrival_ = 1;
  int released_ = 0;
};

TEST_F(FilterTableTest, a_queue_comes_with_the_first_message) {
  const Subscription& exact = subscribe("plant/1");
  const Subscription& wildcard = subscribe("plant/+");
  const Subscription& other = subscribe("plant/2");
  EXPECT_EQ(table_.queue(exact.filter_slot), nullptr);
  EXPECT_EQ(publish("plant/1"), 2u);
  EXPECT_EQ(end_of(exact) - exact.cursor, 1u) << "a subscription gets the first message, too";
  EXPECT_EQ(end_of(wildcard) - wildcard.cursor, 1u);
  EXPECT_EQ(table_.queue(other.filter_slot), nullptr);
}

TEST_F(FilterTableTest, a_queue_goes_when_all_is_taken_and_nothing_comes) {
  Subscription& subscription = subscribe("plant/1");
  publish("plant/1");
  subscription.cursor = end_of(subscription);
  look();
  EXPECT_NE(table_.queue(subscription.filter_slot), nullptr) << "it was used a moment ago";
  const uint64_t version = table_.version();
  look();
  EXPECT_EQ(table_.queue(subscription.filter_slot), nullptr);
  EXPECT_EQ(released_, 1);
  EXPECT_NE(table_.version(), version) << "whoever remembers the queues of a topic must ask again";
  EXPECT_EQ(publish("plant/1"), 1u);
  EXPECT_EQ(end_of(subscription) - subscription.cursor, 1u);
}

TEST_F(FilterTableTest, a_queue_stays_while_somebody_has_to_take_from_it) {
  Subscription& quick = subscribe("plant/1");
  Subscription& slow = subscribe("plant/1");
  publish("plant/1");
  quick.cursor = end_of(quick);
  for (int i = 0; i < 3; ++i) look();
  EXPECT_EQ(end_of(slow) - slow.cursor, 1u);
  slow.cursor = end_of(slow);
  slow.active = true;
  look();
  EXPECT_NE(table_.queue(slow.filter_slot), nullptr) << "its session still points to it";
  slow.active = false;
  look();
  EXPECT_EQ(table_.queue(slow.filter_slot), nullptr);
}

TEST_F(FilterTableTest, a_queue_stays_while_messages_come) {
  Subscription& subscription = subscribe("plant/1");
  for (int i = 0; i < 5; ++i) {
    publish("plant/1");
    subscription.cursor = end_of(subscription);
    look();
  }
  EXPECT_EQ(released_, 0);
}

TEST_F(FilterTableTest, looks_at_all_slots_in_turn) {
  for (int i = 0; i < 100; ++i) subscribe("plant/" + std::to_string(i));
  for (Subscription* each : held_) {
    publish(table_.filter(each->filter_slot).text());
    each->cursor = end_of(*each);
  }
  for (int i = 0; i < 20; ++i) table_.release_idle_queues(10, [this](FilterQueue&) { ++released_; });
  EXPECT_EQ(released_, 100);
}

TEST_F(FilterTableTest, tells_all_filters) {
  subscribe("plant/1");
  drop(subscribe("plant/2"));
  held_.pop_back();
  subscribe("plant/+");
  std::vector<std::string> filters;
  table_.for_each_filter([&](TopicFilter filter) { filters.emplace_back(filter.text()); });
  EXPECT_EQ(filters, (std::vector<std::string>{"plant/1", "plant/+"}));
}

}  // namespace
}  // namespace penstock::broker
