// Packets that break the standard, of clients of 3.1.1: a table of bytes with the clause each one breaks. For all of
// them the broker closes the connection [MQTT-4.8.0-1], answers nothing, and goes on serving others. Those of 5.0 are
// in v5_malformed_test.cc.
#include <gtest/gtest.h>

#include <tuple>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

struct Malformed {
  const char* name;
  const char* clause;
  bool after_connect;  // sent on an accepted connection, else as the first bytes
  const char* hex;
};

std::ostream& operator<<(std::ostream& out, const Malformed& malformed) {
  return out << malformed.hex << " [" << malformed.clause << "]";
}

// CONNECT bodies start with 00 04 4d 51 54 54 04 (MQTT, level 4), flags, keepalive.
constexpr Malformed kTable[] = {
    // Fixed header.
    {"type_0", "2.2.1", true, "00 00"},
    {"type_15", "2.2.1", true, "f0 00"},
    {"type_0_first", "MQTT-3.1.0-1", false, "00 00"},
    {"remaining_length_of_5_bytes", "2.2.3", true, "30 ff ff ff ff 01"},
    {"remaining_length_of_5_bytes_first", "2.2.3", false, "10 80 80 80 80 01"},
    {"remaining_length_never_ends", "2.2.3", true, "30 80 80 80 80"},
    {"packet_above_the_limit", "--max-payload", true, "30 ff ff ff 7f"},
    {"connect_above_the_limit", "--max-payload", false, "10 ff ff ff 7f"},
    // Packets that only a server sends.
    {"connack_from_client", "2.2.1", true, "20 02 00 00"},
    {"suback_from_client", "2.2.1", true, "90 03 00 01 00"},
    {"unsuback_from_client", "2.2.1", true, "b0 02 00 01"},
    {"pingresp_from_client", "2.2.1", true, "d0 00"},
    // Flags of the fixed header.
    {"connect_flags", "MQTT-2.2.2-2", false, "11 0d 00 04 4d 51 54 54 04 02 00 00 00 01 61"},
    {"puback_flags", "MQTT-2.2.2-2", true, "41 02 00 01"},
    {"pubrec_flags", "MQTT-2.2.2-2", true, "52 02 00 01"},
    {"pubrel_flags_0", "MQTT-3.6.1-1", true, "60 02 00 01"},
    {"pubrel_flags_3", "MQTT-3.6.1-1", true, "63 02 00 01"},
    {"pubrel_flags_10", "MQTT-3.6.1-1", true, "6a 02 00 01"},
    {"pubcomp_flags", "MQTT-2.2.2-2", true, "78 02 00 01"},
    {"subscribe_flags_0", "MQTT-3.8.1-1", true, "80 06 00 01 00 01 61 00"},
    {"subscribe_flags_3", "MQTT-3.8.1-1", true, "83 06 00 01 00 01 61 00"},
    {"unsubscribe_flags_0", "MQTT-3.10.1-1", true, "a0 05 00 01 00 01 61"},
    {"unsubscribe_flags_6", "MQTT-3.10.1-1", true, "a6 05 00 01 00 01 61"},
    {"pingreq_flags", "MQTT-2.2.2-2", true, "c1 00"},
    {"disconnect_flags", "MQTT-3.14.1-1", true, "e1 00"},
    // Bodies of the wrong size.
    {"puback_empty", "3.4", true, "40 00"},
    {"puback_short", "3.4", true, "40 01 00"},
    {"puback_long", "3.4", true, "40 03 00 01 00"},
    {"pubrec_short", "3.5", true, "50 01 00"},
    {"pubrel_short", "3.6", true, "62 01 00"},
    {"pubrel_long", "3.6", true, "62 03 00 01 00"},
    {"pubcomp_long", "3.7", true, "70 04 00 01 00 00"},
    {"pingreq_with_body", "3.12", true, "c0 01 00"},
    {"disconnect_with_body", "3.14", true, "e0 01 00"},
    // Packet ids.
    {"publish_qos_1_id_0", "MQTT-2.3.1-1", true, "32 06 00 01 61 00 00 78"},
    {"publish_qos_2_id_0", "MQTT-2.3.1-1", true, "34 06 00 01 61 00 00 78"},
    {"subscribe_id_0", "MQTT-2.3.1-1", true, "82 06 00 00 00 01 61 00"},
    {"unsubscribe_id_0", "MQTT-2.3.1-1", true, "a2 05 00 00 00 01 61"},
    {"puback_id_0", "MQTT-2.3.1-1", true, "40 02 00 00"},
    {"pubrel_id_0", "MQTT-2.3.1-1", true, "62 02 00 00"},
    // PUBLISH.
    {"publish_qos_3", "MQTT-3.3.1-4", true, "36 06 00 01 61 00 01 78"},
    {"publish_qos_0_dup", "MQTT-3.3.1-2", true, "38 04 00 01 61 78"},
    {"publish_empty_topic", "MQTT-4.7.3-1", true, "30 03 00 00 78"},
    {"publish_topic_plus", "MQTT-3.3.2-2", true, "30 03 00 01 2b"},
    {"publish_topic_hash", "MQTT-4.7.1-1", true, "30 05 00 03 61 2f 23"},
    {"publish_topic_wildcard_inside", "MQTT-3.3.2-2", true, "30 05 00 03 61 2b 62"},
    {"publish_topic_nul", "MQTT-4.7.3-2", true, "30 05 00 03 61 00 62"},
    {"publish_topic_surrogate", "MQTT-1.5.3-1", true, "30 05 00 03 ed a0 80"},
    {"publish_topic_last_surrogate", "MQTT-1.5.3-1", true, "30 05 00 03 ed bf bf"},
    {"publish_topic_overlong", "MQTT-1.5.3-1", true, "30 04 00 02 c0 af"},
    {"publish_topic_overlong_nul", "MQTT-1.5.3-2", true, "30 04 00 02 c0 80"},
    {"publish_topic_overlong_3", "MQTT-1.5.3-1", true, "30 05 00 03 e0 80 af"},
    {"publish_topic_beyond_unicode", "MQTT-1.5.3-1", true, "30 06 00 04 f4 90 80 80"},
    {"publish_topic_lone_continuation", "MQTT-1.5.3-1", true, "30 03 00 01 80"},
    {"publish_topic_cut_sequence", "MQTT-1.5.3-1", true, "30 04 00 02 61 c3"},
    {"publish_topic_ff", "MQTT-1.5.3-1", true, "30 03 00 01 ff"},
    {"publish_topic_past_the_end", "MQTT-3.3.2-1", true, "30 04 00 05 61 62"},
    {"publish_without_topic", "MQTT-3.3.2-1", true, "30 00"},
    {"publish_half_a_length", "MQTT-3.3.2-1", true, "30 01 00"},
    {"publish_qos_1_without_id", "MQTT-2.3.1-1", true, "32 03 00 01 61"},
    {"publish_qos_1_half_an_id", "MQTT-2.3.1-1", true, "32 04 00 01 61 00"},
    // SUBSCRIBE.
    {"subscribe_without_filter", "MQTT-3.8.3-3", true, "82 02 00 01"},
    {"subscribe_qos_3", "MQTT-3.8.3-4", true, "82 06 00 01 00 01 61 03"},
    {"subscribe_reserved_bits", "MQTT-3.8.3-4", true, "82 06 00 01 00 01 61 04"},
    {"subscribe_reserved_high_bit", "MQTT-3.8.3-4", true, "82 06 00 01 00 01 61 80"},
    {"subscribe_empty_filter", "MQTT-4.7.3-1", true, "82 05 00 01 00 00 00"},
    {"subscribe_filter_nul", "MQTT-4.7.3-2", true, "82 06 00 01 00 01 00 00"},
    {"subscribe_filter_utf8", "MQTT-3.8.3-1", true, "82 06 00 01 00 01 fe 00"},
    {"subscribe_hash_not_last", "MQTT-4.7.1-2", true, "82 08 00 01 00 03 23 2f 61 00"},
    {"subscribe_hash_behind_text", "MQTT-4.7.1-2", true, "82 07 00 01 00 02 61 23 00"},
    {"subscribe_double_hash", "MQTT-4.7.1-2", true, "82 07 00 01 00 02 23 23 00"},
    {"subscribe_plus_behind_text", "MQTT-4.7.1-3", true, "82 07 00 01 00 02 61 2b 00"},
    {"subscribe_plus_before_text", "MQTT-4.7.1-3", true, "82 07 00 01 00 02 2b 61 00"},
    {"subscribe_without_qos", "MQTT-3.8.3-3", true, "82 05 00 01 00 01 61"},
    {"subscribe_second_filter_cut", "3.8.3", true, "82 09 00 01 00 01 61 00 00 05 62"},
    {"subscribe_without_id", "MQTT-2.3.1-1", true, "82 00"},
    // UNSUBSCRIBE.
    {"unsubscribe_without_filter", "MQTT-3.10.3-2", true, "a2 02 00 01"},
    {"unsubscribe_filter_utf8", "MQTT-3.10.3-1", true, "a2 05 00 01 00 01 c0"},
    {"unsubscribe_filter_past_the_end", "3.10.3", true, "a2 05 00 01 00 02 61"},
    {"unsubscribe_empty_filter", "MQTT-4.7.3-1", true, "a2 04 00 01 00 00"},
    // CONNECT.
    {"connect_empty", "MQTT-3.1.4-1", false, "10 00"},
    {"connect_reserved_flag", "MQTT-3.1.2-3", false, "10 0d 00 04 4d 51 54 54 04 03 00 00 00 01 61"},
    {"connect_will_qos_3", "MQTT-3.1.2-14", false, "10 13 00 04 4d 51 54 54 04 1e 00 00 00 01 61 00 01 77 00 01 78"},
    {"connect_will_qos_without_will", "MQTT-3.1.2-13", false, "10 0d 00 04 4d 51 54 54 04 0a 00 00 00 01 61"},
    {"connect_will_retain_without_will", "MQTT-3.1.2-15", false, "10 0d 00 04 4d 51 54 54 04 22 00 00 00 01 61"},
    {"connect_password_without_name", "MQTT-3.1.2-22", false, "10 10 00 04 4d 51 54 54 04 42 00 00 00 01 61 00 01 70"},
    {"connect_client_id_utf8", "MQTT-3.1.3-4", false, "10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 ff"},
    {"connect_client_id_nul", "MQTT-1.5.3-2", false, "10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 00"},
    {"connect_will_topic_utf8", "MQTT-3.1.3-10", false,
     "10 13 00 04 4d 51 54 54 04 06 00 00 00 01 61 00 01 ff 00 01 78"},
    {"connect_will_topic_wildcard", "MQTT-4.7.1-1", false,
     "10 13 00 04 4d 51 54 54 04 06 00 00 00 01 61 00 01 23 00 01 78"},
    {"connect_will_topic_empty", "MQTT-4.7.3-1", false, "10 12 00 04 4d 51 54 54 04 06 00 00 00 01 61 00 00 00 01 78"},
    {"connect_name_utf8", "MQTT-3.1.3-11", false, "10 10 00 04 4d 51 54 54 04 82 00 00 00 01 61 00 01 80"},
    {"connect_without_client_id", "MQTT-3.1.3-3", false, "10 0a 00 04 4d 51 54 54 04 02 00 00"},
    {"connect_client_id_past_the_end", "MQTT-3.1.3-3", false, "10 0d 00 04 4d 51 54 54 04 02 00 00 00 05 61"},
    {"connect_will_missing", "MQTT-3.1.2-9", false, "10 0d 00 04 4d 51 54 54 04 06 00 00 00 01 61"},
    {"connect_will_message_missing", "MQTT-3.1.2-9", false, "10 10 00 04 4d 51 54 54 04 06 00 00 00 01 61 00 01 77"},
    {"connect_name_missing", "MQTT-3.1.2-19", false, "10 0d 00 04 4d 51 54 54 04 82 00 00 00 01 61"},
    {"connect_password_missing", "MQTT-3.1.2-21", false, "10 10 00 04 4d 51 54 54 04 c2 00 00 00 01 61 00 01 6e"},
    {"connect_bytes_left_over", "MQTT-3.1.2-18", false, "10 10 00 04 4d 51 54 54 04 02 00 00 00 01 61 00 01 78"},
    {"connect_without_flags", "MQTT-3.1.4-1", false, "10 07 00 04 4d 51 54 54 04"},
    {"connect_without_keepalive", "MQTT-3.1.4-1", false, "10 09 00 04 4d 51 54 54 04 02 00"},
    {"connect_protocol_name_past_the_end", "MQTT-3.1.2-1", false, "10 04 00 ff 4d 51"},
    {"not_mqtt_at_all", "MQTT-3.1.0-1", false, "47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a 0d 0a"},
};

