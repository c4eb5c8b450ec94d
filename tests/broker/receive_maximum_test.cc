// Receive Maximum of a client that comes back to deliveries which another connection has begun.
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

using test::PropertyId;
using test::Type;

class ReceiveMaximumTest : public testing::Test {
 protected:
  std::vector<test::Packet> take(core::SocketId socket) {
    std::vector<test::Packet> packets;
    const std::string bytes = broker_.network.take(socket);
    test::Packet packet;
    for (size_t at = 0; test::take_packet(bytes, at, packet, test::kLevel5) == test::Take::kPacket;)
      packets.push_back(packet);
    return packets;
  }
  // What it is sent after these packets.
  std::vector<test::Packet> answer(core::SocketId socket, Type type, uint16_t packet_id) {
    broker_.network.arrive(socket, test::acknowledge_packet(type, packet_id));
    broker_.settle();
    return take(socket);
  }

  ServedShard broker_;
};

// At QoS 2 the packet id is recorded before PUBLISH goes out; the connection may end in between. [MQTT5-3.3.4-9]
TEST_F(ReceiveMaximumTest, bounds_what_an_earlier_connection_has_begun) {
  const test::ConnectOptions old_version{.client_id = "s", .clean_session = false};
  const core::SocketId first = broker_.connect(old_version);
  broker_.say(first, test::subscribe_packet(1, {{"t", 2}}));
  broker_.network.finish(first);
  broker_.settle();
  const core::SocketId publisher = broker_.connect({.client_id = "p"});
  for (uint16_t id = 1; id <= 3; ++id)
    broker_.say(publisher, test::publish_packet("t", "m", {.qos = 2, .packet_id = id}));

  const core::SocketId second = broker_.open();
  broker_.network.arrive(second, test::connect_packet(old_version));
  for (int turns = 0; turns < 1000 && broker_.network.take(second).empty(); ++turns) {  // until CONNACK
    broker_.turn();
    broker_.world.run_for(100'000);
  }
  broker_.turn();  // they begin, and nothing happens on the disk any more
  broker_.network.finish(second);
  broker_.turn();

  const core::SocketId third = broker_.open();
  broker_.network.arrive(third, test::connect_packet({.client_id = "s",
                                                      .clean_session = false,
                                                      .protocol_level = test::kLevel5,
                                                      .properties = {{PropertyId::kReceiveMaximum, 1}}}));
  broker_.settle();
  std::vector<test::Packet> packets = take(third);
  ASSERT_EQ(packets.size(), 2u);
  for (int left = 3; left > 0; --left) {
    ASSERT_EQ(packets.back().type, Type::kPublish);
    const uint16_t id = packets.back().packet_id;
    packets = answer(third, Type::kPubrec, id);
    ASSERT_EQ(packets.size(), 1u);
    EXPECT_EQ(packets[0].type, Type::kPubrel);
    packets = answer(third, Type::kPubcomp, id);
    ASSERT_EQ(packets.size(), left > 1 ? 1u : 0u);
  }
}

// What does not fit any more is passed over, and takes no room: nobody would acknowledge it.
TEST_F(ReceiveMaximumTest, leaves_no_room_to_what_is_too_large_for_this_connection) {
  const test::ConnectOptions old_version{.client_id = "s", .clean_session = false};
  const core::SocketId first = broker_.connect(old_version);
  broker_.say(first, test::subscribe_packet(1, {{"t", 1}}));
  const core::SocketId publisher = broker_.connect({.client_id = "p"});
  broker_.say(publisher, test::publish_packet("t", std::string(2000, 'm'), {.qos = 1, .packet_id = 1}));
  broker_.say(publisher, test::publish_packet("t", "small", {.qos = 1, .packet_id = 2}));
  broker_.network.finish(first);
  broker_.settle();

  const core::SocketId second = broker_.open();
  broker_.network.arrive(
      second,
      test::connect_packet({.client_id = "s",
                            .clean_session = false,
                            .protocol_level = test::kLevel5,
                            .properties = {{PropertyId::kReceiveMaximum, 1}, {PropertyId::kMaximumPacketSize, 1000}}}));
  broker_.settle();
  const std::vector<test::Packet> packets = take(second);
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[1].payload, "small");
}

}  // namespace
}  // namespace penstock::broker
