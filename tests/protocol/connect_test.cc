#include "protocol/connect.h"

#include <gtest/gtest.h>

#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

TEST(connect, gives_views_of_every_field) {
  const ByteVector bytes =
      wire("10 2a 0004 'MQTT' 04 f6 003c 0004 'dev1' 0006 'will/t' 0004 'gone' 0005 'alice' 0003 's' 00 'c'");
  const auto connect = decode_connect(only_packet(bytes));
  ASSERT_TRUE(connect.has_value());
  EXPECT_EQ(connect->version, ProtocolVersion::kMqtt311);
  EXPECT_TRUE(connect->clean_session);
  EXPECT_EQ(connect->keepalive_s, 60);
  EXPECT_EQ(connect->client_id, "dev1");
  ASSERT_TRUE(connect->will.has_value());
  EXPECT_EQ(connect->will->topic.text(), "will/t");
  EXPECT_EQ(core::as_text(connect->will->payload), "gone");
  EXPECT_EQ(connect->will->qos, QoS::kExactlyOnce);
  EXPECT_TRUE(connect->will->retain);
  EXPECT_EQ(connect->user_name, "alice");
  ASSERT_TRUE(connect->password.has_value());
  EXPECT_EQ(hex(*connect->password), "730063");
}

TEST(connect, may_be_as_small_as_an_empty_client_id_allows) {  // [MQTT-3.1.3-6]
  const ByteVector bytes = wire("10 0c 0004 'MQTT' 04 02 0000 0000");
  const auto connect = decode_connect(only_packet(bytes));
  ASSERT_TRUE(connect.has_value());
  EXPECT_EQ(connect->client_id, "");
  EXPECT_EQ(connect->keepalive_s, 0);
  EXPECT_FALSE(connect->will.has_value());
  EXPECT_FALSE(connect->user_name.has_value());
  EXPECT_FALSE(connect->password.has_value());
}

TEST(connect, keeps_empty_user_name_password_and_will_payload_apart_from_missing_ones) {
  const ByteVector bytes = wire("10 16 0004 'MQTT' 04 c6 0000 0001 'x' 0001 't' 0000 0000 0000");
  const auto connect = decode_connect(only_packet(bytes));
  ASSERT_TRUE(connect.has_value());
  ASSERT_TRUE(connect->will.has_value());
  EXPECT_TRUE(connect->will->payload.empty());
  EXPECT_EQ(connect->user_name, "");
  ASSERT_TRUE(connect->password.has_value());
  EXPECT_TRUE(connect->password->empty());
}

TEST(connect, accepts_the_client_ids_that_every_server_must_and_longer_ones) {  // [MQTT-3.1.3-5]
  for (const std::string_view id : {"0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ",
                                    "an id of more than twenty-three bytes/with-others", "\xC3\xA9"}) {
    ByteVector bytes = wire("10 00 0004 'MQTT' 04 00 000a 00");
    bytes.push_back(static_cast<std::byte>(id.size()));
    for (const char c : id) bytes.push_back(static_cast<std::byte>(c));
    bytes[1] = static_cast<std::byte>(bytes.size() - 2);
    const auto connect = decode_connect(only_packet(bytes));
    ASSERT_TRUE(connect.has_value()) << id;
    EXPECT_EQ(connect->client_id, id);
    EXPECT_FALSE(connect->clean_session);
  }
}

TEST(connect, accepts_version_3_1_with_its_own_name) {
  const ByteVector bytes = wire("10 11 0006 'MQIsdp' 03 02 003c 0003 'old'");
  const auto connect = decode_connect(only_packet(bytes));
  ASSERT_TRUE(connect.has_value());
  EXPECT_EQ(connect->version, ProtocolVersion::kMqtt31);
  EXPECT_EQ(connect->client_id, "old");
}

TEST(connect, of_version_3_1_may_end_before_the_credentials_it_announced) {
  const ByteVector none = wire("10 11 0006 'MQIsdp' 03 c2 003c 0003 'old'");
  const auto connect = decode_connect(only_packet(none));
  ASSERT_TRUE(connect.has_value());
  EXPECT_FALSE(connect->user_name.has_value());
  EXPECT_FALSE(connect->password.has_value());
  const ByteVector name_only = wire("10 16 0006 'MQIsdp' 03 c2 003c 0003 'old' 0003 'bob'");
  const auto with_name = decode_connect(only_packet(name_only));
  ASSERT_TRUE(with_name.has_value());
  EXPECT_EQ(with_name->user_name, "bob");
  EXPECT_FALSE(with_name->password.has_value());
}

TEST(connect, of_version_3_1_may_set_the_flag_that_it_does_not_use) {
  EXPECT_TRUE(decode_connect(only_packet(wire("10 11 0006 'MQIsdp' 03 03 003c 0003 'old'"))).has_value());
}

struct BadConnect : BadPacket {
  std::optional<ReasonCode> refusal = std::nullopt;
  ProtocolVersion refused_in = ProtocolVersion::kMqtt311;
};

