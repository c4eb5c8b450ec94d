// SUBSCRIBE, UNSUBSCRIBE, their acknowledgements and those of PUBLISH in 5.0.
#include <gtest/gtest.h>

#include <string>

#include "protocol/acknowledge.h"
#include "protocol/property.h"
#include "protocol/subscribe.h"
#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

constexpr auto k5 = ProtocolVersion::kMqtt5;

TEST(subscribe5, is_read_with_the_examples_of_figures_3_19_and_3_21) {
  const ByteVector bytes = wire("82 0f 000a 00 0003 'a/b' 01 0003 'c/d' 02");
  const auto subscribe = decode_subscribe(only_packet(bytes, k5), k5);
  ASSERT_TRUE(subscribe.has_value()) << subscribe.error().text;
  EXPECT_EQ(subscribe->packet_id, PacketId(10));
  EXPECT_EQ(subscribe->subscription_id, 0u);
  ASSERT_EQ(subscribe->filters.size(), 2u);
  std::string seen;
  for (const FilterRequest& request : subscribe->filters) {
    seen += std::string(request.filter.text()) + ":" + std::to_string(static_cast<int>(request.qos)) + " ";
  }
  EXPECT_EQ(seen, "a/b:1 c/d:2 ");
}

TEST(subscribe5, gives_every_option_and_the_identifier) {
  const ByteVector bytes = wire(
      "82 23 0001 0c 26 0001 'k' 0001 'v' 0b ffffff7f"
      "0001 'a' 00 0001 'b' 05 0001 'c' 0a 0001 'd' 10 0001 'e' 2e");
  const auto subscribe = decode_subscribe(only_packet(bytes, k5), k5);
  ASSERT_TRUE(subscribe.has_value()) << subscribe.error().text;
  EXPECT_EQ(subscribe->subscription_id, 268'435'455u);
  EXPECT_EQ(hex(subscribe->user_properties), hex(wire("26 0001 'k' 0001 'v'")));
  std::string seen;
  for (const FilterRequest& request : subscribe->filters) {
    seen += std::string(request.filter.text()) + std::to_string(static_cast<int>(request.qos)) +
            (request.no_local ? "L" : "") + (request.retain_as_published ? "R" : "") +
            std::to_string(static_cast<int>(request.retain_handling)) + " ";
  }
  EXPECT_EQ(seen, "a00 b1L0 c2R0 d01 e2LR2 ");
}

TEST(subscribe5, judges_every_options_byte) {
  for (int options = 0; options < 256; ++options) {
    ByteVector bytes = wire("82 07 0001 00 0001 'a' 00");
    bytes.back() = static_cast<std::byte>(options);
    const auto subscribe = decode_subscribe(only_packet(bytes, k5), k5);
    const bool good = (options & 3) != 3 && (options >> 4 & 3) != 3 && options < 64;
    ASSERT_EQ(subscribe.has_value(), good) << options;
    if (good) {
      ASSERT_EQ(subscription_options(*subscribe->filters.begin()), options);
    } else if (options >= 64) {
      EXPECT_STREQ(subscribe.error().clause, "MQTT5-3.8.3-5");
      EXPECT_EQ(reason_code(subscribe.error().reason), ReasonCode::kMalformedPacket);
    } else {
      EXPECT_EQ(reason_code(subscribe.error().reason), ReasonCode::kProtocolError);
    }
  }
}

TEST(subscribe5, refuses_what_the_standard_forbids_and_says_which_statement) {
  using Reason = ProtocolErrorReason;
  const BadPacket cases[] = {
      {"empty", "82 00", Reason::kTruncatedField, "MQTT5-2.2.1-3"},
      {"packet id 0", "82 07 0000 00 0001 'a' 00", Reason::kPacketIdZero, "MQTT5-2.2.1-3"},
      {"no properties", "82 02 000a", Reason::kPropertyLength, "MQTT5-2.2.2-1"},
      {"no filter", "82 03 000a 00", Reason::kNoTopicFilter, "MQTT5-3.8.3-2"},
      {"no options", "82 06 000a 00 0001 'a'", Reason::kTruncatedField, ""},
      {"identifier 0", "82 09 000a 02 0b 00 0001 'a' 00", Reason::kPropertyValue, ""},
      {"identifier twice", "82 0b 000a 04 0b 01 0b 02 0001 'a' 00", Reason::kRepeatedProperty, ""},
      {"reason string", "82 0a 000a 03 1f 0000 0001 'a' 00", Reason::kUnknownProperty, ""},
      {"empty filter", "82 06 000a 00 0000 00", Reason::kInvalidTopicFilter, "MQTT5-4.7.3-1"},
      {"hash in the middle", "82 09 000a 00 0003 '#/a' 00", Reason::kInvalidTopicFilter, "MQTT5-4.7.1-1"},
      {"plus beside a letter", "82 08 000a 00 0002 'a+' 00", Reason::kInvalidTopicFilter, "MQTT5-4.7.1-2"},
      {"filter is not UTF-8", "82 07 000a 00 0001 80 00", Reason::kInvalidUtf8, "MQTT5-3.8.3-1"},
      {"shared without group", "82 0e 000a 00 0008 '$share//' 00", Reason::kInvalidTopicFilter, "MQTT5-4.8.2-1"},
      {"shared without filter", "82 0e 000a 00 0008 '$share/g' 00", Reason::kInvalidTopicFilter, "MQTT5-4.8.2-2"},
      {"no local and shared", "82 10 000a 00 000a '$share/g/t' 04", Reason::kSubscriptionOptions, "MQTT5-3.8.3-4"},
  };
  for (const BadPacket& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto subscribe = decode_subscribe(only_packet(bytes, k5), k5);
    ASSERT_FALSE(subscribe.has_value()) << bad.story;
    EXPECT_EQ(subscribe.error().reason, bad.reason) << bad.story << ": " << subscribe.error().text;
    EXPECT_STREQ(subscribe.error().clause, bad.clause) << bad.story;
  }
}

