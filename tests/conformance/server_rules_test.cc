// The test client itself: what it takes for MQTT 5.0, and that it sees a server which breaks the rules. Without this a
// rule that never fires would look like a broker that keeps it.
#include <gtest/gtest.h>

#include "tests/support/server_rules.h"

namespace penstock::test {
namespace {

using enum PropertyId;

struct Breach {
  const char* name;
  Properties of_connect;  // what the client asked for
  const char* packets;    // in hex; the last one is not allowed
};

// Begins with CONNACK 0x00 where the breach is not about that.
const Breach kBreaches[] = {
    {"second_connack", {}, "20 03 00 00 00  20 03 00 00 00"},
    {"publish_before_connack", {}, "30 04 00 01 61 00"},
    {"disconnect_before_connack", {}, "e0 01 81"},
    {"packet_behind_a_refusal", {}, "20 03 00 87 00  d0 00"},
    {"packet_behind_disconnect", {}, "20 03 00 00 00  e0 01 8b  d0 00"},
    {"session_behind_clean_start", {}, "20 03 01 00 00"},
    {"session_behind_a_refusal", {}, "20 03 01 87 00"},
    {"connack_reason_of_another_packet", {}, "20 03 00 8e 00"},
    {"assigned_id_for_a_client_with_one", {}, "20 07 00 00 04 12 00 01 61"},
    {"response_information_unasked", {}, "20 07 00 00 04 1a 00 01 61"},
    {"auth_method_unasked", {}, "20 07 00 00 04 15 00 01 61"},
    {"auth_unasked", {}, "20 03 00 00 00  f0 07 18 05 15 00 02 61 62"},
    {"another_auth_method", {{kAuthMethod, "b"}}, "20 07 00 00 04 15 00 01 61"},
    {"receive_maximum_0", {}, "20 06 00 00 03 21 00 00"},
    {"maximum_qos_2", {}, "20 05 00 00 02 24 02"},
    {"property_of_publish_in_connack", {}, "20 05 00 00 02 01 01"},
    {"property_twice", {}, "20 09 00 00 06 22 00 01 22 00 01"},
    {"text_that_is_none", {}, "20 07 00 00 04 1f 00 01 ff"},
    {"too_large", {{kMaximumPacketSize, 10}}, "20 03 00 00 00  30 09 00 01 61 00 78 78 78 78 78"},
    {"alias_not_allowed", {}, "20 03 00 00 00  30 07 00 01 61 03 23 00 01"},
    {"alias_above_the_maximum", {{kTopicAliasMaximum, 2}}, "20 03 00 00 00  30 07 00 01 61 03 23 00 03"},
    {"alias_of_0", {{kTopicAliasMaximum, 2}}, "20 03 00 00 00  30 07 00 01 61 03 23 00 00"},
    {"alias_never_set", {{kTopicAliasMaximum, 2}}, "20 03 00 00 00  30 06 00 00 03 23 00 02"},
    {"no_topic", {}, "20 03 00 00 00  30 03 00 00 00"},
    {"wildcard", {}, "20 03 00 00 00  30 04 00 01 23 00"},
    {"dup_at_qos_0", {}, "20 03 00 00 00  38 04 00 01 61 00"},
    {"subscription_id_0", {}, "20 03 00 00 00  30 06 00 01 61 02 0b 00"},
    {"explains_unasked", {{kRequestProblem, 0}}, "20 03 00 00 00  40 08 00 01 00 04 1f 00 01 61"},
    {"puback_reason_of_another_packet", {}, "20 03 00 00 00  40 03 00 01 92"},
    {"suback_reason_of_another_packet", {}, "20 03 00 00 00  90 04 00 01 00 11"},
    {"disconnect_reason_of_a_client", {}, "20 03 00 00 00  e0 01 04"},
    {"disconnect_with_session_expiry", {}, "20 03 00 00 00  e0 07 8b 05 11 00 00 00 01"},
};

// The breach of each packet, "" for none; "bytes" where they are no packet.
std::vector<std::string> judge_all(const Properties& of_connect, const char* hex) {
  ConnectionRules rules(ConnectOptions{.client_id = "a", .properties = of_connect});
  const std::string bytes = from_hex(hex);
  std::vector<std::string> breaches;
  Packet packet;
  for (size_t at = 0; at < bytes.size();) {
    if (take_packet(bytes, at, packet, kLevel5) != Take::kPacket) return {"bytes"};
    breaches.push_back(rules.judge(packet));
  }
  return breaches;
}

TEST(ServerRules, sees_every_breach_at_the_packet_that_commits_it) {
  for (const Breach& breach : kBreaches) {
    const std::vector<std::string> breaches = judge_all(breach.of_connect, breach.packets);
    for (size_t i = 0; i + 1 < breaches.size(); ++i) EXPECT_EQ(breaches[i], "") << breach.name;
    EXPECT_NE(breaches.back(), "") << breach.name;
    EXPECT_NE(breaches.back(), "bytes") << breach.name;
  }
}

TEST(ServerRules, lets_pass_what_is_allowed) {
  const char* all =
      "20 10 00 00 0d 21 00 05 22 00 02 27 00 00 ff ff 25 01  30 07 00 01 61 03 23 00 02"
      "30 06 00 00 03 23 00 02  32 0a 00 01 62 00 07 04 0b 01 0b 02  40 08 00 01 00 04 1f 00 01 61"
      "90 05 00 01 00 00 8f  b0 05 00 01 00 00 11  d0 00  e0 01 8b";
  for (const std::string& breach : judge_all({{kTopicAliasMaximum, 2}}, all)) EXPECT_EQ(breach, "");
}

TEST(Wire, refuses_bytes_that_are_no_packet_of_5_0) {
  for (const char* hex :
       {"20 02 00 00", "20 04 00 00 00 00", "20 83 00 00 00 00", "30 04 00 01 61 01", "30 03 00 01 61",
        "32 06 00 01 61 00 00 00", "36 06 00 01 61 00 01 00", "40 05 00 01 00 00 00", "40 01 00", "42 02 00 01",
        "90 03 00 01 00", "b0 02 00 01", "e0 03 00 01 1f", "f1 00", "10 00", "c0 00", "30 06 00 01 61 02 7f 00",
        "30 07 00 01 61 03 0b 81 00", "80 00"}) {
    Packet packet;
    size_t at = 0;
    EXPECT_EQ(take_packet(from_hex(hex), at, packet, kLevel5), Take::kBroken) << hex;
  }
}

TEST(Wire, gives_back_every_kind_of_property) {
  const Properties properties = {
      {kPayloadFormat, 1},          {kMessageExpiry, 0x01020304},         {kTopicAlias, 0x0506},   {kContentType, "t"},
      {kSubscriptionId, 268435455}, {kCorrelation, std::string("\0", 1)}, {kUserProperty, "", "b"}};
  const std::string bytes = encode_properties(properties);
  EXPECT_EQ(to_hex(bytes), "1d 01 01 02 01 02 03 04 23 05 06 03 00 01 74 0b ff ff ff 7f 09 00 01 00 26 00 00 00 01 62");
  size_t at = 0;
  EXPECT_EQ(take_properties(bytes, at), properties);
  EXPECT_EQ(at, bytes.size());
  for (size_t size = 0; size < bytes.size(); ++size) {
    at = 0;
    EXPECT_EQ(take_properties(bytes.substr(0, size), at), std::nullopt) << size;
  }
}

TEST(Wire, builds_the_packets_of_5_0) {
  const ConnectOptions connect{.client_id = "c",
                               .clean_session = false,
                               .keepalive_s = 10,
                               .will = Will{"w", "m", 1, true, {{kWillDelay, 5}}},
                               .password = "p",
                               .protocol_level = kLevel5};
  EXPECT_EQ(
      to_hex(connect_packet(connect)),
      "10 22 00 04 4d 51 54 54 05 6c 00 0a 05 11 ff ff ff ff 00 01 63 05 18 00 00 00 05 00 01 77 00 01 6d 00 01 70");
  EXPECT_EQ(to_hex(publish_packet("a", "x", {.qos = 1, .packet_id = 7, .properties = {{kTopicAlias, 3}}}, kLevel5)),
            "32 0a 00 01 61 00 07 03 23 00 03 78");
  EXPECT_EQ(to_hex(subscribe_packet(7, {{"a", 2 | kNoLocal | kRetainNever}}, {{kSubscriptionId, 1}}, kLevel5)),
            "82 09 00 07 02 0b 01 00 01 61 26");
  EXPECT_EQ(to_hex(unsubscribe_packet(7, {"a"}, {}, kLevel5)), "a2 06 00 07 00 00 01 61");
  EXPECT_EQ(to_hex(acknowledge_packet(Type::kPubrel, 7, 0x92)), "62 04 00 07 92 00");
  EXPECT_EQ(to_hex(disconnect_packet(0x04, {{kSessionExpiry, 1}})), "e0 07 04 05 11 00 00 00 01");
  EXPECT_EQ(to_hex(auth_packet(0x18, {{kAuthMethod, "m"}})), "f0 06 18 04 15 00 01 6d");
}

}  // namespace
}  // namespace penstock::test
