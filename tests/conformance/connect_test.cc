// CONNECT and CONNACK, chapters 3.1 and 3.2. What 3.1.1 and 5.0 do not have in common is in suites of their own; that
// of 5.0 is in v5_connect_test.cc.
#include <gtest/gtest.h>

#include "tests/support/broker_suite.h"

namespace penstock::test {
namespace {

BROKER_SUITE_OF_ALL_VERSIONS(Connect);
BROKER_SUITE(Connect311);

TEST_P(Connect, accepts_a_valid_connect_with_code_zero) {
  TestClient client = silent();
  // [MQTT-3.1.4-4] [MQTT-3.2.0-1]: CONNACK is the first packet; expect() takes the very first one.
  const Packet connack = client.connect({.client_id = id("a")});
  EXPECT_EQ(connack.return_code, 0);
  EXPECT_FALSE(connack.session_present);  // [MQTT-3.2.2-1]
  client.expect_quiet();
}

TEST_P(Connect, closes_when_the_first_packet_is_not_connect) {
  for (const std::string& packet : {pingreq_packet(), publish_packet("t", "x"), subscribe_packet(1, {{"#", 0}}),
                                    disconnect_packet(), acknowledge_packet(Type::kPuback, 1)}) {
    TestClient client = silent();
    client.send(packet);
    client.expect_closed();  // [MQTT-3.1.0-1]
  }
}

TEST_P(Connect, closes_on_a_second_connect) {
  TestClient client = this->client("a");
  client.send(connect_packet({.client_id = id("a")}));
  client.expect_closed();  // [MQTT-3.1.0-2]
}

TEST_P(Connect311, does_not_serve_an_unknown_protocol_name) {
  for (const char* name : {"MQTX", "mqtt", "HTTP", "", "MQTTT"}) {
    TestClient client = silent();
    client.send(connect_packet({.client_id = id("a"), .protocol_name = name}));
    // [MQTT-3.1.2-1]: may close with or without an answer, but not go on by this specification.
    for (const Packet& packet : client.drain_until_closed()) {
      EXPECT_EQ(packet.type, Type::kConnack);
      EXPECT_NE(packet.return_code, 0) << name;
    }
  }
}

TEST_P(Connect311, answers_an_unknown_protocol_level_with_code_1_and_closes) {
  for (const int level : {0, 1, 2}) {  // a later one is refused in the words of 5.0
    TestClient client = silent();
    const Packet connack = client.connect({.client_id = id("a"), .protocol_level = static_cast<uint8_t>(level)});
    EXPECT_EQ(connack.return_code, 1) << level;  // [MQTT-3.1.2-2]
    EXPECT_FALSE(connack.session_present);       // [MQTT-3.2.2-4]
    client.expect_closed();                      // [MQTT-3.2.2-5]
  }
}

TEST_P(Connect, closes_when_the_reserved_connect_flag_is_set) {
  TestClient client = silent();
  client.send(connect_packet({.client_id = id("a"), .extra_flags = 0x01}));
  client.expect_closed();  // [MQTT-3.1.2-3] [MQTT-3.1.4-1]: without CONNACK
}

TEST_P(Connect, accepts_client_ids_of_1_to_23_letters_and_digits) {
  // [MQTT-3.1.3-5]
  const std::string alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (size_t begin = 0; begin < alphabet.size(); begin += 23) {
    const std::string client_id = alphabet.substr(begin, 23);
    TestClient client = this->client(ConnectOptions{.client_id = client_id});
    client.expect_quiet();
  }
  for (size_t size = 1; size <= 23; ++size) {
    TestClient client = this->client(ConnectOptions{.client_id = std::string(size, 'z')});
    client.expect_quiet();
  }
}

TEST_P(Connect, gives_each_client_without_id_an_id_of_its_own) {
  TestClient a = client(ConnectOptions{.client_id = ""});
  TestClient b = client(ConnectOptions{.client_id = ""});
  a.expect_quiet();  // [MQTT-3.1.3-6] [MQTT-3.1.3-7]: the second did not take the first one over
  b.expect_quiet();
}

TEST_P(Connect311, refuses_an_empty_client_id_without_clean_session) {
  TestClient client = silent();
  const Packet connack = client.connect({.client_id = "", .clean_session = false});
  EXPECT_EQ(connack.return_code, 2);  // [MQTT-3.1.3-8] [MQTT-3.1.3-9]
  EXPECT_FALSE(connack.session_present);
  client.expect_closed();
}

TEST_P(Connect311, does_not_process_what_follows_a_rejected_connect) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("#"), 0);
  TestClient client = silent();
  client.send(connect_packet({.client_id = "", .clean_session = false}) + publish_packet(topic("a"), "must not") +
              pingreq_packet());
  EXPECT_EQ(client.expect(Type::kConnack).return_code, 2);
  client.expect_closed();  // [MQTT-3.1.4-5]
  watcher.publish(topic("fence"), "f");
  watcher.expect_message(topic("fence"), "f");
}

