// No Local beside another subscription to the same messages.
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

// The subscription that does not bring it says nothing about its QoS. What is left is QoS 0, and for that nobody waits.
// [MQTT5-3.8.3-3]
TEST(NoLocalTest, leaves_a_message_at_the_qos_of_the_other_subscription) {
  ServedShard broker;
  const test::ConnectOptions options{.client_id = "c", .clean_session = false, .protocol_level = test::kLevel5};
  core::SocketId client = broker.connect(options);
  const test::FilterList filters{{"#", static_cast<uint8_t>(1 | test::kNoLocal)}, {"t", 0}};
  broker.say(client, test::subscribe_packet(1, filters, {}, test::kLevel5));
  broker.say(client,
             test::publish_packet("t", "m", {.qos = 1, .packet_id = 2}, test::kLevel5) + test::disconnect_packet(0));

  client = broker.open();
  const std::string bytes = broker.say(client, test::connect_packet(options));
  test::Packet packet;
  size_t at = 0;
  ASSERT_EQ(test::take_packet(bytes, at, packet, test::kLevel5), test::Take::kPacket);
  EXPECT_TRUE(packet.session_present);
  EXPECT_EQ(at, bytes.size()) << "got what was published while it was away, at QoS 0";
}

}  // namespace
}  // namespace penstock::broker
