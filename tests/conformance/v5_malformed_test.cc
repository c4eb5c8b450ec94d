// Packets that break MQTT 5.0: a table of bytes with the clause each one breaks and the reasons that the server may
// give. For all of them it closes the connection [MQTT5-4.13.1-1]: behind CONNACK with a DISCONNECT that says why,
// before it with a CONNACK that says why or without a word. Others are served on.
#include <gtest/gtest.h>

#include <deque>
#include <tuple>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

struct Malformed {
  const char* name;
  const char* clause;
  const char* reasons;  // in hex
  // First byte, bar, what follows the remaining length; without a bar all bytes as they are.
  const char* bytes;
};

std::ostream& operator<<(std::ostream& out, const Malformed& malformed) {
  return out << malformed.bytes << " [" << malformed.clause << "]";
}

std::string bytes_of(const Malformed& malformed) {
  const std::string_view text = malformed.bytes;
  const size_t bar = text.find('|');
  if (bar == std::string_view::npos) return from_hex(text);
  return framed(static_cast<uint8_t>(from_hex(text.substr(0, bar))[0]), from_hex(text.substr(bar + 1)));
}

// Where the standard names the reason it alone is here; else it leaves open which of these two it is.
constexpr const char* kMalformed = "81";
constexpr const char* kProtocol = "82";
constexpr const char* kEither = "81 82";
constexpr const char* kTopic = "81 82 90";   // or that the topic name is invalid
constexpr const char* kFilter = "81 82 8f";  // or the filter

