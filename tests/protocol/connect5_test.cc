// CONNECT and CONNACK of 5.0. What they share with 3.1.1 is tested in connect_test.cc.
#include <gtest/gtest.h>

#include "protocol/connect.h"
#include "protocol/property.h"
#include "protocol/stored_properties.h"
#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

constexpr auto k5 = ProtocolVersion::kMqtt5;

TEST(connect5, is_read_with_the_variable_header_of_figure_3_6) {
  const ByteVector bytes =
      wire("10 27 0004 'MQTT' 05 ce 000a 05 11 0000000a 0002 'id' 00 0002 'wt' 0002 'wp' 0004 'user' 0002 'pw'");
  const auto connect = decode_connect(only_packet(bytes));
  ASSERT_TRUE(connect.has_value()) << connect.error().error.text;
  EXPECT_EQ(connect->version, k5);
  EXPECT_TRUE(connect->clean_session);
  EXPECT_EQ(connect->keepalive_s, 10);
  EXPECT_EQ(connect->properties.session_expiry_s, 10u);
  EXPECT_EQ(connect->client_id, "id");
  ASSERT_TRUE(connect->will.has_value());
  EXPECT_EQ(connect->will->topic.text(), "wt");
  EXPECT_EQ(core::as_text(connect->will->payload), "wp");
  EXPECT_EQ(connect->will->qos, QoS::kAtLeastOnce);
  EXPECT_FALSE(connect->will->retain);
  EXPECT_EQ(connect->user_name, "user");
  EXPECT_EQ(core::as_text(connect->password.value()), "pw");
}

