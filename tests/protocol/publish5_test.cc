// PUBLISH of 5.0. What it shares with 3.1.1 is tested in publish_test.cc.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/property.h"
#include "protocol/publish.h"
#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

constexpr auto k5 = ProtocolVersion::kMqtt5;

Decoded<Publish> decode(const ByteVector& bytes, Sender sender = Sender::kClient, TopicName known = {}) {
  return decode_publish(only_packet(bytes, k5), known, k5, sender);
}

TEST(publish5, is_read_with_the_variable_header_of_figure_3_9) {
  const ByteVector bytes = wire("32 0a 0003 'a/b' 000a 00 'hi'");
  const auto publish = decode(bytes);
  ASSERT_TRUE(publish.has_value()) << publish.error().text;
  EXPECT_EQ(publish->topic.text(), "a/b");
  EXPECT_EQ(publish->packet_id, PacketId(10));
  EXPECT_EQ(publish->qos, QoS::kAtLeastOnce);
  EXPECT_EQ(core::as_text(publish->payload), "hi");
  EXPECT_EQ(publish->payload.data(), bytes.data() + 10) << "a view, no copy";
  EXPECT_TRUE(publish->properties.empty());
  EXPECT_EQ(publish->topic_alias, 0);
  EXPECT_EQ(publish->message_expiry_s, std::nullopt);
  EXPECT_FALSE(publish->payload_is_text);
}

TEST(publish5, gives_what_the_broker_looks_at_and_all_properties_as_they_came) {
  const ByteVector bytes =
      wire("30 22 0001 't' 1a 01 01 23 0007 08 0002 'rt' 09 0001 ff 02 0000003c 26 0001 'k' 0001 'v' 'text'");
  const auto publish = decode(bytes);
  ASSERT_TRUE(publish.has_value()) << publish.error().text;
  EXPECT_EQ(publish->topic_alias, 7);
  EXPECT_EQ(publish->message_expiry_s, 60u);
  EXPECT_TRUE(publish->payload_is_text);
  EXPECT_EQ(publish->properties.size(), 26u);
  EXPECT_EQ(publish->properties.data(), bytes.data() + 6);
  EXPECT_EQ(core::as_text(publish->payload), "text");
}

TEST(publish5, may_leave_the_topic_to_an_alias) {
  const ByteVector bytes = wire("32 0a 0000 0001 03 23 0002 'hi'");
  for (const TopicName known : {TopicName(), TopicName::accepted("a/b")}) {
    const auto publish = decode(bytes, Sender::kClient, known);
    ASSERT_TRUE(publish.has_value()) << publish.error().text;
    EXPECT_EQ(publish->topic.size(), 0u);
    EXPECT_EQ(publish->topic_alias, 2);
    EXPECT_EQ(core::as_text(publish->payload), "hi");
  }
}

TEST(publish5, takes_the_known_topic_where_the_packet_has_the_same) {
  const std::string remembered = "a/b";
  const TopicName known = TopicName::accepted(remembered);
  for (const char* spelling : {"30 08 0003 'a/b' 00 'hi'", "30 0b 0003 'a/b' 03 23 0001 'hi'"}) {
    const ByteVector bytes = wire(spelling);
    const auto publish = decode(bytes, Sender::kClient, known);
    ASSERT_TRUE(publish.has_value()) << spelling;
    EXPECT_EQ(publish->topic.text().data(), remembered.data()) << spelling;
  }
}

