// InflightWindow: which packet ids are in use, what is complete, and when it is full.
#include "broker/inflight_window.h"

#include <gtest/gtest.h>

#include <set>

namespace penstock::broker {
namespace {

using protocol::PacketId;

Delivery& deliver(InflightWindow& window) {
  return window.push({.packet_id = window.next_packet_id()});
}

void complete(InflightWindow& window, uint16_t packet_id) {
  Delivery* const delivery = window.find(PacketId(packet_id));
  ASSERT_NE(delivery, nullptr) << packet_id;
  window.complete(*delivery);
}

TEST(InflightWindowTest, gives_ids_in_turn_from_one_on) {
  InflightWindow window(10);
  EXPECT_TRUE(window.empty());
  for (uint16_t id = 1; id <= 10; ++id) EXPECT_EQ(deliver(window).packet_id, PacketId(id));
  EXPECT_EQ(window.size(), 10u);
}

TEST(InflightWindowTest, is_full_at_its_limit_and_has_room_when_the_oldest_is_complete) {
  InflightWindow window(3);
  for (int i = 0; i < 3; ++i) deliver(window);
  EXPECT_TRUE(window.full());
  complete(window, 1);
  EXPECT_FALSE(window.full());
}

TEST(InflightWindowTest, counts_from_the_oldest_that_is_not_complete) {
  InflightWindow window(3);
  for (int i = 0; i < 3; ++i) deliver(window);
  complete(window, 2);
  complete(window, 3);
  EXPECT_TRUE(window.full()) << "one that is never acknowledged must not let the window grow";
  complete(window, 1);
  EXPECT_TRUE(window.empty());
}

TEST(InflightWindowTest, does_not_find_what_is_complete_or_was_never_there) {
  InflightWindow window(5);
  for (int i = 0; i < 3; ++i) deliver(window);
  complete(window, 2);
  EXPECT_EQ(window.find(PacketId(2)), nullptr);
  EXPECT_EQ(window.find(PacketId(4)), nullptr);
  EXPECT_EQ(window.find(PacketId(0)), nullptr);
  EXPECT_EQ(window.find(PacketId(3))->packet_id, PacketId(3));
}

TEST(InflightWindowTest, skips_zero_when_the_ids_begin_again) {
  InflightWindow window(4);
  uint16_t last = 0;
  for (uint32_t i = 0; i < 70'000; ++i) {
    const uint16_t id = deliver(window).packet_id.value();
    ASSERT_NE(id, 0);
    ASSERT_EQ(id, last == UINT16_MAX ? 1 : last + 1);
    if (window.full()) complete(window, window.at(0).packet_id.value());
    last = id;
  }
}

TEST(InflightWindowTest, finds_deliveries_on_both_sides_of_the_highest_id) {
  InflightWindow window(8);
  for (uint32_t i = 0; i < UINT16_MAX - 3; ++i) complete(window, deliver(window).packet_id.value());
  for (int i = 0; i < 6; ++i) deliver(window);
  for (const uint16_t id : {65'533, 65'534, 65'535, 1, 2, 3}) {
    ASSERT_NE(window.find(PacketId(id)), nullptr) << id;
    EXPECT_EQ(window.find(PacketId(id))->packet_id, PacketId(id));
  }
}

TEST(InflightWindowTest, gives_each_of_65535_deliveries_an_id_of_its_own) {
  InflightWindow window(UINT16_MAX);
  std::set<uint16_t> ids;
  while (!window.full()) ids.insert(deliver(window).packet_id.value());
  EXPECT_EQ(ids.size(), size_t{UINT16_MAX});
  EXPECT_FALSE(ids.contains(0));
}

TEST(InflightWindowTest, goes_on_behind_the_newest_restored_id_and_gives_none_of_theirs) {
  InflightWindow window(10);
  for (const uint16_t id : {2, 5, 3}) window.restore({.packet_id = PacketId(id)});
  EXPECT_EQ(deliver(window).packet_id, PacketId(4));
  EXPECT_EQ(deliver(window).packet_id, PacketId(6));
  for (const uint16_t id : {2, 5, 3, 4, 6}) complete(window, id);
  EXPECT_EQ(deliver(window).packet_id, PacketId(7)) << "also when none of them is left";
}

TEST(InflightWindowTest, finds_deliveries_whose_ids_have_gone_around_restored_ones_that_are_gone) {
  InflightWindow window(10);
  for (const uint16_t id : {2, 5, 3}) window.restore({.packet_id = PacketId(id)});
  for (int i = 0; i < 3; ++i) deliver(window);
  for (const uint16_t id : {2, 5, 3, 7, 6, 4}) complete(window, id);
  EXPECT_TRUE(window.empty());
}

// With thousands of restored deliveries each step must not look at all of them; here, that it does the same.
TEST(InflightWindowTest, finds_each_of_very_many_restored_deliveries) {
  InflightWindow window(UINT16_MAX);
  constexpr uint32_t kRestored = 40'000;
  for (uint32_t i = 0; i < kRestored; ++i)
    window.restore({.packet_id = PacketId(static_cast<uint16_t>(i * 7'919 % 65'521 + 1))});
  std::set<uint16_t> ids;
  for (size_t i = 0; i < window.size(); ++i) ids.insert(window.at(i).packet_id.value());
  while (!window.full()) ASSERT_TRUE(ids.insert(deliver(window).packet_id.value()).second);
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) complete(window, *id);
  EXPECT_TRUE(window.empty());
}

TEST(InflightWindowTest, finds_restored_deliveries_in_whatever_order_they_stand) {
  InflightWindow window(10);
  for (const uint16_t id : {9, 2, 65'535, 5}) window.restore({.packet_id = PacketId(id)});
  for (const uint16_t id : {5, 65'535, 2, 9}) {
    ASSERT_NE(window.find(PacketId(id)), nullptr) << id;
    complete(window, id);
    EXPECT_EQ(window.find(PacketId(id)), nullptr) << id;
  }
  EXPECT_TRUE(window.empty());
}

TEST(InflightWindowTest, keeps_the_ordinal_of_a_place_while_others_leave) {
  InflightWindow window(10);
  for (int i = 0; i < 5; ++i) deliver(window);
  EXPECT_EQ(window.first_ordinal(), 0u);
  complete(window, 1);
  complete(window, 3);
  EXPECT_EQ(window.first_ordinal(), 1u);
  EXPECT_EQ(window.at(3 - window.first_ordinal()).packet_id, PacketId(4));
  complete(window, 2);
  EXPECT_EQ(window.first_ordinal(), 3u);
}

TEST(InflightWindowTest, drops_leading_deliveries_that_were_set_done) {
  InflightWindow window(10);
  for (int i = 0; i < 3; ++i) deliver(window);
  window.at(0).state = DeliveryState::kDone;
  window.at(2).state = DeliveryState::kDone;
  window.drop_done();
  EXPECT_EQ(window.size(), 2u);
  EXPECT_EQ(window.at(0).packet_id, PacketId(2));
}

}  // namespace
}  // namespace penstock::broker
