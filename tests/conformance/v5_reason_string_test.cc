// Reason strings of MQTT 5.0, chapters 3.2.2.3.9, 3.4.2.2.2, 3.9.2.1.2, 3.14.2.2.3 and their like: what a reason code
// leaves open is said, to those who want to know, and where there is room for it.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

BROKER_SUITE_V5(V5ReasonString);

const std::string kTooLarge(70'000, 'x');  // for --max-payload, not for a packet

std::string deep(const std::string& topic) {
  std::string name = topic;
  for (int level = 0; level < 128; ++level) name += "/l";
  return name;
}

TEST_P(V5ReasonString, of_puback_and_pubrec_tells_what_the_code_does_not) {
  TestClient client = this->client("a");
  for (const uint8_t qos : {1, 2}) {
    client.send(publish_packet(topic("x"), kTooLarge, {.qos = qos, .packet_id = 7}));
    const Packet refused = client.expect(qos == 1 ? Type::kPuback : Type::kPubrec, 7);
    EXPECT_EQ(refused.reason_code, reason::kQuotaExceeded);
    EXPECT_EQ(refused.text(kReasonString), "the payload is larger than the server takes");
  }
  client.send(publish_packet(topic("x"), "\xff", {.qos = 1, .packet_id = 8, .properties = {{kPayloadFormat, 1}}}));
  EXPECT_EQ(client.expect(Type::kPuback, 8).text(kReasonString), "the payload is called UTF-8 and is not");
}

TEST_P(V5ReasonString, is_kept_from_those_who_do_not_want_to_know) {
  TestClient client = this->client(ConnectOptions{.client_id = id("a"), .properties = {{kRequestProblem, 0}}});
  client.send(publish_packet(topic("x"), kTooLarge, {.qos = 1, .packet_id = 7}));
  const Packet refused = client.expect(Type::kPuback, 7);
  EXPECT_EQ(refused.reason_code, reason::kQuotaExceeded);
  EXPECT_FALSE(refused.has(kReasonString));  // [MQTT5-3.1.2-29]
  client.send(subscribe_packet(8, {{deep(topic("x")), 0}}));
  EXPECT_FALSE(client.expect(Type::kSuback, 8).has(kReasonString));
}

TEST_P(V5ReasonString, is_left_out_where_the_packet_would_become_too_large) {
  const auto connack_bytes = static_cast<uint32_t>(this->client("a").connack().bytes);
  const auto small = [&] {
    return client(ConnectOptions{.client_id = id("a"), .properties = {{kMaximumPacketSize, connack_bytes}}});
  };
  TestClient client = small();
  client.send(publish_packet(topic("x"), kTooLarge, {.qos = 1, .packet_id = 7}));
  const Packet refused = client.expect(Type::kPuback, 7);
  EXPECT_EQ(refused.reason_code, reason::kQuotaExceeded);
  EXPECT_FALSE(refused.has(kReasonString));  // [MQTT5-3.4.2-2]
  client.send(subscribe_packet(8, {{deep(topic("x")), 0}}));
  EXPECT_FALSE(client.expect(Type::kSuback, 8).has(kReasonString));  // [MQTT5-3.9.2-1]
  client.send(publish_packet("", "m"));
  EXPECT_FALSE(client.expect_disconnect(reason::kProtocolError).has(kReasonString));  // [MQTT5-3.14.2-3]
}

TEST_P(V5ReasonString, of_suback_tells_why_a_filter_is_refused) {
  TestClient client = this->client("a");
  client.send(subscribe_packet(7, {{topic("x"), 1}, {deep(topic("y")), 1}}));
  const Packet suback = client.expect(Type::kSuback, 7);
  EXPECT_EQ(suback.codes, (std::string{char(1), char(reason::kTopicFilterInvalid)}));
  EXPECT_NE(suback.text(kReasonString).find("128 levels"), std::string::npos);
  client.send(subscribe_packet(8, {{topic("x"), 1}}));
  EXPECT_FALSE(client.expect(Type::kSuback, 8).has(kReasonString));
}

TEST_P(V5ReasonString, of_connack_tells_why_there_is_no_connection) {
  TestClient refused = silent();
  const Packet connack =
      refused.connect({.client_id = id("a"), .will = Will{deep(topic("w")), "m"}, .protocol_level = kLevel5});
  EXPECT_TRUE(connack.reason_code >= 0x80);
  EXPECT_EQ(connack.text(kReasonString), "the topic of the will has more than 128 levels");
  refused.expect_closed();
}

TEST_P(V5ReasonString, of_disconnect_tells_what_was_wrong) {
  TestClient client = this->client("a");
  client.send(publish_packet("", "m", {.properties = {{kTopicAlias, 3}}}));
  EXPECT_EQ(client.expect_disconnect(reason::kProtocolError).text(kReasonString),
            "a topic alias that stands for no topic yet");
}

}  // namespace
}  // namespace penstock::test