TEST(connect, refuses_what_the_standard_forbids_and_says_which_statement_and_return_code) {
  using Reason = ProtocolErrorReason;
  constexpr auto kLevel = ReasonCode::kUnsupportedProtocolVersion;
  constexpr auto kRejected = ReasonCode::kClientIdNotValid;
  constexpr auto k31 = ProtocolVersion::kMqtt31;
  constexpr auto k5 = ProtocolVersion::kMqtt5;
  const BadConnect cases[] = {
      {{"empty", "10 00", Reason::kTruncatedField, "MQTT-3.1.4-1"}},
      {{"other name", "10 0d 0004 'mqtt' 04 02 0000 0001 'a'", Reason::kProtocolName, "MQTT-3.1.2-1"}},
      {{"empty name", "10 09 0000 04 02 0000 0001 'a'", Reason::kProtocolName, "MQTT-3.1.2-1"}},
      {{"name cut", "10 05 0004 'MQT'", Reason::kTruncatedField, "MQTT-3.1.4-1"}},
      {{"no level", "10 06 0004 'MQTT'", Reason::kTruncatedField, "MQTT-3.1.4-1"}},
      {{"level 6", "10 0e 0004 'MQTT' 06 02 0000 00 0001 'a'", Reason::kProtocolLevel, "MQTT5-3.1.2-2"}, kLevel, k5},
      {{"level 255", "10 07 0004 'MQTT' ff", Reason::kProtocolLevel, "MQTT5-3.1.2-2"}, kLevel, k5},
      {{"level 0", "10 0d 0004 'MQTT' 00 02 0000 0001 'a'", Reason::kProtocolLevel, "MQTT-3.1.2-2"}, kLevel},
      {{"level 3 of MQTT", "10 0d 0004 'MQTT' 03 02 0000 0001 'a'", Reason::kProtocolLevel, "MQTT-3.1.2-2"}, kLevel},
      {{"level 4 of MQIsdp", "10 0f 0006 'MQIsdp' 04 02 0000 0001 'a'", Reason::kProtocolLevel, "MQTT-3.1.2-2"},
       kLevel,
       k31},
      {{"level 5 of MQIsdp", "10 0f 0006 'MQIsdp' 05 02 0000 0001 'a'", Reason::kProtocolLevel, "MQTT-3.1.2-2"},
       kLevel,
       k31},
      {{"bridge bit", "10 0d 0004 'MQTT' 84 02 0000 0001 'a'", Reason::kProtocolLevel, "MQTT-3.1.2-2"}, kLevel},
      {{"no flags", "10 07 0004 'MQTT' 04", Reason::kTruncatedField, "MQTT-3.1.4-1"}},
      {{"half a keepalive", "10 09 0004 'MQTT' 04 02 00", Reason::kTruncatedField, "MQTT-3.1.4-1"}},
      {{"reserved flag", "10 0d 0004 'MQTT' 04 03 0000 0001 'a'", Reason::kConnectFlags, "MQTT-3.1.2-3"}},
      {{"will QoS without will", "10 0d 0004 'MQTT' 04 0a 0000 0001 'a'", Reason::kConnectFlags, "MQTT-3.1.2-13"}},
      {{"will QoS 3", "10 13 0004 'MQTT' 04 1e 0000 0001 'a' 0001 't' 0001 'm'", Reason::kInvalidQoS, "MQTT-3.1.2-14"}},
      {{"will retain without will", "10 0d 0004 'MQTT' 04 22 0000 0001 'a'", Reason::kConnectFlags, "MQTT-3.1.2-15"}},
      {{"password without user name", "10 10 0004 'MQTT' 04 42 0000 0001 'a' 0001 'p'", Reason::kConnectFlags,
        "MQTT-3.1.2-22"}},
      {{"no client id", "10 0a 0004 'MQTT' 04 02 0000", Reason::kTruncatedField, "MQTT-3.1.3-3"}},
      {{"client id cut", "10 0d 0004 'MQTT' 04 02 0000 0002 'a'", Reason::kTruncatedField, "MQTT-3.1.3-3"}},
      {{"client id not UTF-8", "10 0d 0004 'MQTT' 04 02 0000 0001 ff", Reason::kInvalidUtf8, "MQTT-3.1.3-4"}},
      {{"client id with a null character", "10 0d 0004 'MQTT' 04 02 0000 0001 00", Reason::kInvalidUtf8,
        "MQTT-3.1.3-4"}},
      {{"empty client id, kept session", "10 0c 0004 'MQTT' 04 00 0000 0000", Reason::kClientId, "MQTT-3.1.3-8"},
       kRejected},
      {{"empty client id in 3.1", "10 0e 0006 'MQIsdp' 03 02 0000 0000", Reason::kClientId, "MQTT-3.1.3-8"},
       kRejected,
       k31},
      {{"will missing", "10 0d 0004 'MQTT' 04 06 0000 0001 'a'", Reason::kTruncatedField, "MQTT-3.1.2-9"}},
      {{"will payload missing", "10 10 0004 'MQTT' 04 06 0000 0001 'a' 0001 't'", Reason::kTruncatedField,
        "MQTT-3.1.2-9"}},
      {{"will topic with wildcard", "10 12 0004 'MQTT' 04 06 0000 0001 'a' 0001 '#' 0000", Reason::kInvalidTopicName,
        "MQTT-3.3.2-2"}},
      {{"empty will topic", "10 11 0004 'MQTT' 04 06 0000 0001 'a' 0000 0000", Reason::kInvalidTopicName,
        "MQTT-4.7.3-1"}},
      {{"will topic not UTF-8", "10 12 0004 'MQTT' 04 06 0000 0001 'a' 0001 ff 0000", Reason::kInvalidUtf8,
        "MQTT-3.1.3-10"}},
      {{"user name missing", "10 0d 0004 'MQTT' 04 82 0000 0001 'a'", Reason::kTruncatedField, "MQTT-3.1.2-19"}},
      {{"user name not UTF-8", "10 10 0004 'MQTT' 04 82 0000 0001 'a' 0001 ff", Reason::kInvalidUtf8, "MQTT-3.1.3-11"}},
      {{"password missing", "10 10 0004 'MQTT' 04 c2 0000 0001 'a' 0001 'u'", Reason::kTruncatedField,
        "MQTT-3.1.2-21"}},
      {{"will without the flag", "10 13 0004 'MQTT' 04 02 0000 0001 'a' 0001 't' 0001 'm'", Reason::kTrailingBytes,
        "MQTT-3.1.4-1"}},
      {{"user name without the flag", "10 10 0004 'MQTT' 04 02 0000 0001 'a' 0001 'u'", Reason::kTrailingBytes,
        "MQTT-3.1.4-1"}},
      {{"password without the flag", "10 13 0004 'MQTT' 04 82 0000 0001 'a' 0001 'u' 0001 'p'", Reason::kTrailingBytes,
        "MQTT-3.1.4-1"}},
  };
  for (const BadConnect& bad : cases) {
    const ByteVector bytes = wire(bad.spelling);
    const auto connect = decode_connect(only_packet(bytes));
    ASSERT_FALSE(connect.has_value()) << bad.story;
    EXPECT_EQ(connect.error().error.reason, bad.reason) << bad.story << ": " << connect.error().error.text;
    EXPECT_STREQ(connect.error().error.clause, bad.clause) << bad.story;
    EXPECT_EQ(connect.error().refusal, bad.refusal) << bad.story;
    EXPECT_EQ(connect.error().version, bad.refused_in) << bad.story;
  }
}