TEST(subscribe5, leaves_shared_filters_of_3_1_1_to_the_server) {
  const ByteVector bytes = wire("82 0d 000a 0008 '$share/g' 00");
  const auto subscribe = decode_subscribe(only_packet(bytes));
  ASSERT_TRUE(subscribe.has_value());
  EXPECT_TRUE((*subscribe->filters.begin()).filter.is_shared());
}

TEST(unsubscribe5, is_read_with_the_example_of_figure_3_30) {
  const ByteVector bytes = wire("a2 14 0007 07 26 0001 'k' 0001 'v'  0003 'a/b' 0003 'c/d'");
  const auto unsubscribe = decode_unsubscribe(only_packet(bytes, k5), k5);
  ASSERT_TRUE(unsubscribe.has_value()) << unsubscribe.error().text;
  EXPECT_EQ(unsubscribe->packet_id, PacketId(7));
  EXPECT_EQ(unsubscribe->user_properties.size(), 7u);
  std::string seen;
  for (const TopicFilter filter : unsubscribe->filters) seen += std::string(filter.text()) + " ";
  EXPECT_EQ(seen, "a/b c/d ");
}

TEST(unsubscribe5, refuses_what_the_standard_forbids_and_says_which_statement) {
  using Reason = ProtocolErrorReason;
  const BadPacket cases[] = {
      {"packet id 0", "a2 06 0000 00 0001 'a'", Reason::kPacketIdZero, "MQTT5-2.2.1-3"},
      {"no filter", "a2 03 000a 00", Reason::kNoTopicFilter, "MQTT5-3.10.3-2"},
      {"subscription identifier", "a2 08 000a 02 0b 01 0001 'a'", Reason::kUnknownProperty, ""},
      {"filter is not UTF-8", "a2 06 000a 00 0001 ff", Reason::kInvalidUtf8, "MQTT5-3.10.3-1"},
      {"shared without filter", "a2 0d 000a 00 0008 '$share/g'", Reason::kInvalidTopicFilter, "MQTT5-4.8.2-2"},
  };
  for (const BadPacket& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto unsubscribe = decode_unsubscribe(only_packet(bytes, k5), k5);
    ASSERT_FALSE(unsubscribe.has_value()) << bad.story;
    EXPECT_EQ(unsubscribe.error().reason, bad.reason) << bad.story;
    EXPECT_STREQ(unsubscribe.error().clause, bad.clause) << bad.story;
  }
}

TEST(suback5, gives_its_codes_and_its_reason_string) {
  const ByteVector bytes = wire("90 0d 000a 06 1f 0003 'why' 00 02 8f a2");
  const auto suback = decode_suback(only_packet(bytes, k5), k5);
  ASSERT_TRUE(suback.has_value()) << suback.error().text;
  EXPECT_EQ(suback->packet_id, PacketId(10));
  EXPECT_EQ(suback->reason_string, "why");
  ASSERT_EQ(suback->codes.size(), 4u);
  EXPECT_EQ(suback->code(1), ReasonCode::kGrantedExactlyOnce);
  EXPECT_EQ(suback->code(2), ReasonCode::kTopicFilterInvalid);
  EXPECT_EQ(suback->code(3), ReasonCode::kWildcardSubscriptionsNotSupported);
}

TEST(suback5, refuses_codes_of_other_packets_and_missing_ones) {
  EXPECT_STREQ(decode_suback(only_packet(wire("90 04 000a 00 11"), k5), k5).error().clause, "MQTT5-3.9.3-2");
  EXPECT_STREQ(decode_suback(only_packet(wire("90 03 000a 00"), k5), k5).error().clause, "MQTT5-3.8.4-6");
  EXPECT_STREQ(decode_suback(only_packet(wire("90 04 0000 00 00"), k5), k5).error().clause, "MQTT5-2.2.1-6");
  EXPECT_STREQ(decode_suback(only_packet(wire("90 02 000a"), k5), k5).error().clause, "MQTT5-2.2.2-1");
}

