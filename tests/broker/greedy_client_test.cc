// What one client may make its shard do and keep.
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

using test::Type;

class GreedyClientTest : public testing::Test {};

TEST_F(GreedyClientTest, unsubscribes_from_many_filters_and_the_others_go_on_in_order) {
  ServedShard broker({.inflight_max = 1});
  const core::SocketId client = broker.connect({.client_id = "c"});
  const core::SocketId publisher = broker.connect({.client_id = "p"});
  test::FilterList filters;
  std::vector<std::string> evens{"unknown", "x0", "x0"};
  for (int i = 0; i < 20; ++i) filters.emplace_back("x" + std::to_string(i), 1);
  for (int i = 0; i < 20; i += 2) evens.push_back(filters[i].first);
  broker.say(client, test::subscribe_packet(1, filters));
  for (int i = 19; i >= 0; --i)
    broker.say(publisher, test::publish_packet(filters[i].first, "", {.qos = 1, .packet_id = 1}));
  broker.network.take(client);
  EXPECT_EQ(broker.say(client, test::unsubscribe_packet(2, evens)), test::from_hex("b0 02 00 02"));
  EXPECT_EQ(broker.shard->sessions().find("c")->subscriptions.size(), 10u);
  // x19 is on its way, and a window that was empty begins with id 1.
  for (int i = 17; i > 0; i -= 2) {
    EXPECT_EQ(broker.say(client, test::acknowledge_packet(Type::kPuback, 1)),
              test::publish_packet(filters[i].first, "", {.qos = 1, .packet_id = 1}));
  }
  EXPECT_EQ(broker.say(client, test::acknowledge_packet(Type::kPuback, 1)), "");
}

}  // namespace
}  // namespace penstock::broker
