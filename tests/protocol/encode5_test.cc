// Encoding of 5.0: golden bytes by hand and from the standard's figures, and the round trips.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/random.h"
#include "protocol/acknowledge.h"
#include "protocol/encode.h"
#include "protocol/encode_publish5.h"
#include "protocol/property_writer.h"
#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

constexpr auto k5 = ProtocolVersion::kMqtt5;
constexpr auto k311 = ProtocolVersion::kMqtt311;

TopicName name(std::string_view text) {
  return TopicName::parse(text).value();
}
TopicFilter filter(std::string_view text) {
  return TopicFilter::parse(text).value();
}

ByteVector encoded_connect(const Connect& connect) {
  return encoded(connect_bytes(connect), [&](core::MutableBytes to) { return encode_connect(to, connect); });
}

ByteVector encoded_connack(const Connack& connack) {
  return encoded(connack_bytes(connack, k5), [&](core::MutableBytes to) { return encode_connack(to, connack, k5); });
}

ByteVector encoded_publish(PublishHeader5 header, core::Bytes payload) {
  header.payload_bytes = payload.size();
  return encoded(publish5_bytes(header), [&](core::MutableBytes to) { return encode_publish5(to, header, payload); });
}

TEST(encode5, connect_golden_bytes) {
  EXPECT_EQ(encoded_connect({.version = k5, .keepalive_s = 60, .client_id = "dev1"}),
            wire("10 11 0004 'MQTT' 05 02 003c 00 0004 'dev1'"));
  // The variable header of figure 3-6.
  Connect connect{.version = k5,
                  .keepalive_s = 10,
                  .client_id = "id",
                  .will = WillMessage{name("wt"), core::as_bytes("wp"), QoS::kAtLeastOnce, false},
                  .user_name = "user",
                  .password = core::as_bytes("pw")};
  connect.properties.session_expiry_s = 10;
  EXPECT_EQ(encoded_connect(connect),
            wire("10 27 0004 'MQTT' 05 ce 000a 05 11 0000000a 0002 'id' 00 0002 'wt' 0002 'wp' 0004 'user' 0002 'pw'"));
  EXPECT_EQ(encoded_connect({.version = k5, .clean_session = false, .password = core::as_bytes("p")}),
            wire("10 10 0004 'MQTT' 05 40 0000 00 0000 0001 'p'"));
}

TEST(encode5, connect_writes_what_differs_from_the_defaults) {
  const ByteVector user_properties = wire("26 0001 'k' 0001 'v'");
  const ByteVector will_properties = wire("02 0000003c 01 01");
  Connect connect{.version = k5, .client_id = "a"};
  connect.properties = {.session_expiry_s = kSessionNeverExpires,
                        .receive_maximum = 10,
                        .packet_bytes_max = 65'536,
                        .topic_alias_maximum = 20,
                        .request_response_information = true,
                        .request_problem_information = false,
                        .authentication_method = "S",
                        .authentication_data = core::Bytes(),
                        .user_properties = user_properties};
  connect.will = WillMessage{.topic = name("w"), .delay_s = 10, .properties = will_properties};
  EXPECT_EQ(encoded_connect(connect),
            wire("10 42 0004 'MQTT' 05 06 0000"
                 "22 11 ffffffff 21 000a 27 00010000 22 0014 19 01 17 00 15 0001 'S' 16 0000 26 0001 'k' 0001 'v'"
                 "0001 'a' 0c 18 0000000a 02 0000003c 01 01 0001 'w' 0000"));
}