TEST_P(Connect, processes_packets_sent_right_behind_connect) {
  // 3.1.4, non normative: clients may send before CONNACK arrives.
  TestClient client = silent();
  client.send(connect_packet({.client_id = id("a")}) + subscribe_packet(7, {{topic("x"), 1}}) +
              publish_packet(topic("x"), "early", {.qos = 1, .packet_id = 9}) + pingreq_packet());
  client.expect(Type::kConnack);  // [MQTT-3.2.0-1]
  bool message = false;
  bool acknowledged = false;
  bool pong = false;
  bool subscribed = false;
  // In any order: SUBACK and PUBACK wait for the disk.
  for (int i = 0; i < 4; ++i) {
    const Packet packet = client.next();
    subscribed |= packet.type == Type::kSuback && packet.packet_id == 7 && packet.codes == std::string(1, '\1');
    message |= packet.type == Type::kPublish && packet.payload == "early";
    acknowledged |= packet.type == Type::kPuback && packet.packet_id == 9;
    pong |= packet.type == Type::kPingresp;
  }
  EXPECT_TRUE(subscribed && message && acknowledged && pong);
}

TEST_P(Connect, accepts_connect_split_at_every_byte) {
  const std::string bytes = connect_packet({.client_id = id("a"), .will = Will{topic("w"), "w"}});
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    TestClient client = silent();
    client.send(bytes.substr(0, cut));
    client.send(bytes.substr(cut));
    EXPECT_EQ(client.expect(Type::kConnack).return_code, 0) << "cut at " << cut;
  }
}

TEST_P(Connect, accepts_a_name_and_a_password) {
  // [MQTT-3.1.2-19] [MQTT-3.1.2-21] [MQTT-3.1.3-1]: all fields in order, none mistaken for another.
  TestClient client = this->client(ConnectOptions{.client_id = id("a"),
                                                  .will = Will{topic("will"), "gone", 1, false},
                                                  .user_name = "someone",
                                                  .password = std::string("\0\xff binary", 9)});
  client.expect_quiet();
  TestClient watcher = this->client("w");
  watcher.subscribe(topic("will"), 1);
  client.drop();
  watcher.expect_message(topic("will"), "gone");
}

TEST_P(Connect, accepts_a_name_without_password) {
  TestClient client = this->client(ConnectOptions{.client_id = id("a"), .user_name = "someone"});
  client.expect_quiet();  // [MQTT-3.1.2-20]
}

TEST_P(Connect311, closes_on_a_password_without_name) {
  TestClient client = silent();
  client.send(connect_packet({.client_id = id("a"), .password = "secret"}));
  client.expect_closed();  // [MQTT-3.1.2-22]
}

TEST_P(Connect, closes_on_will_qos_3) {
  TestClient client = silent();
  client.send(connect_packet({.client_id = id("a"), .will = Will{topic("w"), "x", 3, false}}));
  client.expect_closed();  // [MQTT-3.1.2-14]
}

TEST_P(Connect, closes_on_will_qos_or_retain_without_will) {
  for (const int flags : {0x08, 0x10, 0x18, 0x20}) {
    TestClient client = silent();
    client.send(connect_packet({.client_id = id("a"), .extra_flags = static_cast<uint8_t>(flags)}));
    client.expect_closed();  // [MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-15]
  }
}

TEST_P(Connect, keeps_sessions_of_different_client_ids_apart) {
  persistent("a").subscribe(topic("a"), 1);  // [MQTT-3.1.3-2]
  TestClient b = silent();
  EXPECT_FALSE(b.connect({.client_id = id("b"), .clean_session = false}).session_present);
  TestClient a = silent();
  EXPECT_TRUE(a.connect({.client_id = id("a"), .clean_session = false}).session_present);
  a.disconnect();
  b.disconnect();
  forget("a");
  forget("b");
}

TEST_P(Connect, answers_pingreq) {
  TestClient client = this->client("a");
  for (int i = 0; i < 100; ++i) client.send(pingreq_packet());
  for (int i = 0; i < 100; ++i) client.expect(Type::kPingresp);  // [MQTT-3.12.4-1]
}

TEST_P(Connect, closes_after_disconnect) {
  TestClient client = this->client("a");
  client.send(disconnect_packet());
  client.expect_closed();
}

TEST_P(Connect, does_not_process_what_follows_disconnect) {
  TestClient watcher = client("w");
  watcher.subscribe(topic("#"), 0);
  TestClient client = this->client("a");
  client.send(disconnect_packet() + publish_packet(topic("x"), "must not"));
  client.expect_closed();
  watcher.publish(topic("fence"), "f");
  watcher.expect_message(topic("fence"), "f");
}

}  // namespace
}  // namespace penstock::test
