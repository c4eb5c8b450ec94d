#include "protocol/disconnect.h"

#include <gtest/gtest.h>

#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

constexpr auto k311 = ProtocolVersion::kMqtt311;
constexpr auto k5 = ProtocolVersion::kMqtt5;

TEST(disconnect, is_empty_before_5_0) {
  EXPECT_TRUE(decode_disconnect(only_packet(wire("e0 00")), k311).has_value());
  EXPECT_EQ(decode_disconnect(only_packet(wire("e0 01 00")), k311).error().reason, ProtocolErrorReason::kTrailingBytes);
}

TEST(disconnect, is_read_with_the_example_of_figure_3_24) {
  const auto disconnect = decode_disconnect(only_packet(wire("e0 07 00 05 11 00000000"), k5), k5);
  ASSERT_TRUE(disconnect.has_value()) << disconnect.error().text;
  EXPECT_EQ(disconnect->reason, ReasonCode::kNormalDisconnection);
  EXPECT_EQ(disconnect->session_expiry_s, 0u);
}

TEST(disconnect, comes_in_three_lengths) {
  const auto shortest = decode_disconnect(only_packet(wire("e0 00"), k5), k5);
  ASSERT_TRUE(shortest.has_value());
  EXPECT_EQ(shortest->reason, ReasonCode::kNormalDisconnection);
  EXPECT_FALSE(shortest->session_expiry_s.has_value());
  const auto reason = decode_disconnect(only_packet(wire("e0 01 04"), k5), k5);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->reason, ReasonCode::kDisconnectWithWill);
  const ByteVector bytes = wire("e0 14 9d 12 1f 0003 'why' 1c 0002 'me' 26 0001 'k' 0001 'v'");
  const auto full = decode_disconnect(only_packet(bytes, k5), k5, Sender::kServer);
  ASSERT_TRUE(full.has_value()) << full.error().text;
  EXPECT_EQ(full->reason, ReasonCode::kServerMoved);
  EXPECT_EQ(full->reason_string, "why");
  EXPECT_EQ(full->server_reference, "me");
  EXPECT_EQ(full->user_properties.size(), 7u);
}

TEST(disconnect, refuses_what_its_sender_may_not_say) {
  const auto clause = [](const char* spelling, Sender sender) {
    return decode_disconnect(only_packet(wire(spelling), k5), k5, sender).error().clause;
  };
  EXPECT_STREQ(clause("e0 01 8e", Sender::kClient), "MQTT5-3.14.2-1");
  EXPECT_STREQ(clause("e0 01 04", Sender::kServer), "MQTT5-3.14.2-1");
  EXPECT_STREQ(clause("e0 01 ff", Sender::kClient), "MQTT5-3.14.2-1");
  EXPECT_STREQ(clause("e0 07 00 05 11 00000000", Sender::kServer), "MQTT5-3.14.2-2");
  EXPECT_STREQ(clause("e0 03 00 01 01", Sender::kClient), "");
  EXPECT_STREQ(clause("e0 03 00 00 00", Sender::kClient), "");
  EXPECT_STREQ(clause("e0 02 00 01", Sender::kClient), "");
}

TEST(auth, is_a_reason_a_method_and_data) {
  const ByteVector bytes = wire("f0 1f 18 1d 15 000b 'SCRAM-SHA-1' 16 0006 'r=abcd' 1f 0003 'why'");
  for (const Sender sender : {Sender::kClient, Sender::kServer}) {
    const auto auth = decode_auth(only_packet(bytes, k5), sender);
    ASSERT_TRUE(auth.has_value()) << auth.error().text;
    EXPECT_EQ(auth->reason, ReasonCode::kContinueAuthentication);
    EXPECT_EQ(auth->method, "SCRAM-SHA-1");
    EXPECT_EQ(core::as_text(auth->data.value()), "r=abcd");
    EXPECT_EQ(auth->reason_string, "why");
  }
}

TEST(auth, that_is_empty_is_a_servers_success) {
  const auto auth = decode_auth(only_packet(wire("f0 00"), k5), Sender::kServer);
  ASSERT_TRUE(auth.has_value());
  EXPECT_EQ(auth->reason, ReasonCode::kSuccess);
  EXPECT_STREQ(decode_auth(only_packet(wire("f0 00"), k5), Sender::kClient).error().clause, "MQTT5-3.15.2-1");
}

TEST(auth, refuses_what_the_standard_forbids) {
  using Reason = ProtocolErrorReason;
  const auto reason = [](const char* spelling, Sender sender) {
    return decode_auth(only_packet(wire(spelling), k5), sender).error().reason;
  };
  EXPECT_EQ(reason("f0 06 00 04 15 0001 'm'", Sender::kClient), Reason::kReturnCode);
  EXPECT_EQ(reason("f0 06 19 04 15 0001 'm'", Sender::kServer), Reason::kReturnCode);
  EXPECT_EQ(reason("f0 01 18", Sender::kClient), Reason::kMissingProperty);
  EXPECT_EQ(reason("f0 02 18 00", Sender::kClient), Reason::kMissingProperty);
  EXPECT_EQ(reason("f0 05 18 03 16 0000", Sender::kClient), Reason::kMissingProperty);
  EXPECT_EQ(reason("f0 07 18 04 15 0001 'm' 00", Sender::kClient), Reason::kTrailingBytes);
  EXPECT_EQ(reason("f0 0a 18 08 15 0001 'm' 15 0001 'm'", Sender::kClient), Reason::kRepeatedProperty);
}

}  // namespace
}  // namespace penstock::protocol