// Behind a CONNECT that was accepted.
constexpr Malformed kTable[] = {
    // Fixed header.
    {"type_0", "2.1.2", kEither, "00 | "},
    {"remaining_length_of_5_bytes", "2.1.4", kMalformed, "30 ff ff ff ff 01"},
    {"remaining_length_never_ends", "2.1.4", kMalformed, "30 80 80 80 80"},
    {"remaining_length_longer_than_need_be", "MQTT5-1.5.5-1", kMalformed, "c0 80 00"},
    {"packet_above_the_limit", "MQTT5-3.2.2-15", "95", "30 ff ff ff 7f"},
    {"connack_from_client", "2.1.2", kEither, "20 | 00 00 00"},
    {"suback_from_client", "2.1.2", kEither, "90 | 00 01 00 00"},
    {"unsuback_from_client", "2.1.2", kEither, "b0 | 00 01 00 00"},
    {"pingresp_from_client", "2.1.2", kEither, "d0 | "},
    {"puback_flags", "MQTT5-2.1.3-1", kMalformed, "41 | 00 01"},
    {"pubrec_flags", "MQTT5-2.1.3-1", kMalformed, "52 | 00 01"},
    {"pubrel_flags_0", "MQTT5-3.6.1-1", kMalformed, "60 | 00 01"},
    {"pubrel_flags_dup", "MQTT5-3.6.1-1", kMalformed, "6a | 00 01"},
    {"pubcomp_flags", "MQTT5-2.1.3-1", kMalformed, "78 | 00 01"},
    {"subscribe_flags_0", "MQTT5-3.8.1-1", kMalformed, "80 | 00 01 00 00 01 61 00"},
    {"subscribe_flags_dup", "MQTT5-3.8.1-1", kMalformed, "8a | 00 01 00 00 01 61 00"},
    {"unsubscribe_flags_0", "MQTT5-3.10.1-1", kMalformed, "a0 | 00 01 00 00 01 61"},
    {"pingreq_flags", "MQTT5-2.1.3-1", kMalformed, "c1 | "},
    {"disconnect_flags", "MQTT5-3.14.1-1", kMalformed, "e1 | "},
    {"auth_flags", "MQTT5-3.15.1-1", kEither, "f1 | "},
    // Bodies that are cut or too long.
    {"puback_empty", "3.4", kMalformed, "40 | "},
    {"puback_half_an_id", "3.4", kMalformed, "40 | 00"},
    {"puback_bytes_left_over", "3.4", kMalformed, "40 | 00 01 00 00 00"},
    {"pubrec_properties_cut", "3.5", kMalformed, "50 | 00 01 00 05 1f"},
    {"pubrel_half_an_id", "3.6", kMalformed, "62 | 00"},
    {"pubcomp_bytes_left_over", "3.7", kMalformed, "70 | 00 01 00 00 00"},
    {"pingreq_with_body", "3.12", kMalformed, "c0 | 00"},
    {"disconnect_bytes_left_over", "3.14", kMalformed, "e0 | 00 00 00"},
    {"disconnect_properties_cut", "3.14", kMalformed, "e0 | 00 05 11 00"},
    // Reason codes that the packet does not have.
    {"puback_reason", "MQTT5-3.4.2-1", kEither, "40 | 00 01 01"},
    {"pubrec_reason", "MQTT5-3.5.2-1", kEither, "50 | 00 01 92"},
    {"pubrel_reason", "MQTT5-3.6.2-1", kEither, "62 | 00 01 10"},
    {"pubcomp_reason", "MQTT5-3.7.2-1", kEither, "70 | 00 01 80"},
    {"disconnect_reason", "MQTT5-3.14.2-1", kEither, "e0 | 05"},
    {"disconnect_reason_of_a_server", "MQTT5-3.14.2-1", kEither, "e0 | 8e"},
    // Packet ids.
    {"publish_id_0", "MQTT5-2.2.1-3", kEither, "32 | 00 01 61 00 00 00 78"},
    {"publish_qos_2_id_0", "MQTT5-2.2.1-3", kEither, "34 | 00 01 61 00 00 00 78"},
    {"subscribe_id_0", "MQTT5-2.2.1-3", kEither, "82 | 00 00 00 00 01 61 00"},
    {"unsubscribe_id_0", "MQTT5-2.2.1-3", kEither, "a2 | 00 00 00 00 01 61"},
    // Properties, those of PUBLISH for all.
    {"property_unknown", "2.2.2.2", kMalformed, "30 | 00 01 61 02 7f 00"},
    {"property_id_of_two_bytes", "2.2.2.2", kMalformed, "30 | 00 01 61 03 81 00 01"},
    {"property_of_connect", "2.2.2.2", kMalformed, "30 | 00 01 61 05 11 00 00 00 01"},
    {"property_of_connack", "2.2.2.2", kMalformed, "30 | 00 01 61 02 25 01"},
    {"property_cut", "2.2.2.1", kMalformed, "30 | 00 01 61 03 02 00 00"},
    {"property_string_past_the_list", "2.2.2.1", kMalformed, "30 | 00 01 61 04 03 00 02 61 62"},
    {"property_length_past_the_packet", "2.2.2.1", kMalformed, "30 | 00 01 61 09 01 01"},
    {"property_length_missing", "MQTT5-2.2.2-1", kMalformed, "30 | 00 01 61"},
    {"property_length_longer_than_need_be", "MQTT5-1.5.5-1", kMalformed, "30 | 00 01 61 80 00"},
    {"property_length_of_5_bytes", "1.5.5", kMalformed, "30 | 00 01 61 80 80 80 80 01"},
    {"payload_format_twice", "3.3.2.3.2", kProtocol, "30 | 00 01 61 04 01 00 01 00"},
    {"message_expiry_twice", "3.3.2.3.3", kProtocol, "30 | 00 01 61 0a 02 00 00 00 01 02 00 00 00 01"},
    {"topic_alias_twice", "3.3.2.3.4", kProtocol, "30 | 00 01 61 06 23 00 01 23 00 01"},
    {"content_type_twice", "3.3.2.3.9", kProtocol, "30 | 00 01 61 06 03 00 00 03 00 00"},
    {"correlation_twice", "3.3.2.3.6", kProtocol, "30 | 00 01 61 06 09 00 00 09 00 00"},
    {"payload_format_2", "3.3.2.3.2", kEither, "30 | 00 01 61 02 01 02"},
    {"topic_alias_0", "MQTT5-3.3.2-8", "81 82 94", "30 | 00 01 61 03 23 00 00"},
    {"subscription_id_from_client", "MQTT5-3.3.4-6", kEither, "30 | 00 01 61 02 0b 01"},
    {"response_topic_with_wildcard", "MQTT5-3.3.2-14", kTopic, "30 | 00 01 61 04 08 00 01 23"},
    {"response_topic_utf8", "MQTT5-3.3.2-13", kMalformed, "30 | 00 01 61 04 08 00 01 ff"},
    {"content_type_utf8", "MQTT5-3.3.2-19", kMalformed, "30 | 00 01 61 04 03 00 01 80"},
    {"content_type_nul", "MQTT5-1.5.4-2", kMalformed, "30 | 00 01 61 04 03 00 01 00"},
    {"user_property_name_utf8", "MQTT5-1.5.7-1", kMalformed, "30 | 00 01 61 07 26 00 01 ff 00 01 62"},
    {"user_property_value_utf8", "MQTT5-1.5.7-1", kMalformed, "30 | 00 01 61 07 26 00 01 61 00 01 ff"},
    {"user_property_value_surrogate", "MQTT5-1.5.4-1", kMalformed, "30 | 00 01 61 09 26 00 01 61 00 03 ed a0 80"},
    // The rest of PUBLISH.
    {"publish_qos_3", "MQTT5-3.3.1-4", kMalformed, "36 | 00 01 61 00 01 00 78"},
    {"publish_qos_0_dup", "MQTT5-3.3.1-2", kEither, "38 | 00 01 61 00 78"},
    {"publish_without_topic_and_alias", "3.3.2.1", kProtocol, "30 | 00 00 00 78"},
    {"publish_topic_plus", "MQTT5-3.3.2-2", kTopic, "30 | 00 01 2b 00 78"},
    {"publish_topic_hash", "MQTT5-4.7.0-1", kTopic, "30 | 00 03 61 2f 23 00"},
    {"publish_topic_nul", "MQTT5-4.7.3-2", kTopic, "30 | 00 03 61 00 62 00"},
    {"publish_topic_surrogate", "MQTT5-1.5.4-1", kTopic, "30 | 00 03 ed a0 80 00"},
    {"publish_topic_overlong", "MQTT5-1.5.4-1", kTopic, "30 | 00 02 c0 af 00"},
    {"publish_topic_past_the_end", "MQTT5-3.3.2-1", kMalformed, "30 | 00 05 61 62"},
    {"publish_qos_1_without_id", "MQTT5-2.2.1-3", kMalformed, "32 | 00 01 61"},
    // SUBSCRIBE.
    {"subscribe_without_filter", "MQTT5-3.8.3-2", kProtocol, "82 | 00 01 00"},
    {"subscribe_without_options", "3.8.3", kMalformed, "82 | 00 01 00 00 01 61"},
    {"subscribe_second_filter_cut", "3.8.3", kMalformed, "82 | 00 01 00 00 01 61 00 00 05 62"},
    {"subscribe_reserved_bit_6", "MQTT5-3.8.3-5", kMalformed, "82 | 00 01 00 00 01 61 40"},
    {"subscribe_reserved_bit_7", "MQTT5-3.8.3-5", kMalformed, "82 | 00 01 00 00 01 61 80"},
    {"subscribe_qos_3", "3.8.3.1", kProtocol, "82 | 00 01 00 00 01 61 03"},
    {"subscribe_retain_handling_3", "3.8.3.1", kProtocol, "82 | 00 01 00 00 01 61 30"},
    {"subscribe_filter_utf8", "MQTT5-3.8.3-1", kFilter, "82 | 00 01 00 00 01 fe 00"},
    {"subscribe_filter_nul", "MQTT5-4.7.3-2", kFilter, "82 | 00 01 00 00 01 00 00"},
    {"subscribe_id_of_0", "3.8.2.1.2", kProtocol, "82 | 00 01 02 0b 00 00 01 61 00"},
    {"subscribe_two_ids", "3.8.2.1.2", kProtocol, "82 | 00 01 04 0b 01 0b 02 00 01 61 00"},
    {"subscribe_id_longer_than_need_be", "MQTT5-1.5.5-1", kMalformed, "82 | 00 01 03 0b 81 00 00 01 61 00"},
    {"subscribe_id_of_5_bytes", "1.5.5", kMalformed, "82 | 00 01 06 0b ff ff ff ff 01 00 01 61 00"},
    {"subscribe_reason_string", "2.2.2.2", kMalformed, "82 | 00 01 04 1f 00 01 61 00 01 61 00"},
    {"subscribe_without_properties", "MQTT5-2.2.2-1", kEither, "82 | 00 01"},
    // UNSUBSCRIBE.
    {"unsubscribe_without_filter", "MQTT5-3.10.3-2", kProtocol, "a2 | 00 01 00"},
    {"unsubscribe_filter_utf8", "MQTT5-3.10.3-1", kFilter, "a2 | 00 01 00 00 01 c0"},
    {"unsubscribe_filter_cut", "3.10.3", kMalformed, "a2 | 00 01 00 00 02 61"},
    {"unsubscribe_with_id", "2.2.2.2", kMalformed, "a2 | 00 01 02 0b 01 00 01 61"},
    // DISCONNECT, AUTH, CONNECT.
    {"disconnect_expiry_twice", "3.14.2.2.2", kProtocol, "e0 | 00 0a 11 00 00 00 00 11 00 00 00 00"},
    {"disconnect_property_of_publish", "2.2.2.2", kMalformed, "e0 | 00 02 01 00"},
    {"auth_without_method", "MQTT5-4.12.0-7", kProtocol, "f0 | "},
    {"second_connect", "MQTT5-3.1.0-2", kProtocol, "10 | 00 04 4d 51 54 54 05 02 00 00 00 00 01 61"},
};

