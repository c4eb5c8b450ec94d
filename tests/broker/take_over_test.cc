// A client that comes while its last connection is still there. [MQTT-3.1.4-2] [MQTT5-3.1.4-3]
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

// The records of the first connection's end take the last room in the tail of the log. Those of the second must not be
// left out for that: after a crash nothing would tell of its will, or that it was connected.
TEST(TakeOverTest, waits_for_room_that_the_end_of_the_first_connection_has_taken) {
  ServedShard broker({}, 4u << 20);
  const test::ConnectOptions options{.client_id = "c", .clean_session = false, .will = test::Will{"will", "c"}};
  const core::SocketId first = broker.connect(options);
  const core::SocketId second = broker.open();
  broker.fill_tail(kStateRecordBytes);
  ASSERT_TRUE(broker.shard->has_log_room());
  broker.network.arrive(second, test::connect_packet(options));
  broker.turn();
  broker.turn();
  EXPECT_FALSE(broker.network.is_open(first));
  EXPECT_FALSE(broker.shard->has_log_room());
  EXPECT_EQ(broker.network.take(second), "");
  broker.settle();
  EXPECT_EQ(broker.network.take(second), test::from_hex("20 02 01 00"));
}

}  // namespace
}  // namespace penstock::broker