TEST(encode5, connack_golden_bytes) {
  EXPECT_EQ(encoded_connack({}), wire("20 03 00 00 00"));
  EXPECT_EQ(encoded_connack({.session_present = true}), wire("20 03 01 00 00"));
  EXPECT_EQ(encoded_connack({.code = ReasonCode::kUnsupportedProtocolVersion}), wire("20 03 00 84 00"));
  EXPECT_EQ(encoded_connack({.properties = {.session_expiry_s = 0,
                                            .receive_maximum = 20,
                                            .maximum_qos = QoS::kAtLeastOnce,
                                            .retain_available = false,
                                            .packet_bytes_max = 1 << 20,
                                            .assigned_client_id = "abc",
                                            .topic_alias_maximum = 10,
                                            .reason_string = "ok",
                                            .wildcard_subscription_available = false,
                                            .subscription_ids_available = false,
                                            .shared_subscription_available = false,
                                            .server_keepalive_s = 60,
                                            .response_information = "ri",
                                            .server_reference = "sr",
                                            .authentication_method = "am",
                                            .authentication_data = core::as_bytes("d")}}),
            wire("20 3e 00 00 3b"
                 "11 00000000 21 0014 24 01 25 00 27 00100000 12 0003 'abc' 22 000a 1f 0002 'ok'"
                 "28 00 29 00 2a 00 13 003c 1a 0002 'ri' 1c 0002 'sr' 15 0002 'am' 16 0001 'd'"));
}

TEST(encode5, connack_of_3_1_1_has_no_properties_and_a_return_code) {
  const Connack connack{.code = ReasonCode::kBanned, .properties = {.receive_maximum = 1, .reason_string = "no"}};
  EXPECT_EQ(
      encoded(connack_bytes(connack, k311), [&](core::MutableBytes to) { return encode_connack(to, connack, k311); }),
      wire("20 02 00 05"));
}

TEST(encode5, publish_golden_bytes) {
  // The variable header of figure 3-9.
  EXPECT_EQ(encoded_publish({.topic = name("a/b"), .packet_id = PacketId(10), .qos = QoS::kAtLeastOnce},
                            core::as_bytes("hi")),
            wire("32 0a 0003 'a/b' 000a 00 'hi'"));
  EXPECT_EQ(encoded_publish({.topic = name("t"), .retain = true}, {}), wire("31 04 0001 't' 00"));
  const uint32_t ids[] = {1, 128, 268'435'455};
  const ByteVector stored = wire("02 0000003c 01 01 26 0001 'k' 0001 'v'");
  EXPECT_EQ(encoded_publish({.topic = name("a/b"),
                             .properties = stored,
                             .message_expiry_s = 59,
                             .subscription_ids = ids,
                             .topic_alias = 7,
                             .packet_id = PacketId(0x1234),
                             .qos = QoS::kExactlyOnce,
                             .dup = true},
                            core::as_bytes("hi")),
            wire("3c 25 0003 'a/b' 1234 1b 23 0007 0b 01 0b 8001 0b ffffff7f 02 0000003b 01 01 26 0001 'k' 0001 'v' "
                 "'hi'"));
  EXPECT_EQ(encoded_publish({.topic_alias = 7}, core::as_bytes("hi")), wire("30 08 0000 03 23 0007 'hi'"));
}

TEST(encode5, publish_leaves_an_expiry_alone_that_nobody_counts_down) {
  const ByteVector with_expiry = wire("02 0000003c");
  EXPECT_EQ(encoded_publish({.topic = name("t"), .properties = with_expiry}, {}),
            wire("30 09 0001 't' 05 02 0000003c"));
  const ByteVector without = wire("01 00 09 0002 0000");
  EXPECT_EQ(encoded_publish({.topic = name("t"), .properties = without, .message_expiry_s = 9}, {}),
            wire("30 0b 0001 't' 07 01 00 09 0002 0000"));
}

TEST(encode5, publish_header_leaves_the_payload_to_the_caller) {
  const PublishHeader5 header{
      .topic = name("t"), .payload_bytes = 300, .packet_id = PacketId(2), .qos = QoS::kAtLeastOnce};
  EXPECT_EQ(
      encoded(publish5_header_bytes(header), [&](core::MutableBytes to) { return encode_publish5_header(to, header); }),
      wire("32 b202 0001 't' 0002 00"));
}