// Instead of the first CONNECT. Its bodies begin with 00 04 4d 51 54 54 05 (MQTT, level 5), flags, keepalive,
// properties.
constexpr Malformed kConnectTable[] = {
    {"fixed_header_flags", "MQTT5-2.1.3-1", kMalformed, "11 | 00 04 4d 51 54 54 05 02 00 00 00 00 01 61"},
    {"reserved_flag", "MQTT5-3.1.2-3", kMalformed, "10 | 00 04 4d 51 54 54 05 03 00 00 00 00 01 61"},
    {"will_qos_3", "MQTT5-3.1.2-12", kMalformed, "10 | 00 04 4d 51 54 54 05 1e 00 00 00 00 01 61 00 00 01 77 00 01 78"},
    {"will_qos_without_will", "MQTT5-3.1.2-11", kEither, "10 | 00 04 4d 51 54 54 05 0a 00 00 00 00 01 61"},
    {"will_retain_without_will", "MQTT5-3.1.2-13", kEither, "10 | 00 04 4d 51 54 54 05 22 00 00 00 00 01 61"},
    {"will_missing", "MQTT5-3.1.2-9", kMalformed, "10 | 00 04 4d 51 54 54 05 06 00 00 00 00 01 61"},
    {"will_properties_missing", "MQTT5-3.1.2-9", kMalformed,
     "10 | 00 04 4d 51 54 54 05 06 00 00 00 00 01 61 05 00 01 77 00 01 78"},
    {"will_payload_missing", "MQTT5-3.1.2-9", kMalformed, "10 | 00 04 4d 51 54 54 05 06 00 00 00 00 01 61 00 00 01 77"},
    {"will_topic_utf8", "MQTT5-3.1.3-11", kTopic,
     "10 | 00 04 4d 51 54 54 05 06 00 00 00 00 01 61 00 00 01 ff 00 01 78"},
    {"will_topic_wildcard", "MQTT5-4.7.0-1", kTopic,
     "10 | 00 04 4d 51 54 54 05 06 00 00 00 00 01 61 00 00 01 23 00 01 78"},
    {"will_topic_empty", "MQTT5-4.7.3-1", kTopic, "10 | 00 04 4d 51 54 54 05 06 00 00 00 00 01 61 00 00 00 00 01 78"},
    {"will_delay_twice", "3.1.3.2.2", kProtocol,
     "10 | 00 04 4d 51 54 54 05 06 00 00 00 00 01 61 0a 18 00 00 00 01 18 00 00 00 01 00 01 77 00 01 78"},
    {"will_property_of_connect", "2.2.2.2", kMalformed,
     "10 | 00 04 4d 51 54 54 05 06 00 00 00 00 01 61 05 11 00 00 00 01 00 01 77 00 01 78"},
    {"property_of_the_will", "2.2.2.2", kMalformed, "10 | 00 04 4d 51 54 54 05 02 00 00 05 18 00 00 00 01 00 01 61"},
    {"property_unknown", "2.2.2.2", kMalformed, "10 | 00 04 4d 51 54 54 05 02 00 00 02 7f 00 00 01 61"},
    {"property_length_past_the_packet", "2.2.2.1", kMalformed, "10 | 00 04 4d 51 54 54 05 02 00 00 09 00 01 61"},
    {"property_length_longer_than_need_be", "MQTT5-1.5.5-1", kMalformed,
     "10 | 00 04 4d 51 54 54 05 02 00 00 80 00 00 01 61"},
    {"property_length_missing", "MQTT5-2.2.2-1", kMalformed, "10 | 00 04 4d 51 54 54 05 02 00 00"},
    {"session_expiry_twice", "3.1.2.11.2", kProtocol,
     "10 | 00 04 4d 51 54 54 05 02 00 00 0a 11 00 00 00 01 11 00 00 00 01 00 01 61"},
    {"receive_maximum_0", "3.1.2.11.3", kProtocol, "10 | 00 04 4d 51 54 54 05 02 00 00 03 21 00 00 00 01 61"},
    {"receive_maximum_twice", "3.1.2.11.3", kProtocol,
     "10 | 00 04 4d 51 54 54 05 02 00 00 06 21 00 01 21 00 01 00 01 61"},
    {"packet_size_0", "3.1.2.11.4", kProtocol, "10 | 00 04 4d 51 54 54 05 02 00 00 05 27 00 00 00 00 00 01 61"},
    {"packet_size_twice", "3.1.2.11.4", kProtocol,
     "10 | 00 04 4d 51 54 54 05 02 00 00 0a 27 00 00 ff ff 27 00 00 ff ff 00 01 61"},
    {"alias_maximum_twice", "3.1.2.11.5", kProtocol,
     "10 | 00 04 4d 51 54 54 05 02 00 00 06 22 00 01 22 00 01 00 01 61"},
    {"request_response_2", "3.1.2.11.6", kProtocol, "10 | 00 04 4d 51 54 54 05 02 00 00 02 19 02 00 01 61"},
    {"request_problem_2", "3.1.2.11.7", kProtocol, "10 | 00 04 4d 51 54 54 05 02 00 00 02 17 02 00 01 61"},
    {"request_problem_twice", "3.1.2.11.7", kProtocol, "10 | 00 04 4d 51 54 54 05 02 00 00 04 17 01 17 01 00 01 61"},
    {"user_property_utf8", "MQTT5-1.5.7-1", kMalformed,
     "10 | 00 04 4d 51 54 54 05 02 00 00 07 26 00 01 ff 00 01 61 00 01 61"},
    {"auth_method_twice", "3.1.2.11.9", "82 8c",
     "10 | 00 04 4d 51 54 54 05 02 00 00 08 15 00 01 6d 15 00 01 6d 00 01 61"},
    {"auth_bytes_without_method", "3.1.2.11.10", kProtocol,
     "10 | 00 04 4d 51 54 54 05 02 00 00 04 16 00 01 6d 00 01 61"},
    {"client_id_missing", "MQTT5-3.1.3-3", kMalformed, "10 | 00 04 4d 51 54 54 05 02 00 00 00"},
    {"client_id_past_the_end", "MQTT5-3.1.3-3", kMalformed, "10 | 00 04 4d 51 54 54 05 02 00 00 00 00 05 61"},
    {"client_id_utf8", "MQTT5-3.1.3-4", "81 82 85", "10 | 00 04 4d 51 54 54 05 02 00 00 00 00 01 ff"},
    {"client_id_nul", "MQTT5-1.5.4-2", "81 82 85", "10 | 00 04 4d 51 54 54 05 02 00 00 00 00 01 00"},
    {"name_missing", "MQTT5-3.1.2-17", kMalformed, "10 | 00 04 4d 51 54 54 05 82 00 00 00 00 01 61"},
    {"name_not_announced", "MQTT5-3.1.2-16", kMalformed, "10 | 00 04 4d 51 54 54 05 02 00 00 00 00 01 61 00 01 6e"},
    {"name_utf8", "MQTT5-3.1.3-12", kMalformed, "10 | 00 04 4d 51 54 54 05 82 00 00 00 00 01 61 00 01 80"},
    {"password_missing", "MQTT5-3.1.2-19", kMalformed, "10 | 00 04 4d 51 54 54 05 42 00 00 00 00 01 61"},
    {"password_not_announced", "MQTT5-3.1.2-18", kMalformed,
     "10 | 00 04 4d 51 54 54 05 82 00 00 00 00 01 61 00 01 6e 00 01 70"},
    {"keepalive_missing", "MQTT5-3.1.4-1", kMalformed, "10 | 00 04 4d 51 54 54 05 02 00"},
    {"flags_missing", "MQTT5-3.1.4-1", kMalformed, "10 | 00 04 4d 51 54 54 05"},
};

