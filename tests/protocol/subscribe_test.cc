#include "protocol/subscribe.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/acknowledge.h"
#include "protocol/empty_packet.h"
#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

TEST(subscribe, gives_every_filter_with_its_qos_in_order) {
  const ByteVector bytes = wire("82 12 000a 0003 'a/b' 01 0003 'c/+' 02 0001 '#' 00");
  const auto subscribe = decode_subscribe(only_packet(bytes));
  ASSERT_TRUE(subscribe.has_value()) << subscribe.error().text;
  EXPECT_EQ(subscribe->packet_id, PacketId(10));
  EXPECT_EQ(subscribe->filters.size(), 3u);
  std::string seen;
  for (const FilterRequest& request : subscribe->filters) {
    seen += std::string(request.filter.text()) + ":" + std::to_string(static_cast<int>(request.qos)) + " ";
  }
  EXPECT_EQ(seen, "a/b:1 c/+:2 #:0 ");
}

TEST(subscribe, refuses_what_the_standard_forbids_and_says_which_statement) {
  using Reason = ProtocolErrorReason;
  const BadPacket cases[] = {
      {"empty", "82 00", Reason::kTruncatedField, "MQTT-2.3.1-1"},
      {"packet id 0", "82 06 0000 0001 'a' 00", Reason::kPacketIdZero, "MQTT-2.3.1-1"},
      {"no filter", "82 02 000a", Reason::kNoTopicFilter, "MQTT-3.8.3-3"},
      {"filter cut", "82 05 000a 0002 'a'", Reason::kTruncatedField, ""},
      {"no QoS", "82 05 000a 0001 'a'", Reason::kTruncatedField, ""},
      {"second filter cut", "82 0a 000a 0001 'a' 00 0005 'bc'", Reason::kTruncatedField, ""},
      {"QoS 3", "82 06 000a 0001 'a' 03", Reason::kInvalidQoS, "MQTT-3.8.3-4"},
      {"reserved bit beside the QoS", "82 06 000a 0001 'a' 04", Reason::kInvalidQoS, "MQTT-3.8.3-4"},
      {"highest reserved bit", "82 06 000a 0001 'a' 81", Reason::kInvalidQoS, "MQTT-3.8.3-4"},
      {"second QoS bad", "82 0a 000a 0001 'a' 01 0001 'b' 03", Reason::kInvalidQoS, "MQTT-3.8.3-4"},
      {"empty filter", "82 05 000a 0000 00", Reason::kInvalidTopicFilter, "MQTT-4.7.3-1"},
      {"hash in the middle", "82 08 000a 0003 '#/a' 00", Reason::kInvalidTopicFilter, "MQTT-4.7.1-2"},
      {"plus beside a letter", "82 07 000a 0002 'a+' 00", Reason::kInvalidTopicFilter, "MQTT-4.7.1-3"},
      {"filter is not UTF-8", "82 06 000a 0001 80 00", Reason::kInvalidUtf8, "MQTT-3.8.3-1"},
  };
  for (const BadPacket& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto subscribe = decode_subscribe(only_packet(bytes));
    ASSERT_FALSE(subscribe.has_value()) << bad.story;
    EXPECT_EQ(subscribe.error().reason, bad.reason) << bad.story;
    EXPECT_STREQ(subscribe.error().clause, bad.clause) << bad.story;
  }
}

TEST(unsubscribe, gives_every_filter_in_order) {
  const ByteVector bytes = wire("a2 0b 0007 0003 'a/+' 0002 'bc'");
  const auto unsubscribe = decode_unsubscribe(only_packet(bytes));
  ASSERT_TRUE(unsubscribe.has_value());
  EXPECT_EQ(unsubscribe->packet_id, PacketId(7));
  EXPECT_EQ(unsubscribe->filters.size(), 2u);
  std::string seen;
  for (const TopicFilter filter : unsubscribe->filters) seen += std::string(filter.text()) + " ";
  EXPECT_EQ(seen, "a/+ bc ");
}

