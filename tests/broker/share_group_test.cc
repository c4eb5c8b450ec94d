// ShareGroup: who gets which message, and what comes back.
#include "broker/share_group.h"

#include <gtest/gtest.h>

namespace penstock::broker {
namespace {

using protocol::PacketId;

class ShareGroupTest : public testing::Test {
 protected:
  static ShareGroup::Place place(uint64_t number) { return {log::LogId(1), log::LogOffset(8 * number)}; }
  // The member that takes message `number` of a topic; 0: nobody.
  ShareToken hand(uint16_t number, uint32_t topic_hash) {
    ShareGroup::Member* member = group_.choose(topic_hash);
    if (member == nullptr) return 0;
    const ShareToken token = member->token;
    group_.hand_to(*member, place(number), PacketId(number), topic_hash);
    return token;
  }

  ShareGroup group_;
};

TEST_F(ShareGroupTest, gives_messages_of_different_topics_to_its_members_in_turn) {
  group_.join(11, 10);
  group_.join(12, 10);
  EXPECT_EQ(hand(1, 100), 11u);
  EXPECT_EQ(hand(2, 200), 12u);
  EXPECT_EQ(hand(3, 300), 11u);
}

TEST_F(ShareGroupTest, keeps_a_topic_with_the_member_that_still_holds_a_message_of_it) {
  group_.join(11, 10);
  group_.join(12, 10);
  EXPECT_EQ(hand(1, 100), 11u);
  EXPECT_EQ(hand(2, 100), 11u);
  EXPECT_EQ(group_.take_back(place(1)), PacketId(1));
  EXPECT_EQ(hand(3, 100), 11u);
  group_.take_back(place(2));
  group_.take_back(place(3));
  EXPECT_EQ(hand(4, 100), 12u) << "it holds none any more";
}

TEST_F(ShareGroupTest, gives_nobody_more_than_his_credit) {
  group_.join(11, 1);
  group_.join(12, 1);
  EXPECT_EQ(hand(1, 100), 11u);
  EXPECT_EQ(hand(2, 100), 12u) << "the other one, though the topic is with the first";
  EXPECT_EQ(hand(3, 100), 0u);
  group_.take_back(place(1));
  EXPECT_EQ(hand(3, 100), 11u);
}

TEST_F(ShareGroupTest, gives_nothing_to_a_member_that_is_away) {
  group_.join(11, 0);
  EXPECT_EQ(hand(1, 100), 0u);
  group_.set_credit(11, 1);
  EXPECT_EQ(hand(1, 100), 11u);
}

TEST_F(ShareGroupTest, forgets_a_member_that_has_left) {
  group_.join(11, 5);
  group_.join(12, 5);
  EXPECT_EQ(hand(1, 100), 11u);
  group_.take_back(place(1));
  group_.leave(11);
  EXPECT_EQ(hand(2, 100), 12u);
  EXPECT_EQ(hand(3, 200), 12u);
  group_.leave(12);
  EXPECT_FALSE(group_.has_members());
}

TEST_F(ShareGroupTest, takes_back_what_was_on_its_way_to_a_member_that_has_left) {
  group_.join(11, 5);
  group_.join(12, 5);
  EXPECT_EQ(hand(1, 100), 11u);
  EXPECT_EQ(hand(2, 100), 11u);
  EXPECT_EQ(hand(3, 200), 12u);
  group_.leave(11);
  ASSERT_EQ(group_.unheld.size(), 2u);
  EXPECT_EQ(group_.unheld[0], PacketId(1)) << "in their order";
  EXPECT_EQ(group_.unheld[1], PacketId(2));
  EXPECT_EQ(group_.take_back(place(1)), PacketId(0)) << "what it may still report";
  EXPECT_EQ(hand(4, 100), 12u);
}

TEST_F(ShareGroupTest, knows_nothing_of_a_message_that_nobody_holds) {
  EXPECT_EQ(group_.take_back(place(1)), PacketId(0));
  group_.join(11, 5);
  hand(1, 100);
  group_.take_back(place(1));
  EXPECT_EQ(group_.take_back(place(1)), PacketId(0)) << "a report that comes twice";
}

TEST_F(ShareGroupTest, has_an_id_that_no_client_can_have) {
  const std::string id = group_session_id("$share/g/a/#");
  EXPECT_TRUE(is_group_session_id(id));
  EXPECT_EQ(id[0], '\0');
  EXPECT_EQ(shared_filter_of(id), "$share/g/a/#");
  EXPECT_FALSE(is_group_session_id("$share/g/a/#"));
}

}  // namespace
}  // namespace penstock::broker