using Parameter = std::tuple<Setting, Malformed>;

class V5MalformedSuite : public BrokerSuiteBase, public testing::WithParamInterface<Parameter> {
 protected:
  int shards() const override { return std::get<0>(GetParam()).shards; }
  uint8_t level() const override { return kLevel5; }
  // One of those that the table names.
  static bool is_expected(uint8_t reason_code) {
    const std::string codes = from_hex(std::get<1>(GetParam()).reasons);
    return codes.find(static_cast<char>(reason_code)) != std::string::npos;
  }
};

class V5MalformedPacket : public V5MalformedSuite {};
class V5MalformedConnect : public V5MalformedSuite {};

std::string parameter_name(const testing::TestParamInfo<Parameter>& parameter) {
  return name_of(std::get<0>(parameter.param)) + "_" + std::get<1>(parameter.param).name;
}

INSTANTIATE_TEST_SUITE_P(, V5MalformedPacket,
                         testing::Combine(testing::ValuesIn(settings_of({kLevel5})), testing::ValuesIn(kTable)),
                         parameter_name);
INSTANTIATE_TEST_SUITE_P(, V5MalformedConnect,
                         testing::Combine(testing::ValuesIn(settings_of({kLevel5})), testing::ValuesIn(kConnectTable)),
                         parameter_name);