TEST(encode5, publish_says_beforehand_that_no_packet_can_hold_it) {
  PublishHeader5 header{.topic = name("t"), .payload_bytes = kRemainingLengthMax - 4};
  EXPECT_EQ(publish5_bytes(header), kPacketBytesMax);
  ++header.payload_bytes;
  EXPECT_GT(publish5_bytes(header), kPacketBytesMax);
  std::byte room[64];
  EXPECT_DEATH(encode_publish5_header(room, header), "CHECK failed");
}

TEST(encode5, acknowledgement_is_as_short_as_it_may_be) {
  const auto acknowledge = [](PacketType type, ReasonCode reason, std::string_view text = {}) {
    return encoded(acknowledge_bytes(reason, text),
                   [&](core::MutableBytes to) { return encode_acknowledge(to, type, PacketId(0xabcd), reason, text); });
  };
  EXPECT_EQ(acknowledge(PacketType::kPuback, ReasonCode::kSuccess), wire("40 02 abcd"));
  EXPECT_EQ(acknowledge(PacketType::kPuback, ReasonCode::kNoMatchingSubscribers), wire("40 03 abcd 10"));
  EXPECT_EQ(acknowledge(PacketType::kPubrec, ReasonCode::kQuotaExceeded, "full"),
            wire("50 0b abcd 97 07 1f 0004 'full'"));
  EXPECT_EQ(acknowledge(PacketType::kPubrel, ReasonCode::kPacketIdNotFound), wire("62 03 abcd 92"));
  EXPECT_EQ(acknowledge(PacketType::kPubcomp, ReasonCode::kSuccess, "ok"), wire("70 09 abcd 00 05 1f 0002 'ok'"));
}

TEST(encode5, subscribe_and_unsubscribe_golden_bytes) {
  // Figures 3-19 and 3-21.
  const std::vector<FilterRequest> plain = {{filter("a/b"), QoS::kAtLeastOnce}, {filter("c/d"), QoS::kExactlyOnce}};
  EXPECT_EQ(encoded(subscribe_bytes(plain, k5),
                    [&](core::MutableBytes to) { return encode_subscribe(to, PacketId(10), plain, k5); }),
            wire("82 0f 000a 00 0003 'a/b' 01 0003 'c/d' 02"));
  const std::vector<FilterRequest> options = {
      {filter("a"), QoS::kExactlyOnce, true, true, RetainHandling::kDoNotSend},
      {filter("b"), QoS::kAtMostOnce, false, false, RetainHandling::kSendIfNew}};
  EXPECT_EQ(encoded(subscribe_bytes(options, k5, 300),
                    [&](core::MutableBytes to) { return encode_subscribe(to, PacketId(10), options, k5, 300); }),
            wire("82 0e 000a 03 0b ac02 0001 'a' 2e 0001 'b' 10"));
  EXPECT_EQ(encoded(subscribe_bytes(options, k311, 300),
                    [&](core::MutableBytes to) { return encode_subscribe(to, PacketId(10), options, k311, 300); }),
            wire("82 0a 000a 0001 'a' 02 0001 'b' 00"));
  const std::vector<TopicFilter> filters = {filter("a/b"), filter("c/d")};  // figure 3-30
  EXPECT_EQ(encoded(unsubscribe_bytes(filters, k5),
                    [&](core::MutableBytes to) { return encode_unsubscribe(to, PacketId(10), filters, k5); }),
            wire("a2 0d 000a 00 0003 'a/b' 0003 'c/d'"));
}

