// Flow control and packet sizes of MQTT 5.0, chapters 3.1.2.11.3, 3.1.2.11.4, 3.2.2.3.3, 3.2.2.3.6 and 4.9: Receive
// Maximum and Maximum Packet Size, in both directions.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

constexpr uint16_t kNoReceiveMaximum = 65535;

class V5FlowSuite : public BrokerSuite {
 protected:
  TestClient narrow(uint16_t receive_maximum) {
    return client(ConnectOptions{.client_id = id("s"), .properties = {{kReceiveMaximum, receive_maximum}}});
  }
  TestClient small(uint32_t packet_bytes_max) {
    return client(ConnectOptions{.client_id = id("s"), .properties = {{kMaximumPacketSize, packet_bytes_max}}});
  }
  void publish_ten(uint8_t qos) {
    TestClient publisher = client("p");
    for (int i = 0; i < 10; ++i) publisher.publish(topic("x"), std::to_string(i), qos);
  }
};

BROKER_SUITE_ON(V5FlowSuite, V5ReceiveMaximum, kLevel5);
BROKER_SUITE_ON(V5FlowSuite, V5PacketSize, kLevel5);

TEST_P(V5ReceiveMaximum, of_the_client_limits_what_is_on_its_way_at_qos_1) {
  TestClient subscriber = narrow(3);
  subscriber.subscribe(topic("x"), 1);
  publish_ten(1);
  std::deque<uint16_t> ids;
  for (int i = 0; i < 10; ++i) {
    if (i >= 3) {
      subscriber.expect_quiet();  // [MQTT5-3.3.4-9] [MQTT5-3.3.4-10] [MQTT5-4.9.0-2] [MQTT5-4.9.0-3]
      subscriber.send(acknowledge_packet(Type::kPuback, ids.front()));
      ids.pop_front();
    }
    const Packet message = subscriber.expect(Type::kPublish);
    EXPECT_EQ(message.payload, std::to_string(i));
    ids.push_back(message.packet_id);
  }
}

TEST_P(V5ReceiveMaximum, that_is_smaller_now_holds_back_publish_and_no_pubrel) {
  const auto connect = [&](uint16_t receive_maximum) {
    return client(ConnectOptions{.client_id = id("s"),
                                 .clean_start = false,
                                 .properties = {{kSessionExpiry, 1000}, {kReceiveMaximum, receive_maximum}}});
  };
  TestClient subscriber = connect(10);
  subscriber.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  std::vector<uint16_t> ids;
  for (const char* payload : {"0", "1", "2", "3"}) {
    publisher.publish(topic("x"), payload, 2);
    ids.push_back(subscriber.expect(Type::kPublish).packet_id);
  }
  for (const size_t released : {2u, 3u}) {
    subscriber.send(acknowledge_packet(Type::kPubrec, ids[released]));
    subscriber.expect(Type::kPubrel, ids[released]);
  }
  subscriber.drop();
  subscriber = connect(1);
  subscriber.expect(Type::kPublish, ids[0]);
  subscriber.expect(Type::kPubrel, ids[2]);  // [MQTT5-3.3.4-10] [MQTT5-4.9.0-3]
  subscriber.expect(Type::kPubrel, ids[3]);
  subscriber.expect_quiet();
  const auto complete = [&](uint16_t packet_id) {
    subscriber.send(acknowledge_packet(Type::kPubrec, packet_id));
    subscriber.expect(Type::kPubrel, packet_id);
    subscriber.send(acknowledge_packet(Type::kPubcomp, packet_id));
  };
  complete(ids[0]);
  subscriber.expect(Type::kPublish, ids[1]);
  complete(ids[1]);
  for (const size_t released : {2u, 3u}) subscriber.send(acknowledge_packet(Type::kPubcomp, ids[released]));
  publisher.publish(topic("x"), "fence", 2);
  subscriber.expect_message(topic("x"), "fence");  // and no PUBREL came a second time [MQTT5-4.4.0-1]
  subscriber.disconnect(reason::kSuccess, {{kSessionExpiry, 0}});
}

