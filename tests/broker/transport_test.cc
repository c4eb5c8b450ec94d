// Transport: MQTT through layers, whatever the layers do and the peer does to them.
#include "broker/transport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/broker/layered_shard.h"

namespace penstock::broker {
namespace {

using Client = LayeredShard::Client;

constexpr int64_t kSecond = core::kNsPerSecond;
const std::string kConnack = test::from_hex("20 02 00 00");
const std::string kPingresp = test::from_hex("d0 00");

uint64_t failures(const ServedShard& broker, std::string_view name) {
  for (const auto& each : broker.shard->counters().layer_failures.all())
    if (each.name == name) return each.count;
  return 0;
}

TEST(Transport, carries_mqtt_through_one_two_and_three_layers) {
  for (size_t layers = 1; layers <= TransportLayers::kCountMax; ++layers) {
    LayeredShard broker(layers);
    Client client = broker.open_through();
    ASSERT_TRUE(client.layers.is_open()) << layers;
    EXPECT_EQ(broker.say(client, test::connect_packet({.client_id = "c"})), kConnack);
    broker.say(client, test::subscribe_packet(1, {{"x", 0}}));
    const std::string publish = test::publish_packet("x", std::string(50'000, 'p'));
    EXPECT_EQ(broker.say(client, publish), publish);
    // The plain listener is as it was, and both lead to the same broker.
    const core::SocketId plain = broker.connect({.client_id = "p"});
    broker.say(plain, publish);
    EXPECT_EQ(broker.pump(client), publish);
    EXPECT_EQ(broker.say(client, test::pingreq_packet()), kPingresp);
  }
}

TEST(Transport, bytes_may_be_cut_anywhere) {
  LayeredShard broker(2);
  Client client = broker.open_layered();
  std::string received;
  std::string sent = client.layers.begin() + client.layers.send(test::connect_packet({.client_id = "c"}));
  while (!sent.empty()) {
    for (const char byte : std::exchange(sent, {})) {
      broker.network.arrive(client.socket, std::string(1, byte));
      broker.turn();
    }
    broker.settle();
    sent = client.layers.receive(broker.network.take(client.socket));
    received += client.layers.take_received();
  }
  EXPECT_EQ(received, kConnack);
}

// received() of the lower layer is not over when the upper one answers: the toys check that nobody calls them then.
TEST(Transport, answers_of_every_layer_go_through_those_below_it) {
  LayeredShard broker(3);
  Client client = broker.connect_layered({.client_id = "c"});
  for (size_t layer = 0; layer < 3; ++layer) {
    struct Sink final : core::ByteSink {
      void take(core::Bytes bytes) override { text += core::as_text(bytes); }
      std::string text;
    };
    Sink asked;
    client.toy(layer).ask_echo(asked);
    for (size_t below = layer; below-- > 0;) {
      const std::string bytes = std::exchange(asked.text, {});
      client.toy(below).send(core::as_bytes(bytes), asked);
    }
    broker.network.arrive(client.socket, asked.text);
    broker.pump(client);
    EXPECT_EQ(client.toy(layer).echoes(), 1u) << layer;
  }
  EXPECT_EQ(broker.say(client, test::pingreq_packet()), kPingresp);
}

TEST(Transport, says_goodbye_before_it_closes) {
  LayeredShard broker(2);
  Client client = broker.connect_layered({.client_id = "c"});
  broker.say(client, test::disconnect_packet());
  EXPECT_FALSE(broker.network.is_open(client.socket));
  EXPECT_TRUE(client.layers.has_ended());
  EXPECT_EQ(broker.closes(CloseReason::kDisconnect), 1u);
}

// As a FIN without DISCONNECT. [MQTT-3.1.2-8]
TEST(Transport, a_goodbye_of_the_client_ends_its_connection_and_publishes_its_will) {
  LayeredShard broker(2);
  Client client = broker.connect_layered({.client_id = "c", .will = test::Will{"will", "m"}});
  const core::SocketId watcher = broker.connect({.client_id = "watcher"});
  broker.say(watcher, test::subscribe_packet(1, {{"will", 0}}));
  broker.network.arrive(client.socket, client.layers.finish());
  broker.settle();
  EXPECT_FALSE(broker.network.is_open(client.socket));
  EXPECT_EQ(broker.network.take(watcher), test::publish_packet("will", "m"));
  EXPECT_EQ(broker.closes(CloseReason::kPeerClosed), 1u);
  client.layers.receive(broker.network.take(client.socket));
  EXPECT_TRUE(client.layers.has_ended()) << "it was answered";
}

TEST(Transport, what_a_client_said_before_its_goodbye_is_handled) {
  LayeredShard broker(1);
  const core::SocketId watcher = broker.connect({.client_id = "watcher"});
  broker.say(watcher, test::subscribe_packet(1, {{"x", 0}}));
  Client client = broker.connect_layered({.client_id = "c", .will = test::Will{"x", "will"}});
  const std::string publish = test::publish_packet("x", "last");
  broker.network.arrive(client.socket,
                        client.layers.send(publish + test::disconnect_packet()) + client.layers.finish());
  broker.settle();
  EXPECT_EQ(broker.network.take(watcher), publish);
  EXPECT_EQ(broker.closes(CloseReason::kDisconnect), 1u);
}

TEST(Transport, a_failure_is_answered_and_counted_by_its_reason) {
  LayeredShard broker(1);
  Client client = broker.open_layered();
  const std::string answer = broker.say(client.socket, test::connect_packet({.client_id = "plain"}));
  EXPECT_EQ(answer.substr(0, 1), "A") << "the layer's own word for it";
  EXPECT_FALSE(broker.network.is_open(client.socket));
  EXPECT_EQ(failures(broker, "toy_no_handshake"), 1u);
  EXPECT_EQ(broker.closes(CloseReason::kLayerFailed), 1u);

  Client connected = broker.connect_layered({.client_id = "c"});
  broker.say(connected.socket, "?");
  EXPECT_TRUE(broker.network.is_open(connected.socket)) << "not yet a whole record";
  broker.say(connected.socket, std::string("\xff\xff", 2));
  EXPECT_FALSE(broker.network.is_open(connected.socket));
  EXPECT_EQ(failures(broker, "toy_large_record"), 1u);
}

// The lower one still works, so the alert of the upper one can be read.
TEST(Transport, a_layer_that_fails_is_heard_through_those_below_it) {
  LayeredShard broker(2);
  Client client = broker.connect_layered({.client_id = "c"});
  struct Sink final : core::ByteSink {
    void take(core::Bytes bytes) override { text += core::as_text(bytes); }
    std::string text;
  };
  Sink wrong;
  client.toy(0).send(core::as_bytes("????????"), wrong);
  broker.network.arrive(client.socket, wrong.text);
  broker.settle();
  const std::string answer = broker.network.take(client.socket);
  client.layers.receive(answer);
  EXPECT_EQ(client.toy(1).state(), core::StreamState::kFailed) << "it knows no alert but has read it";
  EXPECT_EQ(client.toy(0).state(), core::StreamState::kEnded) << "and the goodbye behind it";
  EXPECT_EQ(broker.closes(CloseReason::kLayerFailed), 1u);
}

TEST(Transport, a_handshake_that_does_not_come_to_its_end_is_closed) {
  LayeredShard broker(1);
  Client silent = broker.open_layered();
  Client begun = broker.open_layered();
  broker.network.arrive(begun.socket, begun.layers.begin());
  broker.settle();
  Client through = broker.open_through();
  broker.stall(11 * kSecond);
  broker.settle();
  for (const Client* client : {&silent, &begun, &through}) EXPECT_FALSE(broker.network.is_open(client->socket));
  EXPECT_EQ(broker.closes(CloseReason::kConnectTimeout), 3u);
}

TEST(Transport, a_storm_of_handshakes_has_a_few_steps_in_each_turn) {
  LayeredShard broker(1);
  const core::SocketId live = broker.connect({.client_id = "live"});
  std::vector<Client> storm;
  for (int i = 0; i < 20; ++i) storm.push_back(broker.open_layered());
  for (Client& client : storm) broker.network.arrive(client.socket, client.layers.begin());
  const auto answered = [&] {
    size_t count = 0;
    for (Client& client : storm) {
      const std::string answer = broker.network.take(client.socket);
      if (answer.empty()) continue;
      ++count;
      client.layers.receive(answer);  // its next step is left out
    }
    return count;
  };
  size_t all = 0;
  for (int turns = 0; turns < 5; ++turns) {
    broker.network.arrive(live, test::pingreq_packet());
    const bool more = broker.turn();
    EXPECT_EQ(more, turns < 4) << "the next turn does not wait while there is a step to be done";
    broker.network.dispatch();  // what was sent is taken
    EXPECT_EQ(broker.network.take(live), kPingresp) << "who is connected is served in each of them";
    const size_t now = answered();
    EXPECT_LE(now, BrokerShard::kHandshakeStepsPerTurn);
    all += now;
  }
  EXPECT_EQ(all, storm.size());
}

TEST(Transport, those_who_waited_for_their_handshake_are_not_late) {
  LayeredShard broker(1);
  std::vector<Client> storm;
  for (int i = 0; i < 6; ++i) storm.push_back(broker.open_layered());
  for (Client& client : storm) broker.network.arrive(client.socket, client.layers.begin());
  broker.turn();
  broker.stall(11 * kSecond);
  for (Client& client : storm) {
    client.layers.send(test::connect_packet({.client_id = "c" + std::to_string(client.socket.value())}));
    broker.pump(client);
  }
  const auto is_open = [&](const Client& client) { return broker.network.is_open(client.socket); };
  EXPECT_EQ(std::ranges::count_if(storm, is_open), 2) << "four had their answer, and were silent";
}

// The last step of its handshake, its packets and its FIN come at once, in a turn that has no time for handshakes left.
TEST(Transport, what_waits_for_its_turn_is_handled_before_the_end_of_its_connection) {
  LayeredShard broker(1);
  const core::SocketId watcher = broker.connect({.client_id = "watcher"});
  broker.say(watcher, test::subscribe_packet(1, {{"x", 0}}));
  std::vector<Client> storm;
  for (uint32_t i = 0; i < BrokerShard::kHandshakeStepsPerTurn; ++i) storm.push_back(broker.open_layered());
  Client client = broker.open_layered();
  broker.network.arrive(client.socket, client.layers.begin());
  broker.settle();
  const std::string publish = test::publish_packet("x", "m");
  client.layers.send(test::connect_packet({.client_id = "c"}) + publish + test::disconnect_packet());
  for (Client& other : storm) broker.network.arrive(other.socket, other.layers.begin());
  broker.network.arrive(client.socket, client.layers.receive(broker.network.take(client.socket)));
  broker.network.finish(client.socket);
  broker.settle();
  EXPECT_EQ(broker.network.take(watcher), publish);
  EXPECT_EQ(broker.closes(CloseReason::kDisconnect), 1u);
}

// [MQTT-3.1.4-2] The goodbye of one connection is said while another one's packet is being received.
TEST(Transport, a_client_that_is_taken_over_gets_its_goodbye) {
  LayeredShard broker(3);
  Client first = broker.connect_layered({.client_id = "c"});
  Client second = broker.connect_layered({.client_id = "c"});
  EXPECT_TRUE(second.layers.is_open());
  EXPECT_FALSE(broker.network.is_open(first.socket));
  first.layers.receive(broker.network.take(first.socket));
  EXPECT_TRUE(first.layers.has_ended());
  EXPECT_EQ(broker.say(second, test::pingreq_packet()), kPingresp);
}

TEST(Transport, a_peer_that_asks_and_takes_no_answer_is_not_read) {
  LayeredShard broker(1);
  Client client = broker.connect_layered({.client_id = "c"});
  broker.network.stop_reading(client.socket);
  struct Sink final : core::ByteSink {
    void take(core::Bytes bytes) override { text += core::as_text(bytes); }
    std::string text;
  };
  Sink asked;
  while (asked.text.size() < 16'000) client.toy(0).ask_echo(asked);
  size_t given = 0;
  for (int i = 0; i < 100 && broker.network.unread(client.socket) == 0; ++i, given += asked.text.size()) {
    broker.network.arrive(client.socket, asked.text);
    broker.turn();
  }
  EXPECT_LT(given, 200'000u);
  EXPECT_GT(given, Transport::kAnswerBytesMax);
}

TEST(Transport, a_peer_that_takes_no_goodbye_is_closed_without) {
  LayeredShard broker(1);
  Client client = broker.connect_layered({.client_id = "c", .keepalive_s = 1});
  broker.network.stop_reading(client.socket);
  broker.network.arrive(client.socket, client.layers.send(test::disconnect_packet()));
  broker.settle();
  EXPECT_TRUE(broker.network.is_open(client.socket));
  broker.stall(11 * kSecond);
  broker.settle();
  EXPECT_FALSE(broker.network.is_open(client.socket));
}

// The peer takes part of it now and the rest later: what is in between must not be lost, and deliveries stop meanwhile.
TEST(Transport, deliveries_wait_for_a_peer_that_takes_nothing) {
  LayeredShard broker(2);
  Client client = broker.connect_layered({.client_id = "c"});
  broker.say(client, test::subscribe_packet(1, {{"x", 1}}));
  const core::SocketId publisher = broker.connect({.client_id = "p"});
  broker.network.stop_reading(client.socket);
  std::string all;
  for (int i = 0; i < 40; ++i)
    broker.say(publisher, test::publish_packet("x", std::string(10'000, 'x'),
                                               {.qos = 1, .packet_id = static_cast<uint16_t>(i + 1)}));
  EXPECT_EQ(broker.pump(client), "");
  broker.network.go_on_reading(client.socket);
  for (std::string more; !(more = broker.pump(client)).empty();) all += more;
  size_t begin = 0;
  test::Packet packet;
  size_t publishes = 0;
  while (test::take_packet(all, begin, packet) == test::Take::kPacket)
    if (packet.type == test::Type::kPublish) ++publishes;
  EXPECT_EQ(publishes, 40u);
}

}  // namespace
}  // namespace penstock::broker