TEST(unsubscribe, refuses_what_the_standard_forbids_and_says_which_statement) {
  using Reason = ProtocolErrorReason;
  const BadPacket cases[] = {
      {"empty", "a2 00", Reason::kTruncatedField, "MQTT-2.3.1-1"},
      {"packet id 0", "a2 05 0000 0001 'a'", Reason::kPacketIdZero, "MQTT-2.3.1-1"},
      {"no filter", "a2 02 000a", Reason::kNoTopicFilter, "MQTT-3.10.3-2"},
      {"half a length", "a2 03 000a 00", Reason::kTruncatedField, ""},
      {"filter cut", "a2 05 000a 0002 'a'", Reason::kTruncatedField, ""},
      {"bad wildcard", "a2 06 000a 0002 'a#'", Reason::kInvalidTopicFilter, "MQTT-4.7.1-2"},
      {"filter is not UTF-8", "a2 05 000a 0001 ff", Reason::kInvalidUtf8, "MQTT-3.10.3-1"},
  };
  for (const BadPacket& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto unsubscribe = decode_unsubscribe(only_packet(bytes));
    ASSERT_FALSE(unsubscribe.has_value()) << bad.story;
    EXPECT_EQ(unsubscribe.error().reason, bad.reason) << bad.story;
    EXPECT_STREQ(unsubscribe.error().clause, bad.clause) << bad.story;
  }
}

TEST(suback, gives_its_codes_in_order) {
  const ByteVector bytes = wire("90 06 000a 00 01 02 80");
  const auto suback = decode_suback(only_packet(bytes));
  ASSERT_TRUE(suback.has_value());
  EXPECT_EQ(suback->packet_id, PacketId(10));
  ASSERT_EQ(suback->codes.size(), 4u);
  EXPECT_EQ(suback->code(0), ReasonCode::kGrantedAtMostOnce);
  EXPECT_EQ(suback->code(1), ReasonCode::kGrantedAtLeastOnce);
  EXPECT_EQ(suback->code(2), ReasonCode::kGrantedExactlyOnce);
  EXPECT_EQ(suback->code(3), ReasonCode::kUnspecifiedError);
}

TEST(suback, refuses_reserved_codes_and_missing_ones) {
  EXPECT_STREQ(decode_suback(only_packet(wire("90 03 000a 03"))).error().clause, "MQTT-3.9.3-2");
  EXPECT_STREQ(decode_suback(only_packet(wire("90 03 000a 81"))).error().clause, "MQTT-3.9.3-2");
  EXPECT_STREQ(decode_suback(only_packet(wire("90 02 000a"))).error().clause, "MQTT-3.8.4-5");
  EXPECT_STREQ(decode_suback(only_packet(wire("90 03 0000 00"))).error().clause, "MQTT-2.3.1-1");
  EXPECT_FALSE(decode_suback(only_packet(wire("90 01 00"))).has_value());
}

TEST(acknowledge, gives_the_packet_id_of_all_five_packets) {
  for (const char* spelling : {"40 02 abcd", "50 02 abcd", "62 02 abcd", "70 02 abcd", "b0 02 abcd"}) {
    const ByteVector bytes = wire(spelling);
    const auto acknowledge = decode_acknowledge(only_packet(bytes));
    ASSERT_TRUE(acknowledge.has_value()) << spelling;
    EXPECT_EQ(acknowledge->packet_id, PacketId(0xabcd)) << spelling;
    EXPECT_EQ(acknowledge->reason, ReasonCode::kSuccess) << spelling;
  }
}

TEST(acknowledge, refuses_a_missing_a_zero_and_a_followed_packet_id) {
  using Reason = ProtocolErrorReason;
  EXPECT_EQ(decode_acknowledge(only_packet(wire("40 00"))).error().reason, Reason::kTruncatedField);
  EXPECT_EQ(decode_acknowledge(only_packet(wire("50 01 00"))).error().reason, Reason::kTruncatedField);
  EXPECT_EQ(decode_acknowledge(only_packet(wire("62 03 000100"))).error().reason, Reason::kTrailingBytes);
  EXPECT_EQ(decode_acknowledge(only_packet(wire("70 02 0000"))).error().reason, Reason::kPacketIdZero);
}

TEST(empty_packet, is_refused_when_it_is_not_empty) {
  for (const char* spelling : {"c0 00", "d0 00", "e0 00"}) {
    EXPECT_TRUE(decode_empty(only_packet(wire(spelling))).has_value()) << spelling;
  }
  for (const char* spelling : {"c0 01 00", "d0 02 0000", "e0 01 00"}) {
    const auto empty = decode_empty(only_packet(wire(spelling)));
    ASSERT_FALSE(empty.has_value()) << spelling;
    EXPECT_EQ(empty.error().reason, ProtocolErrorReason::kTrailingBytes) << spelling;
  }
}

}  // namespace
}  // namespace penstock::protocol