TEST(encode5, suback_and_unsuback_golden_bytes) {
  const std::vector<ReasonCode> codes = {ReasonCode::kGrantedExactlyOnce, ReasonCode::kQuotaExceeded};
  const auto suback = [&](ProtocolVersion version, std::string_view text) {
    return encoded(suback_bytes(codes.size(), version, text),
                   [&](core::MutableBytes to) { return encode_suback(to, PacketId(10), codes, version, text); });
  };
  EXPECT_EQ(suback(k5, ""), wire("90 05 000a 00 02 97"));
  EXPECT_EQ(suback(k5, "why"), wire("90 0b 000a 06 1f 0003 'why' 02 97"));
  EXPECT_EQ(suback(k311, "why"), wire("90 04 000a 02 80"));
  const std::vector<ReasonCode> ended = {ReasonCode::kSuccess, ReasonCode::kNoSubscriptionExisted};
  const auto unsuback = [&](ProtocolVersion version, std::string_view text) {
    return encoded(unsuback_bytes(ended.size(), version, text),
                   [&](core::MutableBytes to) { return encode_unsuback(to, PacketId(10), ended, version, text); });
  };
  EXPECT_EQ(unsuback(k5, ""), wire("b0 05 000a 00 00 11"));
  EXPECT_EQ(unsuback(k5, "why"), wire("b0 0b 000a 06 1f 0003 'why' 00 11"));
  EXPECT_EQ(unsuback(k311, ""), wire("b0 02 000a"));
}

TEST(encode5, disconnect_and_auth_golden_bytes) {
  const auto disconnect = [](const Disconnect& value, Sender sender) {
    return encoded(disconnect_bytes(value),
                   [&](core::MutableBytes to) { return encode_disconnect(to, value, sender); });
  };
  EXPECT_EQ(disconnect({}, Sender::kClient), wire("e0 00"));
  EXPECT_EQ(disconnect({.reason = ReasonCode::kSessionTakenOver}, Sender::kServer), wire("e0 01 8e"));
  EXPECT_EQ(disconnect({.session_expiry_s = 0}, Sender::kClient), wire("e0 07 00 05 11 00000000"));  // figure 3-24
  EXPECT_EQ(disconnect({.reason = ReasonCode::kServerMoved, .reason_string = "why", .server_reference = "me"},
                       Sender::kServer),
            wire("e0 0d 9d 0b 1f 0003 'why' 1c 0002 'me'"));
  const auto auth = [](const Auth& value, Sender sender) {
    return encoded(auth_bytes(value), [&](core::MutableBytes to) { return encode_auth(to, value, sender); });
  };
  EXPECT_EQ(auth({}, Sender::kServer), wire("f0 00"));
  EXPECT_EQ(auth({.reason = ReasonCode::kContinueAuthentication, .method = "SCRAM-SHA-1", .data = core::as_bytes("r")},
                 Sender::kClient),
            wire("f0 14 18 12 15 000b 'SCRAM-SHA-1' 16 0001 'r'"));
}

// Properties of a message as a client may send them, in random order.
ByteVector random_properties(core::SeededRandom& random) {
  std::vector<ByteVector> parts;
  const auto add = [&](auto put) {
    PropertyWriter counter;
    put(counter);
    ByteVector part(counter.bytes());
    PropertyWriter writer(part);
    put(writer);
    parts.push_back(part);
  };
  const std::string text = random_text(random, 200, "abc/x");
  const uint32_t number = static_cast<uint32_t>(random.next_u64());
  if (random.chance(1, 2)) add([&](auto& out) { out.flag(PropertyId::kPayloadFormatIndicator, number % 2 == 0); });
  if (random.chance(1, 2)) add([&](auto& out) { out.u32(PropertyId::kMessageExpiryInterval, number); });
  if (random.chance(1, 2)) add([&](auto& out) { out.text(PropertyId::kContentType, text); });
  if (random.chance(1, 2)) add([&](auto& out) { out.text(PropertyId::kResponseTopic, "r" + text); });
  if (random.chance(1, 2)) add([&](auto& out) { out.binary(PropertyId::kCorrelationData, core::as_bytes(text)); });
  for (size_t i = random.below(4); i > 0; --i) add([&](auto& out) { out.user_property(text, std::to_string(i)); });
  ByteVector section;
  while (!parts.empty()) {
    const size_t pick = random.below(parts.size());
    section.insert(section.end(), parts[pick].begin(), parts[pick].end());
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(pick));
  }
  return section;
}

