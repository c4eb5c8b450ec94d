#include "broker/peer_topic.h"

#include <gtest/gtest.h>

namespace penstock::broker {
namespace {

std::string_view peer(std::string_view topic) {
  return peer_of(protocol::TopicName::accepted(topic));
}

TEST(PeerTopicTest, addresses_the_client_behind_the_second_level) {
  EXPECT_EQ(peer("plant/p2p/meter-7"), "meter-7");
  EXPECT_EQ(peer("plant/p2p/meter-7/set/rate"), "meter-7") << "what follows is for the client to read";
}

TEST(PeerTopicTest, is_a_topic_like_any_other_where_the_form_is_not_kept) {
  EXPECT_EQ(peer("plant/p2p"), "");
  EXPECT_EQ(peer("plant/p2p/"), "");
  EXPECT_EQ(peer("p2p/meter-7"), "");
  EXPECT_EQ(peer("/p2p/meter-7"), "") << "without a parent topic";
  EXPECT_EQ(peer("plant/1/p2p/meter-7"), "") << "not the second level";
  EXPECT_EQ(peer("plant/p2pp/meter-7"), "");
  EXPECT_EQ(peer("plant"), "");
}

}  // namespace
}  // namespace penstock::broker
