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

// The group's id is longer by one byte, and must be whole in its records and in a checkpoint.
TEST_F(ShareJoinTest, a_filter_that_is_too_long_for_its_group_is_refused) {
  const core::SocketId client = broker_.connect({.client_id = "a", .clean_session = false});
  const auto filter = [](size_t bytes) { return "$share/g/" + std::string(bytes - 9, 'x'); };
  EXPECT_EQ(broker_.say(client, test::subscribe_packet(1, {{filter(65'535), 1}})), test::from_hex("90 03 00 01 80"));
  EXPECT_EQ(broker_.say(client, test::subscribe_packet(2, {{filter(65'534), 1}})), test::from_hex("90 03 00 02 01"));
}

// The room in the tail is the packet's or nobody's.
TEST_F(ShareJoinTest, a_group_that_is_left_ends_when_that_can_be_recorded) {
  const core::SocketId client = broker_.connect({.client_id = "a"});
  broker_.say(client, subscribe(1));
  broker_.fill_tail();
  broker_.network.finish(client);
  broker_.turn();
  broker_.turn();
  ASSERT_EQ(broker_.shard->sessions().find("a"), nullptr);
  EXPECT_NE(broker_.shard->sessions().find(group_session_id("$share/g/x")), nullptr);
  broker_.settle();
  EXPECT_EQ(broker_.shard->sessions().find(group_session_id("$share/g/x")), nullptr);
}

TEST_F(ShareJoinTest, who_joins_a_group_that_is_about_to_end_finds_a_new_one) {
  const core::SocketId client = broker_.connect({.client_id = "a"});
  const core::SocketId publisher = broker_.connect({.client_id = "p"});
  broker_.say(client, subscribe(1));
  broker_.network.arrive(client, test::unsubscribe_packet(2, {"$share/g/x"}) + subscribe(3));
  broker_.settle();
  broker_.network.take(client);
  broker_.say(publisher, test::publish_packet("x", "m", {.qos = 1, .packet_id = 2}));
  EXPECT_NE(broker_.network.take(client).find("m"), std::string::npos);
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