TEST_P(V5ReceiveMaximum, of_the_client_counts_a_qos_2_message_until_pubcomp) {
  TestClient subscriber = narrow(1);
  subscriber.subscribe(topic("x"), 2);
  publish_ten(2);
  for (int i = 0; i < 10; ++i) {
    const Packet message = subscriber.expect(Type::kPublish);
    EXPECT_EQ(message.payload, std::to_string(i));
    subscriber.send(acknowledge_packet(Type::kPubrec, message.packet_id));
    subscriber.expect(Type::kPubrel, message.packet_id);
    subscriber.expect_quiet();  // [MQTT5-3.3.4-9]
    subscriber.send(acknowledge_packet(Type::kPubcomp, message.packet_id));
  }
}

TEST_P(V5ReceiveMaximum, of_the_client_counts_a_refused_qos_2_message_no_longer) {
  TestClient subscriber = narrow(1);
  subscriber.subscribe(topic("x"), 2);
  publish_ten(2);
  for (int i = 0; i < 10; ++i) {
    const Packet message = subscriber.expect(Type::kPublish);
    EXPECT_EQ(message.payload, std::to_string(i));
    // [MQTT5-3.3.4-9] [MQTT5-4.3.3-4]: no PUBREL comes.
    subscriber.send(acknowledge_packet(Type::kPubrec, message.packet_id, reason::kUnspecifiedError));
  }
  subscriber.expect_quiet();
}

TEST_P(V5ReceiveMaximum, of_the_client_is_that_of_each_connection) {
  const auto connect = [&](uint16_t receive_maximum) {
    return client(ConnectOptions{
        .client_id = id("s"),
        .clean_start = false,
        .properties = {{kSessionExpiry, 1000}, {kReceiveMaximum, receive_maximum}},
    });
  };
  TestClient wide = connect(5);
  wide.subscribe(topic("x"), 1);
  publish_ten(1);
  for (int i = 0; i < 5; ++i) wide.expect(Type::kPublish);
  wide.expect_quiet();
  wide.drop();
  TestClient narrow = connect(2);
  std::deque<uint16_t> ids;
  for (int i = 0; i < 10; ++i) {
    if (i >= 2) {
      narrow.expect_quiet();  // [MQTT5-4.9.0-1]: also of those that are sent again
      narrow.send(acknowledge_packet(Type::kPuback, ids.front()));
      ids.pop_front();
    }
    const Packet message = narrow.expect(Type::kPublish);
    EXPECT_EQ(message.payload, std::to_string(i));
    EXPECT_EQ(message.dup(), i < 5);
    ids.push_back(message.packet_id);
  }
  narrow.disconnect(reason::kSuccess, {{kSessionExpiry, 0}});
}

TEST_P(V5ReceiveMaximum, of_the_server_can_be_used_to_the_last) {
  TestClient publisher = client("p");
  const uint16_t maximum = std::min<uint16_t>(publisher.receive_maximum(), 2000);
  for (int round = 0; round < 2; ++round) {
    std::string bytes;
    for (uint16_t i = 1; i <= maximum; ++i) bytes += publish_packet(topic("x"), "m", {.qos = 2, .packet_id = i});
    publisher.send(bytes);
    for (uint16_t i = 1; i <= maximum; ++i) publisher.expect(Type::kPubrec, i);
    publisher.expect_quiet();
    for (uint16_t i = 1; i <= maximum; ++i) publisher.send(acknowledge_packet(Type::kPubrel, i));
    for (uint16_t i = 1; i <= maximum; ++i) publisher.expect(Type::kPubcomp, i);
  }
}

TEST_P(V5ReceiveMaximum, of_the_server_ends_the_connection_of_a_client_that_exceeds_it) {
  TestClient publisher = client("p");
  const uint16_t maximum = publisher.receive_maximum();
  if (maximum == kNoReceiveMaximum) GTEST_SKIP() << "there are no more packet ids than it allows";
  std::string bytes;
  // At QoS 2, where nothing but a PUBREL of ours would make room.
  for (uint16_t i = 1; i <= maximum + 1; ++i) bytes += publish_packet(topic("x"), "m", {.qos = 2, .packet_id = i});
  publisher.send(bytes);
  const std::deque<Packet> answers = publisher.drain_until_closed();
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.back().type, Type::kDisconnect);
  EXPECT_EQ(answers.back().reason_code, reason::kReceiveMaximumExceeded);  // [MQTT5-3.3.4-7]
}

