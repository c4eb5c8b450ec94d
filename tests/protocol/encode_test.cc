#include "protocol/encode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/random.h"
#include "protocol/acknowledge.h"
#include "tests/protocol/packet_samples.h"

namespace penstock::protocol {
namespace {

TopicName name(std::string_view text) {
  return TopicName::parse(text).value();
}
TopicFilter filter(std::string_view text) {
  return TopicFilter::parse(text).value();
}

ByteVector encoded_publish(PublishHeader header, core::Bytes payload) {
  return encoded(publish_bytes(header.topic.size(), header.qos, payload.size()),
                 [&](core::MutableBytes to) { return encode_publish(to, header, payload); });
}

ByteVector encoded_connect(const Connect& connect) {
  return encoded(connect_bytes(connect), [&](core::MutableBytes to) { return encode_connect(to, connect); });
}

TEST(encode, publish_golden_bytes) {
  EXPECT_EQ(encoded_publish({.topic = name("a/b")}, core::as_bytes("hi")), wire("30 07 0003 'a/b' 'hi'"));
  EXPECT_EQ(
      encoded_publish(
          {.topic = name("a/b"), .packet_id = PacketId(0x1234), .qos = QoS::kExactlyOnce, .dup = true, .retain = true},
          core::as_bytes("hi")),
      wire("3d 09 0003 'a/b' 1234 'hi'"));
  EXPECT_EQ(encoded_publish({.topic = name("t"), .packet_id = PacketId(1), .qos = QoS::kAtLeastOnce}, {}),
            wire("32 05 0001 't' 0001"));
}

TEST(encode, publish_header_leaves_the_payload_to_the_caller) {
  const PublishHeader header{
      .topic = name("t"), .payload_bytes = 300, .packet_id = PacketId(2), .qos = QoS::kAtLeastOnce};
  EXPECT_EQ(encoded(publish_header_bytes(1, QoS::kAtLeastOnce, 300),
                    [&](core::MutableBytes to) { return encode_publish_header(to, header); }),
            wire("32 b102 0001 't' 0002"));
}

TEST(encode, acknowledgement_golden_bytes) {
  const auto acknowledge = [](PacketType type) {
    return encoded(kAcknowledgeBytes,
                   [&](core::MutableBytes to) { return encode_acknowledge(to, type, PacketId(0xabcd)); });
  };
  EXPECT_EQ(acknowledge(PacketType::kPuback), wire("40 02 abcd"));
  EXPECT_EQ(acknowledge(PacketType::kPubrec), wire("50 02 abcd"));
  EXPECT_EQ(acknowledge(PacketType::kPubrel), wire("62 02 abcd"));
  EXPECT_EQ(acknowledge(PacketType::kPubcomp), wire("70 02 abcd"));
  EXPECT_EQ(acknowledge(PacketType::kUnsuback), wire("b0 02 abcd"));
}

TEST(encode, empty_packet_golden_bytes) {
  const auto empty = [](PacketType type) {
    return encoded(kEmptyPacketBytes, [&](core::MutableBytes to) { return encode_empty(to, type); });
  };
  EXPECT_EQ(empty(PacketType::kPingreq), wire("c0 00"));
  EXPECT_EQ(empty(PacketType::kPingresp), wire("d0 00"));
  EXPECT_EQ(empty(PacketType::kDisconnect), wire("e0 00"));
}

TEST(encode, connect_golden_bytes) {
  EXPECT_EQ(encoded_connect({.keepalive_s = 60, .client_id = "dev1"}),
            wire("10 10 0004 'MQTT' 04 02 003c 0004 'dev1'"));
  EXPECT_EQ(encoded_connect({.version = ProtocolVersion::kMqtt31, .clean_session = false, .client_id = "old"}),
            wire("10 11 0006 'MQIsdp' 03 00 0000 0003 'old'"));
  EXPECT_EQ(encoded_connect({.keepalive_s = 60,
                             .client_id = "dev1",
                             .will = WillMessage{name("will/t"), core::as_bytes("gone"), QoS::kExactlyOnce, true},
                             .user_name = "alice",
                             .password = core::as_bytes("pwd")}),
            wire("10 2a 0004 'MQTT' 04 f6 003c 0004 'dev1' 0006 'will/t' 0004 'gone' 0005 'alice' 0003 'pwd'"));
}

TEST(encode, connack_golden_bytes) {
  const auto connack = [](Connack value) {
    return encoded(kConnackBytes, [&](core::MutableBytes to) { return encode_connack(to, value); });
  };
  EXPECT_EQ(connack({}), wire("20 02 0000"));
  EXPECT_EQ(connack({.session_present = true}), wire("20 02 0100"));
  EXPECT_EQ(connack({.code = ReasonCode::kClientIdNotValid}), wire("20 02 0002"));
}

TEST(encode, subscribe_suback_and_unsubscribe_golden_bytes) {
  const std::vector<FilterRequest> requests = {{filter("a/b"), QoS::kAtLeastOnce}, {filter("#"), QoS::kAtMostOnce}};
  EXPECT_EQ(encoded(subscribe_bytes(requests),
                    [&](core::MutableBytes to) { return encode_subscribe(to, PacketId(10), requests); }),
            wire("82 0c 000a 0003 'a/b' 01 0001 '#' 00"));
  const std::vector<ReasonCode> codes = {granted(QoS::kExactlyOnce), ReasonCode::kTopicFilterInvalid};
  EXPECT_EQ(encoded(suback_bytes(codes.size()),
                    [&](core::MutableBytes to) { return encode_suback(to, PacketId(10), codes); }),
            wire("90 04 000a 02 80"));
  const std::vector<TopicFilter> filters = {filter("a/b"), filter("#")};
  EXPECT_EQ(encoded(unsubscribe_bytes(filters),
                    [&](core::MutableBytes to) { return encode_unsubscribe(to, PacketId(10), filters); }),
            wire("a2 0a 000a 0003 'a/b' 0001 '#'"));
}

TEST(encode, remaining_length_takes_the_fewest_bytes) {
  for (const uint32_t length : {0u, 1u, 127u, 128u, 16'383u, 16'384u, 2'097'151u, 2'097'152u, kRemainingLengthMax}) {
    std::byte header[kFixedHeaderBytesMax];
    const size_t bytes = write_fixed_header(header, PacketType::kPublish, 0, length);
    EXPECT_EQ(bytes, 1 + remaining_length_bytes(length)) << length;
    PacketBytes packet{};
    const Framing framing = next_packet({header, bytes}, kPacketBytesMax, ProtocolVersion::kMqtt311, packet);
    EXPECT_EQ(framing, length == 0 ? Framing::kPacket : Framing::kNeedMore) << length;
    EXPECT_EQ(packet.packet_bytes, bytes + length) << length;
  }
}

TEST(round_trip, publish_comes_back_as_it_was_sent) {
  const uint64_t seed = core::system_random().next_u64();
  SCOPED_TRACE(seed);
  core::SeededRandom random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const std::string topic = "t" + random_text(random, round % 100 == 0 ? 3'000 : 60, "abc/$ \x01\x7f");
    const std::string payload = random_text(random, round % 100 == 0 ? 40'000 : 200,
                                            std::string_view("\0\xff"
                                                             "x",
                                                             3));
    const auto qos = static_cast<QoS>(random.below(3));
    const PublishHeader header{.topic = name(topic),
                               .packet_id = PacketId(static_cast<uint16_t>(1 + random.below(65'535))),
                               .qos = qos,
                               .dup = qos != QoS::kAtMostOnce && random.chance(1, 2),
                               .retain = random.chance(1, 2)};
    const ByteVector bytes = encoded_publish(header, core::as_bytes(payload));
    const auto publish = decode_publish(only_packet(bytes));
    ASSERT_TRUE(publish.has_value()) << publish.error().text;
    ASSERT_EQ(publish->topic.text(), topic);
    ASSERT_EQ(core::as_text(publish->payload), payload);
    ASSERT_EQ(publish->qos, qos);
    ASSERT_EQ(publish->packet_id, qos == QoS::kAtMostOnce ? PacketId(0) : header.packet_id);
    ASSERT_EQ(publish->dup, header.dup);
    ASSERT_EQ(publish->retain, header.retain);
  }
}

TEST(round_trip, connect_comes_back_as_it_was_sent) {
  const uint64_t seed = core::system_random().next_u64();
  SCOPED_TRACE(seed);
  core::SeededRandom random(seed);
  for (int round = 0; round < 5'000; ++round) {
    const std::string client_id = "c" + random_text(random, 40, "abc-9");
    const std::string topic = "w" + random_text(random, 300, "a/");
    const std::string secret = random_text(random, 300,
                                           std::string_view("\0\xff"
                                                            "p",
                                                            3));
    const std::string user = random_text(random, 40, "user");
    Connect connect{.version = random.chance(1, 4) ? ProtocolVersion::kMqtt31 : ProtocolVersion::kMqtt311,
                    .clean_session = random.chance(1, 2),
                    .keepalive_s = static_cast<uint16_t>(random.below(65'536)),
                    .client_id = client_id};
    if (random.chance(1, 2)) {
      connect.will =
          WillMessage{name(topic), core::as_bytes(secret), static_cast<QoS>(random.below(3)), random.chance(1, 2)};
    }
    if (random.chance(1, 2)) connect.user_name = user;
    if (connect.user_name && random.chance(1, 2)) connect.password = core::as_bytes(secret);
    const ByteVector bytes = encoded_connect(connect);
    const auto decoded = decode_connect(only_packet(bytes));
    ASSERT_TRUE(decoded.has_value()) << decoded.error().error.text;
    ASSERT_EQ(encoded_connect(*decoded), bytes);
    ASSERT_EQ(decoded->version, connect.version);
    ASSERT_EQ(decoded->clean_session, connect.clean_session);
    ASSERT_EQ(decoded->keepalive_s, connect.keepalive_s);
    ASSERT_EQ(decoded->client_id, client_id);
    ASSERT_EQ(decoded->will.has_value(), connect.will.has_value());
    if (connect.will) {
      ASSERT_EQ(decoded->will->topic, connect.will->topic);
      ASSERT_EQ(hex(decoded->will->payload), hex(connect.will->payload));
      ASSERT_EQ(decoded->will->qos, connect.will->qos);
      ASSERT_EQ(decoded->will->retain, connect.will->retain);
    }
    ASSERT_EQ(decoded->user_name, connect.user_name);
    ASSERT_EQ(decoded->password.has_value(), connect.password.has_value());
    if (connect.password) {
      ASSERT_EQ(hex(*decoded->password), hex(*connect.password));
    }
  }
}

TEST(round_trip, subscribe_and_unsubscribe_come_back_as_they_were_sent) {
  const uint64_t seed = core::system_random().next_u64();
  SCOPED_TRACE(seed);
  core::SeededRandom random(seed);
  for (int round = 0; round < 3'000; ++round) {
    std::vector<std::string> texts(1 + random.below(20));
    std::vector<FilterRequest> requests;
    std::vector<TopicFilter> filters;
    for (std::string& text : texts) {
      text = "f" + random_text(random, 50, "ab/") + (random.chance(1, 2) ? "/+/x/#" : "");
      requests.push_back({filter(text), static_cast<QoS>(random.below(3))});
      filters.push_back(filter(text));
    }
    const PacketId packet_id(static_cast<uint16_t>(1 + random.below(65'535)));
    const ByteVector subscribe_packet = encoded(
        subscribe_bytes(requests), [&](core::MutableBytes to) { return encode_subscribe(to, packet_id, requests); });
    const auto subscribe = decode_subscribe(only_packet(subscribe_packet));
    ASSERT_TRUE(subscribe.has_value());
    ASSERT_EQ(subscribe->packet_id, packet_id);
    ASSERT_EQ(subscribe->filters.size(), requests.size());
    size_t index = 0;
    for (const FilterRequest& request : subscribe->filters) {
      ASSERT_EQ(request.filter, requests[index].filter);
      ASSERT_EQ(request.qos, requests[index].qos);
      ++index;
    }
    ASSERT_EQ(index, requests.size());
    const ByteVector unsubscribe_packet = encoded(
        unsubscribe_bytes(filters), [&](core::MutableBytes to) { return encode_unsubscribe(to, packet_id, filters); });
    const auto unsubscribe = decode_unsubscribe(only_packet(unsubscribe_packet));
    ASSERT_TRUE(unsubscribe.has_value());
    ASSERT_EQ(unsubscribe->filters.size(), filters.size());
    index = 0;
    for (const TopicFilter one : unsubscribe->filters) ASSERT_EQ(one, filters[index++]);
    ASSERT_EQ(index, filters.size());
  }
}

TEST(encode_death, refuses_to_write_into_too_little_room) {
  std::byte room[8];
  EXPECT_DEATH(encode_publish(room, {.topic = name("topic")}, core::as_bytes("payload")), "CHECK failed");
  EXPECT_DEATH(encode_connect(room, {.client_id = "c"}), "CHECK failed");
  EXPECT_DEATH(encode_acknowledge(core::MutableBytes(room).first(3), PacketType::kPuback, PacketId(1)), "CHECK failed");
}

TEST(encode_death, refuses_packets_that_the_standard_forbids) {
  std::byte room[64];
  EXPECT_DEATH(encode_connect(room, {.client_id = "c", .password = core::as_bytes("p")}), "CHECK failed");
  EXPECT_DEATH(encode_subscribe(room, PacketId(1), {}), "CHECK failed");
  EXPECT_DEATH(encode_connack(room, {true, ReasonCode::kNotAuthorized, {}}), "CHECK failed");
}

}  // namespace
}  // namespace penstock::protocol