TEST(connect, is_refused_at_every_cut_of_a_full_packet) {
  const ByteVector whole =
      wire("10 2a 0004 'MQTT' 04 f6 003c 0004 'dev1' 0006 'will/t' 0004 'gone' 0005 'alice' 0003 'pwd'");
  ASSERT_TRUE(decode_connect(only_packet(whole)).has_value());
  for (size_t body_bytes = 0; body_bytes + 2 < whole.size(); ++body_bytes) {
    ByteVector bytes(whole.begin(), whole.begin() + 2 + static_cast<ptrdiff_t>(body_bytes));
    bytes[1] = static_cast<std::byte>(body_bytes);
    const auto connect = decode_connect(only_packet(bytes));
    ASSERT_FALSE(connect.has_value()) << body_bytes;
    EXPECT_EQ(connect.error().error.reason, ProtocolErrorReason::kTruncatedField) << body_bytes;
  }
}

TEST(connack, gives_session_present_and_code) {
  const auto fresh = decode_connack(only_packet(wire("20 02 0000")));
  ASSERT_TRUE(fresh.has_value());
  EXPECT_FALSE(fresh->session_present);
  EXPECT_EQ(fresh->code, ReasonCode::kSuccess);
  const auto kept = decode_connack(only_packet(wire("20 02 0100")));
  ASSERT_TRUE(kept.has_value());
  EXPECT_TRUE(kept->session_present);
  const auto refused = decode_connack(only_packet(wire("20 02 0005")));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->code, ReasonCode::kNotAuthorized);
}

TEST(connack, refuses_wrong_sizes_reserved_bits_and_codes) {
  EXPECT_FALSE(decode_connack(only_packet(wire("20 01 00"))).has_value());
  EXPECT_FALSE(decode_connack(only_packet(wire("20 03 000000"))).has_value());
  EXPECT_FALSE(decode_connack(only_packet(wire("20 02 0200"))).has_value());
  EXPECT_FALSE(decode_connack(only_packet(wire("20 02 0006"))).has_value());
  EXPECT_STREQ(decode_connack(only_packet(wire("20 02 0105"))).error().clause, "MQTT-3.2.2-4");
}

}  // namespace
}  // namespace penstock::protocol