TEST_P(V5PacketSize, of_the_client_is_exact) {
  const std::string payload(200, 'p');
  const auto exact = static_cast<uint32_t>(publish_packet(topic("x"), payload).size());
  for (const bool fits : {true, false}) {
    TestClient subscriber = small(fits ? exact : exact - 1);
    subscriber.subscribe(topic("x"), 1);
    TestClient publisher = client("p");
    publisher.publish(topic("x"), payload, 0);
    publisher.publish(topic("x"), "fence", 0);
    if (fits) subscriber.expect_message(topic("x"), payload);
    subscriber.expect_message(topic("x"), "fence");  // [MQTT5-3.1.2-24]
  }
}

TEST_P(V5PacketSize, of_the_client_is_kept_by_suback_and_unsuback) {
  constexpr size_t kFilters = 100;
  FilterList filters;
  std::vector<std::string> names;
  for (size_t i = 0; i < kFilters; ++i) {
    names.push_back(topic(std::to_string(i)));
    filters.push_back({names.back(), 0});
  }
  constexpr uint32_t kExact = 2 + 2 + 1 + kFilters;  // fixed header, packet id, no properties, codes
  TestClient exact = small(kExact);
  exact.subscribe(filters);
  exact.unsubscribe(names);
  for (const std::string& request : {subscribe_packet(1, filters), unsubscribe_packet(1, names)}) {
    TestClient subscriber = small(kExact - 1);
    subscriber.send(request);
    subscriber.expect_disconnect(reason::kPacketTooLarge);  // [MQTT5-3.1.2-24]
  }
}

TEST_P(V5PacketSize, of_one_client_keeps_nothing_from_others) {
  const std::string payload(1000, 'p');
  TestClient small = this->small(200);
  small.subscribe(topic("x"), 2);
  TestClient other = client("o");
  other.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (uint8_t qos = 0; qos <= 2; ++qos) {
    publisher.publish(topic("x"), payload, qos);
    publisher.publish(topic("x"), "fence", qos);
    other.expect_message(topic("x"), payload);
    other.expect_message(topic("x"), "fence");
    small.expect_message(topic("x"), "fence");  // [MQTT5-3.1.2-25]
  }
}

TEST_P(V5PacketSize, of_the_client_counts_the_properties) {
  TestClient small = this->small(300);
  small.subscribe(topic("x"), 1);
  TestClient publisher = client("p");
  publisher.publish(topic("x"), "m", {.qos = 1, .properties = {{kUserProperty, "a", std::string(300, 'v')}}});
  publisher.publish(topic("x"), "fence", 1);
  small.expect_message(topic("x"), "fence");  // [MQTT5-3.1.2-24]
}

TEST_P(V5PacketSize, that_is_too_small_for_a_message_takes_no_place_in_the_window) {
  TestClient small =
      client(ConnectOptions{.client_id = id("s"), .properties = {{kMaximumPacketSize, 200}, {kReceiveMaximum, 1}}});
  small.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (int i = 0; i < 10; ++i) publisher.publish(topic("x"), std::string(500, 'p'), 1 + i % 2);
  publisher.publish(topic("x"), "fence", 2);
  small.expect_message(topic("x"), "fence");  // [MQTT5-3.1.2-25]: as if they had been delivered
}