TEST_P(V5MalformedPacket, ends_the_connection_with_its_reason) {
  const Malformed& malformed = std::get<1>(GetParam());
  SCOPED_TRACE(std::string("[") + malformed.clause + "]");
  TestClient bystander = client("b");
  TestClient wrong = client("w");
  wrong.send(bytes_of(malformed));
  const Packet answer = wrong.expect(Type::kDisconnect);
  EXPECT_TRUE(is_expected(answer.reason_code)) << answer;
  wrong.expect_closed();
  bystander.expect_quiet();
}

TEST_P(V5MalformedConnect, opens_no_connection) {
  const Malformed& malformed = std::get<1>(GetParam());
  SCOPED_TRACE(std::string("[") + malformed.clause + "]");
  TestClient bystander = client("b");
  TestClient wrong = silent();
  wrong.send(bytes_of(malformed));
  for (const Packet& answer : wrong.drain_until_closed()) {
    EXPECT_EQ(answer.type, Type::kConnack);
    EXPECT_TRUE(is_expected(answer.reason_code)) << answer;
  }
  bystander.expect_quiet();
}

BROKER_SUITE_V5(V5Truncated);

TEST_P(V5Truncated, connect_is_malformed_at_every_shorter_length) {
  const ConnectOptions options{
      .client_id = id("a"),
      .will = Will{topic("w"), "will", 1, true, {{PropertyId::kWillDelay, 1}, {PropertyId::kUserProperty, "a", "b"}}},
      .user_name = "name",
      .password = "word",
      .properties = {{PropertyId::kSessionExpiry, 1}, {PropertyId::kReceiveMaximum, 1}}};
  const std::string body = connect_packet(options).substr(2);
  ASSERT_LT(body.size(), 128u);
  for (size_t size = 0; size < body.size(); ++size) {
    TestClient client = silent();
    client.send(framed(0x10, body.substr(0, size)));
    client.expect_closed();  // [MQTT5-3.1.4-1]
    ASSERT_FALSE(client.broken()) << "a CONNECT of " << size << " bytes";
  }
}

