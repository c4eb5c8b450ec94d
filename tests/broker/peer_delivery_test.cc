// Messages to one client beside what its subscriptions bring.
#include <gtest/gtest.h>

#include "tests/broker/served_shard.h"

namespace penstock::broker {
namespace {

using test::PropertyId;

// At QoS 2 PUBLISH waits for a record, and its subscriptions are looked for again then: this one has none.
// [MQTT5-3.3.4-3]
TEST(PeerDeliveryTest, has_no_subscription_identifier_at_qos_2) {
  ServedShard broker;
  const core::SocketId client =
      broker.connect({.client_id = "c", .clean_session = false, .protocol_level = test::kLevel5});
  broker.say(client, test::subscribe_packet(1, {{"t", 2}}, {{PropertyId::kSubscriptionId, 7u}}, test::kLevel5));
  const core::SocketId publisher = broker.connect({.client_id = "p"});
  for (const char* topic : {"a/p2p/c", "t"}) {
    broker.say(publisher, test::publish_packet(topic, "m", {.qos = 2, .packet_id = 1}));
    broker.say(publisher, test::acknowledge_packet(test::Type::kPubrel, 1));
    const std::string bytes = broker.network.take(client);
    test::Packet packet;
    size_t at = 0;
    ASSERT_EQ(test::take_packet(bytes, at, packet, test::kLevel5), test::Take::kPacket);
    EXPECT_EQ(packet.topic, topic);
    EXPECT_EQ(packet.number(PropertyId::kSubscriptionId), packet.topic == "t" ? 7u : 0u) << topic;
  }
}

}  // namespace
}  // namespace penstock::broker
