// SUBSCRIBE to a shared subscription whose group is at home on the shard of its member: no mail of another shard wakes
// it, so it has to go on by itself.
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

class ShareJoinTest : public testing::Test {
 protected:
  // What the client has been sent when the shard would wait for something to happen.
  std::string run(core::SocketId socket) {
    while (broker_.turn()) {
    }
    broker_.network.dispatch();
    return broker_.network.take(socket);
  }
  std::string say(core::SocketId socket, const std::string& bytes) {
    broker_.network.arrive(socket, bytes);
    return run(socket);
  }
  static std::string subscribe(uint16_t packet_id) { return test::subscribe_packet(packet_id, {{"$share/g/x", 1}}); }
  static std::string suback(uint16_t packet_id) { return test::from_hex("90 03") + test::u16(packet_id) + '\1'; }

  ServedShard broker_;
};

// It was told so by the timer that comes once a second.
TEST_F(ShareJoinTest, a_member_is_told_as_soon_as_its_group_is_durable) {
  const core::SocketId first = broker_.connect({.client_id = "a"});
  EXPECT_EQ(say(first, subscribe(1)), "") << "the group is a record, which is not on the disk yet";
  broker_.world.run_for(50 * core::kNsPerMs);
  ASSERT_EQ(broker_.shard->log().durable_end(), broker_.shard->log().appended_end());
  EXPECT_EQ(run(first), suback(1));
}

TEST_F(ShareJoinTest, a_member_of_a_group_that_is_known_is_told_at_once) {
  broker_.say(broker_.connect({.client_id = "a"}), subscribe(1));
  EXPECT_EQ(say(broker_.connect({.client_id = "b"}), subscribe(2)), suback(2));
}

// Two records make a group, and a crash may come between them.
TEST_F(ShareJoinTest, a_group_that_was_restored_without_its_filter_is_made_anew) {
  Session& half = broker_.shard->sessions().create(*broker_.shard, group_session_id("$share/g/x"));
  half.persistent = true;
  half.shares = std::make_unique<SessionShares>();
  half.shares->group = std::make_unique<ShareGroup>();
  const core::SocketId member = broker_.connect({.client_id = "a"});
  EXPECT_EQ(broker_.say(member, subscribe(1)), suback(1));
  broker_.say(broker_.connect({.client_id = "p"}), test::publish_packet("x", "m", {.qos = 1, .packet_id = 1}));
  EXPECT_NE(broker_.network.take(member).find("m"), std::string::npos);
}

}  // namespace
}  // namespace penstock::broker
