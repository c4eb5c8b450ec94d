#include "protocol/publish.h"

#include <gtest/gtest.h>

#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

TEST(publish, gives_views_of_every_field) {
  const ByteVector bytes = wire("3d 09 0003 'a/b' 1234 'hi'");
  const auto publish = decode_publish(only_packet(bytes));
  ASSERT_TRUE(publish.has_value());
  EXPECT_EQ(publish->topic.text(), "a/b");
  EXPECT_EQ(publish->packet_id, PacketId(0x1234));
  EXPECT_EQ(publish->qos, QoS::kExactlyOnce);
  EXPECT_TRUE(publish->dup);
  EXPECT_TRUE(publish->retain);
  EXPECT_EQ(core::as_text(publish->payload), "hi");
  EXPECT_EQ(core::as_bytes(publish->topic.text()).data(), bytes.data() + 4) << "a view, no copy";
  EXPECT_EQ(publish->payload.data(), bytes.data() + 9);
}

TEST(publish, at_qos_0_has_no_packet_id_so_the_bytes_are_payload) {  // [MQTT-2.3.1-5]
  const ByteVector bytes = wire("30 07 0003 'a/b' 1234");
  const auto publish = decode_publish(only_packet(bytes));
  ASSERT_TRUE(publish.has_value());
  EXPECT_EQ(publish->packet_id, PacketId(0));
  EXPECT_EQ(publish->qos, QoS::kAtMostOnce);
  EXPECT_FALSE(publish->dup);
  EXPECT_FALSE(publish->retain);
  EXPECT_EQ(hex(publish->payload), "1234");
}

TEST(publish, may_have_an_empty_payload) {
  for (const char* spelling : {"30 03 0001 'a'", "31 03 0001 'a'", "32 05 0001 'a' 0001", "34 05 0001 'a' ffff"}) {
    const ByteVector bytes = wire(spelling);
    const auto publish = decode_publish(only_packet(bytes));
    ASSERT_TRUE(publish.has_value()) << spelling;
    EXPECT_TRUE(publish->payload.empty()) << spelling;
  }
}

TEST(publish, payload_may_hold_any_bytes) {
  const ByteVector bytes = wire("30 07 0001 'a' 00ff c080");
  const auto publish = decode_publish(only_packet(bytes));
  ASSERT_TRUE(publish.has_value());
  EXPECT_EQ(hex(publish->payload), "00ffc080");
}

TEST(publish, refuses_what_the_standard_forbids_and_says_which_statement) {
  using Reason = ProtocolErrorReason;
  const BadPacket cases[] = {
      {"both QoS bits", "36 07 0001 'a' 0001 'hi'", Reason::kInvalidQoS, "MQTT-3.3.1-4"},
      {"both QoS bits and nothing else", "36 00", Reason::kInvalidQoS, "MQTT-3.3.1-4"},
      {"dup at QoS 0", "38 05 0001 'a' 'hi'", Reason::kDupAtQoS0, "MQTT-3.3.1-2"},
      {"no topic", "30 00", Reason::kTruncatedField, "MQTT-3.3.2-1"},
      {"half a topic length", "30 01 00", Reason::kTruncatedField, "MQTT-3.3.2-1"},
      {"topic longer than the packet", "30 04 0003 'ab'", Reason::kTruncatedField, "MQTT-3.3.2-1"},
      {"topic of 65535 bytes that are not there", "30 02 ffff", Reason::kTruncatedField, "MQTT-3.3.2-1"},
      {"empty topic", "30 04 0000 'hi'", Reason::kInvalidTopicName, "MQTT-4.7.3-1"},
      {"plus in topic", "30 05 0003 'a/+'", Reason::kInvalidTopicName, "MQTT-3.3.2-2"},
      {"hash in topic", "30 03 0001 '#'", Reason::kInvalidTopicName, "MQTT-3.3.2-2"},
      {"null character in topic", "30 05 0003 'a' 00 'b'", Reason::kInvalidUtf8, "MQTT-4.7.3-2"},
      {"topic is not UTF-8", "30 05 0003 'a' c0 80", Reason::kInvalidUtf8, "MQTT-3.3.2-1"},
      {"QoS 1 without packet id", "32 03 0001 'a'", Reason::kTruncatedField, "MQTT-2.3.1-1"},
      {"QoS 2 with half a packet id", "34 04 0001 'a' 01", Reason::kTruncatedField, "MQTT-2.3.1-1"},
      {"QoS 1 with packet id 0", "32 07 0001 'a' 0000 'hi'", Reason::kPacketIdZero, "MQTT-2.3.1-1"},
      {"QoS 2 with packet id 0", "3c 05 0001 'a' 0000", Reason::kPacketIdZero, "MQTT-2.3.1-1"},
  };
  for (const BadPacket& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto publish = decode_publish(only_packet(bytes));
    ASSERT_FALSE(publish.has_value()) << bad.story;
    EXPECT_EQ(publish.error().reason, bad.reason) << bad.story;
    EXPECT_STREQ(publish.error().clause, bad.clause) << bad.story;
  }
}

}  // namespace
}  // namespace penstock::protocol