TEST_P(V5PacketSize, that_was_too_small_for_a_message_has_delivered_it) {
  const auto connect = [&](uint32_t packet_bytes_max) {
    return client(ConnectOptions{
        .client_id = id("s"),
        .clean_start = false,
        .properties = {{kSessionExpiry, 1000}, {kMaximumPacketSize, packet_bytes_max}},
    });
  };
  TestClient small = connect(200);
  small.subscribe(topic("x"), 2);
  TestClient publisher = client("p");
  for (uint8_t qos = 1; qos <= 2; ++qos) publisher.publish(topic("x"), std::string(500, 'p'), qos);
  publisher.publish(topic("x"), "fence", 1);
  small.expect_message(topic("x"), "fence");
  small.disconnect();
  TestClient large = connect(10'000);
  publisher.publish(topic("x"), "fence", 1);
  large.expect_message(topic("x"), "fence");  // [MQTT5-3.1.2-25]
  large.disconnect(reason::kSuccess, {{kSessionExpiry, 0}});
}

TEST_P(V5PacketSize, of_the_client_limits_what_waited_for_it) {
  const ConnectOptions options{
      .client_id = id("s"),
      .clean_start = false,
      .properties = {{kSessionExpiry, 1000}, {kMaximumPacketSize, 200}},
  };
  TestClient small = client(options);
  small.subscribe(topic("x"), 2);
  small.disconnect();
  TestClient publisher = client("p");
  publisher.publish(topic("x"), std::string(500, 'p'), 1);
  publisher.publish(topic("x"), std::string(500, 'p'), {.qos = 2, .retain = true});
  publisher.publish(topic("x"), "fence", 1);
  client(options).expect_message(topic("x"), "fence");  // [MQTT5-3.1.2-25]
  forget("s");
  small = this->small(200);
  small.subscribe({{topic("x"), 1}, {topic("fence"), 1}});
  publisher.publish(topic("fence"), "f", 1);
  small.expect_message(topic("fence"), "f");  // the retained one is too large, too
  publisher.publish(topic("x"), "", 1, true);
}

TEST_P(V5PacketSize, of_the_client_limits_connack) {
  // [MQTT5-3.1.2-24] [MQTT5-3.2.2-19] [MQTT5-3.2.2-20]: where nothing fits, there is no connection.
  for (const uint32_t packet_bytes_max : {1u, 4u, 5u, 12u, 30u, 60u, 120u}) {
    TestClient client = silent();
    client.send(connect_packet({.client_id = "", .properties = {{kMaximumPacketSize, packet_bytes_max}}}));
    const Packet answer = client.next_or_end();
    EXPECT_LE(answer.bytes, packet_bytes_max) << answer;
    if (answer.type == Type::kNone || answer.reason_code != reason::kSuccess) client.expect_closed();
  }
}

TEST_P(V5PacketSize, of_the_client_limits_acknowledgements) {
  // As large as CONNACK has to be. [MQTT5-3.4.2-2] [MQTT5-3.5.2-2] [MQTT5-3.6.2-2] [MQTT5-3.7.2-2] [MQTT5-3.9.2-1]
  // [MQTT5-3.11.2-1] [MQTT5-3.14.2-3]; the client checks each packet.
  const auto connack_bytes = static_cast<uint32_t>(this->client("s").connack().bytes);
  TestClient client = small(connack_bytes);
  client.unsubscribe(topic("never subscribed"));
  client.publish(topic("nobody"), "m", 1);
  client.publish(topic("nobody"), "m", 2);
  client.send(acknowledge_packet(Type::kPubrel, 77));
  client.expect(Type::kPubcomp, 77);
  client.send(acknowledge_packet(Type::kPubrec, 78));
  client.expect(Type::kPubrel, 78);
  client.send(publish_packet("", "m"));  // neither topic nor alias
  client.expect_disconnect(reason::kProtocolError);
}

TEST_P(V5PacketSize, of_the_server_is_enforced) {
  TestClient client = this->client("a");
  const uint32_t maximum = client.connack().number(kMaximumPacketSize);
  ASSERT_GT(maximum, 0u) << "there is a limit, so it has to be told";  // 3.2.2.3.6
  // The length alone is enough to know.
  client.send(std::string("\x30") + variable_byte_integer(maximum));
  client.expect_disconnect(reason::kPacketTooLarge);  // [MQTT5-3.2.2-15]
}

TEST_P(V5PacketSize, of_the_server_can_be_used_to_the_last) {
  TestClient client = this->client("a");
  const uint32_t maximum = std::min(client.connack().number(kMaximumPacketSize, 1 << 20), 16u << 20);
  const PublishOptions options{.qos = 1, .packet_id = 1};
  const size_t around = publish_packet(topic("x"), std::string(maximum, 'p'), options).size() - maximum;
  client.send(publish_packet(topic("x"), std::string(maximum - around, 'p'), options));
  client.expect(Type::kPuback, 1);  // taken or refused, but not a reason to end the connection
  client.expect_quiet();
}

}  // namespace
}  // namespace penstock::test