TEST(connect5, has_the_defaults_of_absent_properties) {
  const auto connect = decode_connect(only_packet(wire("10 0e 0004 'MQTT' 05 02 003c 00 0001 'a'")));
  ASSERT_TRUE(connect.has_value());
  const ConnectProperties& properties = connect->properties;
  EXPECT_EQ(properties.session_expiry_s, 0u);
  EXPECT_EQ(properties.receive_maximum, 65'535);
  EXPECT_EQ(properties.packet_bytes_max, kPacketBytesMax);
  EXPECT_EQ(properties.topic_alias_maximum, 0);
  EXPECT_FALSE(properties.request_response_information);
  EXPECT_TRUE(properties.request_problem_information);
  EXPECT_FALSE(properties.authentication_method.has_value());
  EXPECT_FALSE(properties.authentication_data.has_value());
  EXPECT_TRUE(properties.user_properties.empty());
}

TEST(connect5, gives_every_property) {
  const ByteVector bytes = wire(
      "10 32 0004 'MQTT' 05 02 003c"
      "24 17 00 19 01 11 ffffffff 21 000a 22 0014 26 0001 'k' 0001 'v' 27 00010000 15 0001 'S' 16 0002 00ff"
      "0001 'a'");
  const auto connect = decode_connect(only_packet(bytes));
  ASSERT_TRUE(connect.has_value()) << connect.error().error.text;
  const ConnectProperties& properties = connect->properties;
  EXPECT_EQ(properties.session_expiry_s, kSessionNeverExpires);
  EXPECT_EQ(properties.receive_maximum, 10);
  EXPECT_EQ(properties.packet_bytes_max, 65'536u);
  EXPECT_EQ(properties.topic_alias_maximum, 20);
  EXPECT_TRUE(properties.request_response_information);
  EXPECT_FALSE(properties.request_problem_information);
  EXPECT_EQ(properties.authentication_method, "S");
  EXPECT_EQ(hex(properties.authentication_data.value()), "00ff");
  EXPECT_EQ(hex(properties.user_properties), hex(wire("26 0001 'k' 0001 'v'")));
}

TEST(connect5, that_accepts_larger_packets_than_there_are_sets_no_limit) {
  const auto connect = decode_connect(only_packet(wire("10 13 0004 'MQTT' 05 02 003c 05 27 ffffffff 0001 'a'")));
  ASSERT_TRUE(connect.has_value());
  EXPECT_EQ(connect->properties.packet_bytes_max, kPacketBytesMax);
}

TEST(connect5, gives_the_wills_properties_and_its_delay) {
  const ByteVector bytes = wire(
      "10 2a 0004 'MQTT' 05 36 0000 00 0001 'a'"
      "13 03 0001 't' 18 0000000a 02 0000003c 01 01 09 0000"
      "0001 'w' 0003 'bye'");
  const auto connect = decode_connect(only_packet(bytes));
  ASSERT_TRUE(connect.has_value()) << connect.error().error.text;
  const WillMessage& will = connect->will.value();
  EXPECT_EQ(will.topic.text(), "w");
  EXPECT_EQ(core::as_text(will.payload), "bye");
  EXPECT_EQ(will.qos, QoS::kExactlyOnce);
  EXPECT_TRUE(will.retain);
  EXPECT_EQ(will.delay_s, 10u);
  EXPECT_EQ(will.message_expiry_s, 60u);
  EXPECT_TRUE(will.payload_is_text);
  ByteVector scratch(will.properties.size());
  EXPECT_EQ(hex(stored_properties(will.properties, scratch)), hex(wire("02 0000003c 03 0001 't' 01 01 09 0000")));
}

TEST(connect5, may_have_an_empty_client_id_with_any_session) {  // [MQTT5-3.1.3-6]
  for (const char* spelling : {"10 0d 0004 'MQTT' 05 00 0000 00 0000", "10 0d 0004 'MQTT' 05 02 0000 00 0000"}) {
    EXPECT_TRUE(decode_connect(only_packet(wire(spelling))).has_value()) << spelling;
  }
}

TEST(connect5, may_have_a_password_without_a_user_name) {
  const ByteVector bytes = wire("10 13 0004 'MQTT' 05 42 0000 00 0001 'a' 0003 'pwd'");
  const auto connect = decode_connect(only_packet(bytes));
  ASSERT_TRUE(connect.has_value());
  EXPECT_FALSE(connect->user_name.has_value());
  EXPECT_EQ(core::as_text(connect->password.value()), "pwd");
}

TEST(connect5, refuses_what_the_standard_forbids_and_says_which_statement_and_reason) {
  using Reason = ProtocolErrorReason;
  struct BadConnect5 : BadPacket {
    ReasonCode refusal = ReasonCode::kMalformedPacket;
  };
  constexpr auto kProtocol = ReasonCode::kProtocolError;
  constexpr auto kTopic = ReasonCode::kTopicNameInvalid;
  const BadConnect5 cases[] = {
      {{"no flags", "10 07 0004 'MQTT' 05", Reason::kTruncatedField, "MQTT5-3.1.4-1"}},
      {{"reserved flag", "10 0e 0004 'MQTT' 05 03 0000 00 0001 'a'", Reason::kConnectFlags, "MQTT5-3.1.2-3"}},
      {{"will QoS without will", "10 0e 0004 'MQTT' 05 0a 0000 00 0001 'a'", Reason::kConnectFlags, "MQTT5-3.1.2-11"}},
      {{"will QoS 3", "10 0e 0004 'MQTT' 05 1e 0000 00 0001 'a'", Reason::kInvalidQoS, "MQTT5-3.1.2-12"}},
      {{"will retain without will", "10 0e 0004 'MQTT' 05 22 0000 00 0001 'a'", Reason::kConnectFlags,
        "MQTT5-3.1.2-13"}},
      {{"no properties", "10 0a 0004 'MQTT' 05 02 0000", Reason::kPropertyLength, "MQTT5-2.2.2-1"}},
      {{"properties past the end", "10 0e 0004 'MQTT' 05 02 0000 04 0001 'a'", Reason::kPropertyLength, ""}},
      {{"as in 3.1.1", "10 0d 0004 'MQTT' 05 02 0000 0001 'a'", Reason::kTruncatedField, "MQTT5-3.1.3-3"}},
      {{"property of another packet", "10 10 0004 'MQTT' 05 02 0000 02 01 00 0001 'a'", Reason::kUnknownProperty, ""}},
      {{"receive maximum 0", "10 11 0004 'MQTT' 05 02 0000 03 21 0000 0001 'a'", Reason::kPropertyValue, ""},
       kProtocol},
      {{"receive maximum twice", "10 14 0004 'MQTT' 05 02 0000 06 21 0001 21 0001 0001 'a'", Reason::kRepeatedProperty,
        ""},
       kProtocol},
      {{"authentication data without method", "10 11 0004 'MQTT' 05 02 0000 03 16 0000 0001 'a'",
        Reason::kMissingProperty, ""},
       kProtocol},
      {{"no client id", "10 0b 0004 'MQTT' 05 02 0000 00", Reason::kTruncatedField, "MQTT5-3.1.3-3"}},
      {{"client id not UTF-8", "10 0e 0004 'MQTT' 05 02 0000 00 0001 ff", Reason::kInvalidUtf8, "MQTT5-3.1.3-4"}},
      {{"will missing", "10 0e 0004 'MQTT' 05 06 0000 00 0001 'a'", Reason::kPropertyLength, "MQTT5-2.2.2-1"}},
      {{"will topic missing", "10 0f 0004 'MQTT' 05 06 0000 00 0001 'a' 00", Reason::kTruncatedField, "MQTT5-3.1.2-9"}},
      {{"will with an alias", "10 17 0004 'MQTT' 05 06 0000 00 0001 'a' 03 23 0001 0001 'w' 0000",
        Reason::kUnknownProperty, ""}},
      {{"will topic with wildcard", "10 14 0004 'MQTT' 05 06 0000 00 0001 'a' 00 0001 '#' 0000",
        Reason::kInvalidTopicName, "MQTT5-3.3.2-2"},
       kTopic},
      {{"empty will topic", "10 13 0004 'MQTT' 05 06 0000 00 0001 'a' 00 0000 0000", Reason::kInvalidTopicName,
        "MQTT5-4.7.3-1"},
       kTopic},
      {{"will topic not UTF-8", "10 14 0004 'MQTT' 05 06 0000 00 0001 'a' 00 0001 ff 0000", Reason::kInvalidUtf8,
        "MQTT5-3.1.3-11"}},
      {{"user name missing", "10 0e 0004 'MQTT' 05 82 0000 00 0001 'a'", Reason::kTruncatedField, "MQTT5-3.1.2-17"}},
      {{"user name not UTF-8", "10 11 0004 'MQTT' 05 82 0000 00 0001 'a' 0001 ff", Reason::kInvalidUtf8,
        "MQTT5-3.1.3-12"}},
      {{"password missing", "10 0e 0004 'MQTT' 05 42 0000 00 0001 'a'", Reason::kTruncatedField, "MQTT5-3.1.2-19"}},
      {{"password without the flag", "10 11 0004 'MQTT' 05 02 0000 00 0001 'a' 0001 'p'", Reason::kTrailingBytes,
        "MQTT5-3.1.4-1"}},
  };
  for (const BadConnect5& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto connect = decode_connect(only_packet(bytes));
    ASSERT_FALSE(connect.has_value()) << bad.story;
    EXPECT_EQ(connect.error().error.reason, bad.reason) << bad.story << ": " << connect.error().error.text;
    EXPECT_STREQ(connect.error().error.clause, bad.clause) << bad.story;
    EXPECT_EQ(connect.error().refusal, bad.refusal) << bad.story;
    EXPECT_EQ(connect.error().version, k5) << bad.story;
    EXPECT_TRUE(may_carry(PacketType::kConnack, *connect.error().refusal)) << bad.story;
  }
}

TEST(connect5, is_refused_at_every_cut_of_a_full_packet) {
  const ByteVector whole = wire(
      "10 39 0004 'MQTT' 05 f6 003c 08 11 00000005 21 0001"
      "0004 'dev1' 05 18 00000001 0006 'will/t' 0004 'gone' 0005 'alice' 0003 'pwd'");
  ASSERT_TRUE(decode_connect(only_packet(whole)).has_value());
  for (size_t body_bytes = 0; body_bytes + 2 < whole.size(); ++body_bytes) {
    ByteVector bytes(whole.begin(), whole.begin() + 2 + static_cast<ptrdiff_t>(body_bytes));
    bytes[1] = static_cast<std::byte>(body_bytes);
    const auto connect = decode_connect(only_packet(bytes));
    ASSERT_FALSE(connect.has_value()) << body_bytes;
    EXPECT_EQ(reason_code(connect.error().error.reason), ReasonCode::kMalformedPacket) << body_bytes;
  }
}

TEST(connack5, is_read_with_every_property) {
  const ByteVector bytes = wire(
      "20 4e 01 00 4b"
      "11 00000e10 21 0014 24 01 25 00 27 00100000 12 0003 'abc' 22 000a 1f 0002 'ok' 26 0001 'k' 0000"
      "28 00 29 00 2a 00 13 003c 1a 0002 'ri' 1c 0002 'sr' 15 0002 'am' 16 0001 07"
      "26 0004 'last' 0001 'v'");
  const auto connack = decode_connack(only_packet(bytes), k5);
  ASSERT_TRUE(connack.has_value()) << connack.error().text;
  EXPECT_TRUE(connack->session_present);
  EXPECT_EQ(connack->code, ReasonCode::kSuccess);
  const ConnackProperties& properties = connack->properties;
  EXPECT_EQ(properties.session_expiry_s, 3600u);
  EXPECT_EQ(properties.receive_maximum, 20);
  EXPECT_EQ(properties.maximum_qos, QoS::kAtLeastOnce);
  EXPECT_FALSE(properties.retain_available);
  EXPECT_EQ(properties.packet_bytes_max, 1u << 20);
  EXPECT_EQ(properties.assigned_client_id, "abc");
  EXPECT_EQ(properties.topic_alias_maximum, 10);
  EXPECT_EQ(properties.reason_string, "ok");
  EXPECT_FALSE(properties.wildcard_subscription_available);
  EXPECT_FALSE(properties.subscription_ids_available);
  EXPECT_FALSE(properties.shared_subscription_available);
  EXPECT_EQ(properties.server_keepalive_s, 60);
  EXPECT_EQ(properties.response_information, "ri");
  EXPECT_EQ(properties.server_reference, "sr");
  EXPECT_EQ(properties.authentication_method, "am");
  EXPECT_EQ(hex(properties.authentication_data.value()), "07");
  PropertyReader reader(properties.user_properties);
  size_t user_properties = 0;
  for (Property property; reader.next(property);) user_properties += property.id == PropertyId::kUserProperty;
  EXPECT_EQ(user_properties, 2u);
}

TEST(connack5, has_the_defaults_of_absent_properties) {
  const auto connack = decode_connack(only_packet(wire("20 03 00 84 00")), k5);
  ASSERT_TRUE(connack.has_value());
  EXPECT_EQ(connack->code, ReasonCode::kUnsupportedProtocolVersion);
  EXPECT_FALSE(connack->properties.session_expiry_s.has_value());
  EXPECT_EQ(connack->properties.receive_maximum, 65'535);
  EXPECT_EQ(connack->properties.maximum_qos, QoS::kExactlyOnce);
  EXPECT_TRUE(connack->properties.retain_available);
  EXPECT_TRUE(connack->properties.shared_subscription_available);
}

TEST(connack5, refuses_what_the_standard_forbids_and_says_which_statement) {
  using Reason = ProtocolErrorReason;
  const BadPacket cases[] = {
      {"empty", "20 00", Reason::kTruncatedField, ""},
      {"no code", "20 01 00", Reason::kTruncatedField, ""},
      {"no properties", "20 02 00 00", Reason::kPropertyLength, "MQTT5-2.2.2-1"},
      {"reserved flags", "20 03 02 00 00", Reason::kReservedFlags, "MQTT5-3.2.2-1"},
      {"a return code of 3.1.1", "20 03 00 05 00", Reason::kReturnCode, "MQTT5-3.2.2-8"},
      {"a reason of another packet", "20 03 00 8d 00", Reason::kReturnCode, "MQTT5-3.2.2-8"},
      {"session present and refused", "20 03 01 87 00", Reason::kReturnCode, "MQTT5-3.2.2-6"},
      {"bytes after it", "20 04 00 00 00 00", Reason::kTrailingBytes, ""},
      {"property of CONNECT", "20 05 00 00 02 17 00", Reason::kUnknownProperty, ""},
      {"maximum QoS 2", "20 05 00 00 02 24 02", Reason::kPropertyValue, ""},
  };
  for (const BadPacket& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto connack = decode_connack(only_packet(bytes), k5);
    ASSERT_FALSE(connack.has_value()) << bad.story;
    EXPECT_EQ(connack.error().reason, bad.reason) << bad.story;
    EXPECT_STREQ(connack.error().clause, bad.clause) << bad.story;
  }
}

}  // namespace
}  // namespace penstock::protocol