TEST_P(V5Truncated, publish_is_malformed_at_every_length_that_cuts_its_properties) {
  const PublishOptions options{
      .qos = 1, .packet_id = 7, .properties = {{PropertyId::kMessageExpiry, 9}, {PropertyId::kUserProperty, "a", "b"}}};
  const std::string body = publish_packet(topic("x"), "", options).substr(2);
  for (size_t size = 0; size < body.size(); ++size) {
    TestClient client = this->client("a");
    client.send(framed(0x32, body.substr(0, size)));
    client.expect_disconnect(reason::kMalformedPacket);
    ASSERT_FALSE(client.broken()) << "a PUBLISH of " << size << " bytes";
  }
}

TEST_P(V5Truncated, valid_packets_before_a_malformed_one_are_processed) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("#"), 1);
  TestClient client = this->client("a");
  client.send(publish_packet(topic("x"), "good", {.qos = 1, .packet_id = 1}) + from_hex("c1 00") +
              publish_packet(topic("x"), "must not", {.qos = 1, .packet_id = 2}));
  const std::deque<Packet> answers = client.drain_until_closed();
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.back().reason_code, reason::kMalformedPacket);
  watcher.expect_message(topic("x"), "good");
  watcher.publish(topic("fence"), "f", 1);
  watcher.expect_message(topic("fence"), "f");
}

}  // namespace
}  // namespace penstock::test