TEST(publish5, of_a_server_names_its_subscriptions) {
  const ByteVector bytes = wire("30 0b 0001 't' 06 0b 01 0b 808001 'x'");
  const auto publish = decode(bytes, Sender::kServer);
  ASSERT_TRUE(publish.has_value()) << publish.error().text;
  std::vector<uint32_t> ids;
  PropertyReader reader(publish->properties);
  for (Property property; reader.next(property);) ids.push_back(property.number);
  EXPECT_EQ(ids, (std::vector<uint32_t>{1, 16'384}));
  EXPECT_STREQ(decode(bytes).error().clause, "MQTT5-3.3.4-6");
}

TEST(publish5, refuses_what_the_standard_forbids_and_says_which_statement) {
  using Reason = ProtocolErrorReason;
  const BadPacket cases[] = {
      {"both QoS bits", "36 08 0001 'a' 0001 00 'hi'", Reason::kInvalidQoS, "MQTT5-3.3.1-4"},
      {"dup at QoS 0", "38 06 0001 'a' 00 'hi'", Reason::kDupAtQoS0, "MQTT5-3.3.1-2"},
      {"no topic", "30 00", Reason::kTruncatedField, "MQTT5-3.3.2-1"},
      {"topic longer than the packet", "30 04 0003 'ab'", Reason::kTruncatedField, "MQTT5-3.3.2-1"},
      {"plus in topic", "30 06 0003 'a/+' 00", Reason::kInvalidTopicName, "MQTT5-3.3.2-2"},
      {"null character in topic", "30 06 0003 'a' 00 'b' 00", Reason::kInvalidUtf8, "MQTT5-4.7.3-2"},
      {"topic is not UTF-8", "30 06 0003 'a' c080 00", Reason::kInvalidUtf8, "MQTT5-3.3.2-1"},
      {"QoS 1 without packet id", "32 03 0001 'a'", Reason::kTruncatedField, "MQTT5-2.2.1-3"},
      {"QoS 1 with packet id 0", "32 08 0001 'a' 0000 00 'hi'", Reason::kPacketIdZero, "MQTT5-2.2.1-3"},
      {"no properties", "30 03 0001 'a'", Reason::kPropertyLength, "MQTT5-2.2.2-1"},
      {"no properties above QoS 0", "32 05 0001 'a' 0001", Reason::kPropertyLength, "MQTT5-2.2.2-1"},
      {"properties past the end", "30 05 0001 'a' 02 01", Reason::kPropertyLength, ""},
      {"length of properties padded", "30 05 0001 'a' 8000", Reason::kPropertyLength, "MQTT5-1.5.5-1"},
      {"empty topic, no alias", "30 05 0000 00 'hi'", Reason::kMissingProperty, ""},
      {"empty topic, other properties", "30 07 0000 02 01 00 'hi'", Reason::kMissingProperty, ""},
      {"empty topic, nothing else", "30 02 0000", Reason::kPropertyLength, "MQTT5-2.2.2-1"},
      {"alias 0", "30 07 0001 'a' 03 23 0000", Reason::kTopicAlias, "MQTT5-3.3.2-8"},
      {"alias twice", "30 0a 0001 'a' 06 23 0001 23 0001", Reason::kRepeatedProperty, ""},
      {"subscription identifier", "30 06 0001 'a' 02 0b 01", Reason::kForbiddenProperty, "MQTT5-3.3.4-6"},
      {"response topic with wildcard", "30 08 0001 'a' 04 08 0001 '#'", Reason::kPropertyValue, "MQTT5-3.3.2-14"},
      {"property of another packet", "30 07 0001 'a' 03 21 0001", Reason::kUnknownProperty, ""},
      {"property that is cut by its section", "30 08 0001 'a' 02 23 0001 00", Reason::kTruncatedField, ""},
  };
  for (const BadPacket& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto publish = decode(bytes);
    ASSERT_FALSE(publish.has_value()) << bad.story;
    EXPECT_EQ(publish.error().reason, bad.reason) << bad.story << ": " << publish.error().text;
    EXPECT_STREQ(publish.error().clause, bad.clause) << bad.story;
  }
}

TEST(publish5, of_3_1_1_bytes_is_not_what_it_is_in_3_1_1) {
  const ByteVector bytes = wire("30 07 0003 'a/b' 00 'x'");
  EXPECT_EQ(core::as_text(decode_publish(only_packet(bytes))->payload), std::string_view("\0x", 2));
  EXPECT_EQ(core::as_text(decode(bytes)->payload), "x");
}

}  // namespace
}  // namespace penstock::protocol
