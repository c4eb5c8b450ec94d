#include "protocol/reason_code.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "protocol/protocol_error.h"

namespace penstock::protocol {
namespace {

std::set<int> legal(PacketType type, Sender sender) {
  std::set<int> values;
  for (int value = 0; value < 256; ++value) {
    if (may_carry(type, static_cast<ReasonCode>(value), sender)) values.insert(value);
  }
  return values;
}

// The values as the tables of the standard list them.
TEST(reason_code, is_legal_where_the_tables_of_the_standard_say_so) {
  const std::set<int> connack = {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
                                 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f};
  const std::set<int> puback = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99};
  const std::set<int> pubrel = {0x00, 0x92};
  const std::set<int> suback = {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2};
  const std::set<int> unsuback = {0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91};
  const std::set<int> from_client = {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90,
                                     0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99};
  const std::set<int> from_server = {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d,
                                     0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
                                     0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2};
  for (const Sender sender : {Sender::kClient, Sender::kServer}) {
    EXPECT_EQ(legal(PacketType::kConnack, sender), connack);
    EXPECT_EQ(legal(PacketType::kPuback, sender), puback);
    EXPECT_EQ(legal(PacketType::kPubrec, sender), puback);
    EXPECT_EQ(legal(PacketType::kPubrel, sender), pubrel);
    EXPECT_EQ(legal(PacketType::kPubcomp, sender), pubrel);
    EXPECT_EQ(legal(PacketType::kSuback, sender), suback);
    EXPECT_EQ(legal(PacketType::kUnsuback, sender), unsuback);
    for (const PacketType type : {PacketType::kConnect, PacketType::kPublish, PacketType::kSubscribe,
                                  PacketType::kUnsubscribe, PacketType::kPingreq, PacketType::kPingresp}) {
      EXPECT_TRUE(legal(type, sender).empty()) << to_string(type);
    }
  }
  EXPECT_EQ(legal(PacketType::kDisconnect, Sender::kClient), from_client);
  EXPECT_EQ(legal(PacketType::kDisconnect, Sender::kServer), from_server);
  EXPECT_EQ(legal(PacketType::kAuth, Sender::kClient), (std::set<int>{0x18, 0x19}));
  EXPECT_EQ(legal(PacketType::kAuth, Sender::kServer), (std::set<int>{0x00, 0x18}));
}

TEST(reason_code, has_a_name_of_its_own_for_each_of_the_43_values) {
  std::set<std::string> names;
  for (int value = 0; value < 256; ++value) {
    const std::string name = to_string(static_cast<ReasonCode>(value));
    if (name != "unknown") names.insert(name);
  }
  EXPECT_EQ(names.size(), 43u);
  EXPECT_STREQ(to_string(ReasonCode::kTopicAliasInvalid), "topic alias invalid");
  EXPECT_STREQ(to_string(static_cast<ReasonCode>(0x03)), "unknown");
  EXPECT_STREQ(to_string(static_cast<ReasonCode>(0xff)), "unknown");
}

TEST(reason_code, is_a_failure_from_0x80_on) {
  EXPECT_FALSE(is_failure(ReasonCode::kReauthenticate));
  EXPECT_TRUE(is_failure(ReasonCode::kUnspecifiedError));
  EXPECT_TRUE(is_failure(ReasonCode::kWildcardSubscriptionsNotSupported));
}

TEST(reason_code, has_a_return_code_of_3_1_1_that_comes_back_as_the_same) {
  for (uint8_t value = 0; value < 6; ++value) {
    EXPECT_EQ(connack_return_code(from_connack_return_code(value)), value);
  }
  EXPECT_EQ(connack_return_code(ReasonCode::kUnsupportedProtocolVersion), 1);
  EXPECT_EQ(connack_return_code(ReasonCode::kClientIdNotValid), 2);
  EXPECT_EQ(connack_return_code(ReasonCode::kServerUnavailable), 3);
  EXPECT_EQ(connack_return_code(ReasonCode::kBadUserNameOrPassword), 4);
  EXPECT_EQ(connack_return_code(ReasonCode::kNotAuthorized), 5);
  EXPECT_EQ(connack_return_code(ReasonCode::kBanned), 5);
  EXPECT_EQ(connack_return_code(ReasonCode::kQuotaExceeded), 3);
  EXPECT_EQ(from_connack_return_code(6), ReasonCode::kUnspecifiedError);
}

TEST(protocol_error, of_every_reason_can_be_said_in_disconnect_or_connack_of_5_0) {
  std::set<std::string> labels;
  for (size_t i = 0; i < kProtocolErrorReasonCount; ++i) {
    const auto reason = static_cast<ProtocolErrorReason>(i);
    const ReasonCode code = reason_code(reason);
    EXPECT_TRUE(is_failure(code)) << to_string(reason);
    EXPECT_TRUE(may_carry(PacketType::kDisconnect, code, Sender::kServer) || may_carry(PacketType::kConnack, code))
        << to_string(reason);
    labels.insert(to_string(reason));
  }
  EXPECT_EQ(labels.size(), kProtocolErrorReasonCount);
  EXPECT_FALSE(labels.contains("unknown"));
}

TEST(protocol_error, is_answered_with_the_code_that_the_standard_names) {
  using Reason = ProtocolErrorReason;
  EXPECT_EQ(reason_code(Reason::kTruncatedField), ReasonCode::kMalformedPacket);
  EXPECT_EQ(reason_code(Reason::kReservedFlags), ReasonCode::kMalformedPacket);
  EXPECT_EQ(reason_code(Reason::kUnknownProperty), ReasonCode::kMalformedPacket);
  EXPECT_EQ(reason_code(Reason::kRepeatedProperty), ReasonCode::kProtocolError);
  EXPECT_EQ(reason_code(Reason::kPropertyValue), ReasonCode::kProtocolError);
  EXPECT_EQ(reason_code(Reason::kUnexpectedPacket), ReasonCode::kProtocolError);
  EXPECT_EQ(reason_code(Reason::kNoTopicFilter), ReasonCode::kProtocolError);
  EXPECT_EQ(reason_code(Reason::kPacketTooLarge), ReasonCode::kPacketTooLarge);
  EXPECT_EQ(reason_code(Reason::kTopicAlias), ReasonCode::kTopicAliasInvalid);
  EXPECT_EQ(reason_code(Reason::kInvalidTopicName), ReasonCode::kTopicNameInvalid);
  EXPECT_EQ(reason_code(Reason::kInvalidTopicFilter), ReasonCode::kTopicFilterInvalid);
  EXPECT_EQ(reason_code(Reason::kPayloadFormat), ReasonCode::kPayloadFormatInvalid);
  EXPECT_EQ(reason_code(Reason::kProtocolLevel), ReasonCode::kUnsupportedProtocolVersion);
  EXPECT_EQ(reason_code(Reason::kClientId), ReasonCode::kClientIdNotValid);
}

TEST(protocol_error, names_the_statement_of_5_0_that_has_the_same_rule) {
  const auto renamed = [](const char* clause) {
    return in_mqtt5({ProtocolErrorReason::kInvalidUtf8, clause, "text"}).clause;
  };
  EXPECT_STREQ(renamed("MQTT-2.3.1-1"), "MQTT5-2.2.1-3");
  EXPECT_STREQ(renamed("MQTT-4.7.1-3"), "MQTT5-4.7.1-2");
  EXPECT_STREQ(renamed("MQTT5-4.7.1-2"), "MQTT5-4.7.1-2");
  EXPECT_STREQ(renamed(""), "");
}

}  // namespace
}  // namespace penstock::protocol