// From one client through the log to another.
TEST(round_trip5, publish_is_delivered_with_what_it_was_sent_with) {
  const uint64_t seed = core::system_random().next_u64();
  SCOPED_TRACE(seed);
  core::SeededRandom random(seed);
  for (int round = 0; round < 10'000; ++round) {
    const std::string topic = "t" + random_text(random, 60, "abc/$ ");
    const std::string payload = random_text(random, round % 100 == 0 ? 40'000 : 200, "xyz");
    const auto qos = static_cast<QoS>(random.below(3));
    const ByteVector sent_properties = random_properties(random);
    const uint16_t alias = static_cast<uint16_t>(random.below(3));
    const PublishHeader5 sent{.topic = name(topic),
                              .properties = sent_properties,
                              .topic_alias = alias,
                              .packet_id = PacketId(static_cast<uint16_t>(1 + random.below(65'535))),
                              .qos = qos,
                              .retain = random.chance(1, 2)};
    const ByteVector inbound = encoded_publish(sent, core::as_bytes(payload));
    const auto publish = decode_publish(only_packet(inbound, k5), {}, k5);
    ASSERT_TRUE(publish.has_value()) << publish.error().text;
    ASSERT_EQ(publish->topic.text(), topic);
    ASSERT_EQ(core::as_text(publish->payload), payload);
    ASSERT_EQ(publish->topic_alias, alias);
    ASSERT_EQ(publish->retain, sent.retain);
    ByteVector scratch(publish->properties.size());
    const core::Bytes stored = stored_properties(publish->properties, scratch);
    ASSERT_EQ(stored.size(), sent_properties.size());
    ASSERT_EQ(stored_expiry_s(stored), publish->message_expiry_s);
    ASSERT_TRUE(are_stored_properties(stored));

    const uint32_t ids[] = {1, static_cast<uint32_t>(1 + random.below(268'435'455))};
    const PublishHeader5 delivery{.topic = publish->topic,
                                  .properties = stored,
                                  .message_expiry_s = 17,
                                  .subscription_ids = std::span(ids).first(random.below(3)),
                                  .packet_id = PacketId(9),
                                  .qos = qos};
    const ByteVector outbound = encoded_publish(delivery, publish->payload);
    const auto received = decode_publish(only_packet(outbound, k5), {}, k5, Sender::kServer);
    ASSERT_TRUE(received.has_value()) << received.error().text;
    ASSERT_EQ(core::as_text(received->payload), payload);
    ASSERT_EQ(received->message_expiry_s.has_value(), publish->message_expiry_s.has_value());
    if (received->message_expiry_s) {
      ASSERT_EQ(*received->message_expiry_s, 17u);
    }
    ASSERT_EQ(received->payload_is_text, publish->payload_is_text);
    size_t id_count = 0;
    PropertyReader reader(received->properties);
    for (Property property; reader.next(property);) {
      if (property.id != PropertyId::kSubscriptionId) continue;
      ASSERT_EQ(property.number, ids[id_count]);
      ++id_count;
    }
    ASSERT_EQ(id_count, delivery.subscription_ids.size());
  }
}

TEST(round_trip5, connect_comes_back_as_it_was_sent) {
  const uint64_t seed = core::system_random().next_u64();
  SCOPED_TRACE(seed);
  core::SeededRandom random(seed);
  for (int round = 0; round < 5'000; ++round) {
    const std::string client_id = random_text(random, 40, "abc-9");
    const std::string secret = random_text(random, 300, "pqr");
    const ByteVector will_section = random_properties(random);
    ByteVector scratch(will_section.size());
    Connect connect{.version = k5,
                    .clean_session = random.chance(1, 2),
                    .keepalive_s = static_cast<uint16_t>(random.below(65'536)),
                    .client_id = client_id};
    ConnectProperties& properties = connect.properties;
    if (random.chance(1, 2)) properties.session_expiry_s = static_cast<uint32_t>(random.next_u64());
    if (random.chance(1, 2)) properties.receive_maximum = static_cast<uint16_t>(1 + random.below(65'535));
    if (random.chance(1, 2)) properties.packet_bytes_max = static_cast<uint32_t>(1 + random.below(kPacketBytesMax));
    if (random.chance(1, 2)) properties.topic_alias_maximum = static_cast<uint16_t>(random.below(65'536));
    properties.request_problem_information = random.chance(1, 2);
    properties.request_response_information = random.chance(1, 2);
    if (random.chance(1, 2)) properties.authentication_method = secret;
    if (properties.authentication_method && random.chance(1, 2)) {
      properties.authentication_data = core::as_bytes(secret);
    }
    if (random.chance(1, 2)) {
      connect.will = WillMessage{.topic = name("will/t"),
                                 .payload = core::as_bytes(secret),
                                 .qos = static_cast<QoS>(random.below(3)),
                                 .retain = random.chance(1, 2),
                                 .delay_s = static_cast<uint32_t>(random.below(3)),
                                 .properties = stored_properties(will_section, scratch)};
    }
    if (random.chance(1, 2)) connect.user_name = client_id;
    if (random.chance(1, 2)) connect.password = core::as_bytes(secret);
    const ByteVector bytes = encoded_connect(connect);
    const auto decoded = decode_connect(only_packet(bytes));
    ASSERT_TRUE(decoded.has_value()) << decoded.error().error.text;
    ASSERT_EQ(decoded->properties.session_expiry_s, properties.session_expiry_s);
    ASSERT_EQ(decoded->properties.receive_maximum, properties.receive_maximum);
    ASSERT_EQ(decoded->properties.packet_bytes_max, properties.packet_bytes_max);
    ASSERT_EQ(decoded->properties.authentication_method, properties.authentication_method);
    ASSERT_EQ(decoded->will.has_value(), connect.will.has_value());
    Connect again = *decoded;
    ByteVector stored(decoded->will ? decoded->will->properties.size() : 0);
    if (again.will) {
      ASSERT_EQ(again.will->delay_s, connect.will->delay_s);
      again.will->properties = stored_properties(again.will->properties, stored);
    }
    ASSERT_EQ(encoded_connect(again), bytes);
  }
}

TEST(encode5_death, refuses_packets_that_the_standard_forbids) {
  std::byte room[64];
  const ReasonCode wrong = ReasonCode::kPacketIdNotFound;
  EXPECT_DEATH(encode_acknowledge(room, PacketType::kPuback, PacketId(1), wrong), "CHECK failed");
  EXPECT_DEATH(encode_suback(room, PacketId(1), std::span(&wrong, 1), k5), "CHECK failed");
  EXPECT_DEATH(encode_unsuback(room, PacketId(1), std::span(&wrong, 1), k5), "CHECK failed");
  EXPECT_DEATH(encode_connack(room, {.session_present = true, .code = ReasonCode::kBanned}, k5), "CHECK failed");
  EXPECT_DEATH(encode_disconnect(room, {.session_expiry_s = 1}, Sender::kServer), "CHECK failed");
  EXPECT_DEATH(encode_disconnect(room, {.reason = ReasonCode::kSessionTakenOver}, Sender::kClient), "CHECK failed");
  EXPECT_DEATH(encode_auth(room, {.reason = ReasonCode::kContinueAuthentication}, Sender::kServer), "CHECK failed");
  EXPECT_DEATH(encode_connect(room, {.version = k5, .properties = {.authentication_data = core::Bytes()}}),
               "CHECK failed");
}

}  // namespace
}  // namespace penstock::protocol
