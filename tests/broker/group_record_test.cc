// The record that a group of a shared subscription was made: without it the next life would make the group anew, and
// what had waited in it would be lost.
#include <gtest/gtest.h>

#include "broker/share_group.h"
#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

TEST(GroupRecordTest, is_written_also_where_the_log_had_little_room_when_the_group_was_made) {
  ServedShard broker;
  const core::SocketId publisher = broker.connect({.client_id = "p"});
  const core::SocketId member = broker.connect({.client_id = "m", .clean_session = false});
  const std::string filler = test::publish_packet("x", std::string(4096, 'f'));
  for (int i = 0; i < 1000 && broker.shard->has_log_room(); ++i) {
    broker.network.arrive(publisher, filler);
    broker.turn();
  }
  ASSERT_EQ(broker.shard->log().room_for(2048), log::AppendRoom::kRoom);
  broker.network.arrive(member, test::subscribe_packet(1, {{"$share/g/t", 1}}));
  broker.turn();
  broker.settle();
  ASSERT_EQ(test::to_hex(broker.network.take(member)), "90 03 00 01 01");

  broker.disk.kill();
  broker.shard.reset();
  broker.disk.restart();
  ShardOnDisk next_life(broker.world, broker.disk);
  ASSERT_TRUE(next_life.start().has_value());
  EXPECT_NE(next_life.shard->sessions().find(group_session_id("$share/g/t")), nullptr);
}

}  // namespace
}  // namespace penstock::broker