TEST(unsuback5, gives_its_codes) {
  const ByteVector bytes = wire("b0 06 000a 00 00 11 87");
  const auto unsuback = decode_unsuback(only_packet(bytes, k5), k5);
  ASSERT_TRUE(unsuback.has_value()) << unsuback.error().text;
  ASSERT_EQ(unsuback->codes.size(), 3u);
  EXPECT_EQ(unsuback->code(1), ReasonCode::kNoSubscriptionExisted);
  EXPECT_EQ(unsuback->code(2), ReasonCode::kNotAuthorized);
  EXPECT_STREQ(decode_unsuback(only_packet(wire("b0 04 000a 00 01"), k5), k5).error().clause, "MQTT5-3.11.3-2");
  EXPECT_STREQ(decode_unsuback(only_packet(wire("b0 03 000a 00"), k5), k5).error().clause, "MQTT5-3.11.3-1");
}

TEST(unsuback5, has_no_codes_before_5_0) {
  const auto unsuback = decode_unsuback(only_packet(wire("b0 02 000a")));
  ASSERT_TRUE(unsuback.has_value());
  EXPECT_EQ(unsuback->packet_id, PacketId(10));
  EXPECT_TRUE(unsuback->codes.empty());
  EXPECT_FALSE(decode_unsuback(only_packet(wire("b0 03 000a 00"))).has_value());
}

TEST(acknowledge5, comes_in_three_lengths) {
  const struct {
    const char* spelling;
    ReasonCode reason;
  } cases[] = {
      {"40 02 abcd", ReasonCode::kSuccess},
      {"40 03 abcd 10", ReasonCode::kNoMatchingSubscribers},
      {"50 04 abcd 97 00", ReasonCode::kQuotaExceeded},
      {"62 03 abcd 92", ReasonCode::kPacketIdNotFound},
      {"70 11 abcd 92 0d 1f 0003 'why' 26 0001 'k' 0001 'v'", ReasonCode::kPacketIdNotFound},
  };
  for (const auto& c : cases) {
    const ByteVector bytes = wire(c.spelling);
    const auto acknowledge = decode_acknowledge(only_packet(bytes, k5), k5);
    ASSERT_TRUE(acknowledge.has_value()) << c.spelling << ": " << acknowledge.error().text;
    EXPECT_EQ(acknowledge->packet_id, PacketId(0xabcd)) << c.spelling;
    EXPECT_EQ(acknowledge->reason, c.reason) << c.spelling;
  }
}

TEST(acknowledge5, refuses_what_the_standard_forbids_and_says_which_statement) {
  using Reason = ProtocolErrorReason;
  const BadPacket cases[] = {
      {"half a packet id", "40 01 00", Reason::kTruncatedField, ""},
      {"packet id 0", "40 02 0000", Reason::kPacketIdZero, "MQTT5-2.2.1-5"},
      {"packet id 0 with a reason", "50 03 0000 00", Reason::kPacketIdZero, "MQTT5-2.2.1-5"},
      {"reason of PUBREL in PUBACK", "40 03 0001 92", Reason::kReturnCode, "MQTT5-3.4.2-1"},
      {"unknown reason in PUBREC", "50 03 0001 03", Reason::kReturnCode, "MQTT5-3.5.2-1"},
      {"reason of PUBACK in PUBREL", "62 03 0001 80", Reason::kReturnCode, "MQTT5-3.6.2-1"},
      {"reason of PUBACK in PUBCOMP", "70 03 0001 97", Reason::kReturnCode, "MQTT5-3.7.2-1"},
      {"properties past the end", "40 04 0001 00 01", Reason::kPropertyLength, ""},
      {"property of another packet", "40 06 0001 00 02 01 00", Reason::kUnknownProperty, ""},
      {"reason string twice", "40 0a 0001 00 06 1f 0000 1f 0000", Reason::kRepeatedProperty, ""},
      {"bytes after it", "40 05 0001 00 00 00", Reason::kTrailingBytes, ""},
  };
  for (const BadPacket& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto acknowledge = decode_acknowledge(only_packet(bytes, k5), k5);
    ASSERT_FALSE(acknowledge.has_value()) << bad.story;
    EXPECT_EQ(acknowledge.error().reason, bad.reason) << bad.story;
    EXPECT_STREQ(acknowledge.error().clause, bad.clause) << bad.story;
  }
  EXPECT_EQ(decode_acknowledge(only_packet(wire("40 03 0001 00"))).error().reason, Reason::kTrailingBytes) << "3.1.1";
}

}  // namespace
}  // namespace penstock::protocol