class MalformedPacket : public BrokerSuiteBase, public testing::WithParamInterface<std::tuple<int, Malformed>> {
 protected:
  int shards() const override { return std::get<0>(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(, MalformedPacket, testing::Combine(testing::Values(1, 2, 8), testing::ValuesIn(kTable)),
                         [](const auto& parameter) {
                           return "shards_" + std::to_string(std::get<0>(parameter.param)) + "_" +
                                  std::get<1>(parameter.param).name;
                         });

TEST_P(MalformedPacket, closes_the_connection) {
  const Malformed& malformed = std::get<1>(GetParam());
  SCOPED_TRACE(std::string("[") + malformed.clause + "]");
  TestClient bystander = client("b");
  TestClient wrong = silent();
  if (malformed.after_connect) {
    EXPECT_EQ(wrong.connect({.client_id = id("w")}).return_code, 0);
  }
  wrong.send(from_hex(malformed.hex));
  wrong.expect_closed();
  bystander.expect_quiet();
}

BROKER_SUITE(Truncated);

TEST_P(Truncated, connect_is_malformed_at_every_shorter_length) {
  const ConnectOptions options{
      .client_id = id("a"), .will = Will{topic("w"), "will", 1, true}, .user_name = "name", .password = "password"};
  const std::string body = connect_packet(options).substr(2);
  ASSERT_LT(body.size(), 128u);
  for (size_t size = 0; size < body.size(); ++size) {
    TestClient client = silent();
    client.send(framed(0x10, body.substr(0, size)));
    client.expect_closed();  // [MQTT-3.1.4-1]
    ASSERT_FALSE(client.broken()) << "a CONNECT of " << size << " bytes";
  }
}

TEST_P(Truncated, subscribe_is_malformed_at_every_shorter_length_that_cuts_a_filter) {
  const std::string one = subscribe_packet(1, {{"abc/+", 1}}).substr(2);
  const std::string two = subscribe_packet(1, {{"abc/+", 1}, {"de", 2}}).substr(2);
  for (size_t size = 0; size < two.size(); ++size) {
    if (size == one.size()) continue;
    TestClient client = this->client("a");
    client.send(framed(0x82, two.substr(0, size)));
    client.expect_closed();
    ASSERT_FALSE(client.broken()) << "a SUBSCRIBE of " << size << " bytes";
  }
}

TEST_P(Truncated, packet_at_the_end_of_the_stream_is_not_processed) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("#"), 0);
  TestClient client = this->client("a");
  const std::string whole = publish_packet(topic("x"), "must not");
  client.send(whole.substr(0, whole.size() - 1));
  client.drop();
  watcher.publish(topic("fence"), "f");
  watcher.expect_message(topic("fence"), "f");
}

TEST_P(Truncated, valid_packets_before_a_malformed_one_are_processed) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("#"), 1);
  TestClient client = this->client("a");
  client.send(publish_packet(topic("x"), "good", {.qos = 1, .packet_id = 1}) + from_hex("f0 00") +
              publish_packet(topic("x"), "must not", {.qos = 1, .packet_id = 2}));
  client.drain_until_closed();
  watcher.expect_message(topic("x"), "good");
  watcher.publish(topic("fence"), "f", 1);
  watcher.expect_message(topic("fence"), "f");
}

}  // namespace
}  // namespace penstock::test
