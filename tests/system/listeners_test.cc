// The whole broker behind each kind of listener: TLS, WebSocket, PROXY headers and all of them at once, with the real
// layers on both sides (tests/interop has other people's clients).
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include "core/random.h"
#include "tests/support/broker_suite.h"
#include "tests/support/certificate_maker.h"
#include "tests/support/layered_client.h"
#include "tls/client_codec.h"
#include "ws/ws_client.h"

namespace penstock::test {
namespace {

// Rounds of a look at something that the broker does by itself, soon.
constexpr int kLooksMax = 600;
constexpr std::chrono::milliseconds kLook(100);

class ListenerFiles : public BrokerSuite {
 protected:
  void SetUp() override {
    if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's own flags";
    write_server_certificate("first");
    write_text(files_ / "ca.pem", authority_.pem());
    write_pair("client", authority_.issue({.common_name = "sensor-1", .usage = TestUsage::kClient}));
    write_pair("stranger", stranger_.issue({.common_name = "sensor-1", .usage = TestUsage::kClient}));
  }

  void write_pair(const std::string& name, const TestCertificate& pair) {
    write_text(files_ / (name + ".pem"), pair.certificate_pem());
    write_text(files_ / (name + ".key"), pair.key_pem());
  }
  void write_server_certificate(const std::string& common_name) {
    write_pair("server", authority_.issue({.common_name = common_name, .alternative_names = {"IP:127.0.0.1"}}));
  }

  std::string tls_parameters() const { return "?cert=" + files_ / "server.pem" + "&key=" + files_ / "server.key"; }

  // Beside mqtt://.
  std::vector<std::string> all_listeners(const std::string& more = "") {
    return {"--listen", "mqtts://127.0.0.1:0" + tls_parameters() + (more.empty() ? "" : "&" + more),
            "--listen", "ws://127.0.0.1:0" + (more.empty() ? "" : "?" + more),
            "--listen", "wss://127.0.0.1:0/mqtt" + tls_parameters() + (more.empty() ? "" : "&" + more)};
  }

  // `shown`: the name of a pair.
  void add_tls(core::ClientLayers& layers, const std::string& shown = "") {
    tls::ClientSettings settings{.trust = {.ca_files = {files_ / "ca.pem"}}};
    if (!shown.empty()) settings.key_pair = {files_ / (shown + ".pem"), files_ / (shown + ".key")};
    auto context = tls::ClientContext::load(settings);
    ASSERT_TRUE(context.has_value()) << context.error().message;
    auto codec = std::make_unique<tls::ClientCodec>(*context);
    tls::ClientCodec& its = *codec;
    layers.add(std::move(codec), [&its](core::ByteSink& down) { its.start(down); });
  }
  void add_web_socket(core::ClientLayers& layers) {
    auto codec = std::make_unique<ws::WsClientCodec>(ws::ClientRequest{.host = "127.0.0.1"}, random_);
    ws::WsClientCodec& its = *codec;
    layers.add(std::move(codec), [&its](core::ByteSink& down) { its.start(down); });
  }
  core::ClientLayers layers_of(std::string_view scheme) {
    core::ClientLayers layers;
    if (scheme == "mqtts" || scheme == "wss") add_tls(layers);
    if (scheme == "ws" || scheme == "wss") add_web_socket(layers);
    return layers;
  }
  LayeredClient connected(std::string_view scheme, const std::string& client_id, std::string_view front = {}) {
    LayeredClient client(own_broker().port_of(scheme), layers_of(scheme), front);
    client.send(connect_packet({.client_id = client_id}));
    EXPECT_EQ(client.expect(Type::kConnack).return_code, 0);
    return client;
  }

  // The name in the certificate of the server.
  static std::string server_name(LayeredClient& client) {
    const auto identity = static_cast<tls::TlsCodec&>(client.layers().codec(0)).peer_identity();
    return identity ? identity->common_name : "(none)";
  }
  // Of a new connection.
  std::string server_name_now() {
    LayeredClient client(own_broker().port_of("mqtts"), layers_of("mqtts"));
    EXPECT_TRUE(client.open());
    return server_name(client);
  }
  bool says(const std::string& text) { return own_broker().says(text); }

  TempDir files_;
  TestAuthority authority_{"devices"};
  TestAuthority stranger_{"somebody else"};
  core::SeededRandom random_{1};
};
BROKER_SUITE_ON(ListenerFiles, Listeners, kLevel311);

constexpr const char* kSchemes[] = {"mqtt", "mqtts", "ws", "wss"};

// With several shards most of them move from one to another in their first turn, layers and all.
TEST_P(Listeners, all_lead_to_the_same_broker) {
  own_broker(all_listeners());
  std::vector<LayeredClient> clients;
  for (const char* scheme : kSchemes)
    for (int i = 0; i < 6; ++i) clients.push_back(connected(scheme, id(scheme + std::to_string(i))));
  for (LayeredClient& client : clients) {
    client.send(subscribe_packet(1, {{topic("all"), 1}}));
    client.expect(Type::kSuback);
  }
  for (const char* scheme : kSchemes) {
    LayeredClient publisher = connected(scheme, id("p"));
    const std::string payload = std::string(scheme) + std::string(60'000, 'x');
    publisher.send(publish_packet(topic("all"), payload, {.qos = 1, .packet_id = 1}));
    publisher.expect(Type::kPuback);
    for (LayeredClient& client : clients) {
      const Packet message = client.expect(Type::kPublish);
      EXPECT_TRUE(message.payload == payload) << message.payload.substr(0, 10);
      client.send(acknowledge_packet(Type::kPuback, message.packet_id));
    }
    publisher.send(disconnect_packet());
    publisher.read_to_end();
  }
}

// The broker's tickets are still on their way when the connection moves to its home shard.
TEST_P(Listeners, packets_in_one_segment_with_the_end_of_the_handshake_are_handled) {
  own_broker(all_listeners());
  for (const char* scheme : {"mqtts", "wss"}) {
    for (int i = 0; i < 20; ++i) {
      const std::string name = scheme + std::to_string(i);
      LayeredClient client(own_broker().port_of(scheme), layers_of(scheme));
      client.send(connect_packet({.client_id = id(name)}) + subscribe_packet(1, {{topic(name), 0}}) +
                  publish_packet(topic(name), name, {.qos = 2, .packet_id = 7}));
      client.expect(Type::kConnack);
      // In any order: SUBACK waits for the other shards, the message until its record is durable.
      std::vector<Type> answers;
      for (int packets = 0; packets < 3; ++packets) answers.push_back(client.next().type);
      std::ranges::sort(answers);
      EXPECT_EQ(answers, (std::vector<Type>{Type::kPublish, Type::kPubrec, Type::kSuback}));
    }
  }
}

TEST_P(Listeners, a_client_shows_the_certificate_that_is_demanded_or_does_not_get_in) {
  own_broker({"--listen", "mqtts://0.0.0.0:0" + tls_parameters() + "&verify=require&ca=" + files_ / "ca.pem"});
  const auto try_with = [&](const std::string& shown) {
    core::ClientLayers layers;
    add_tls(layers, shown);
    LayeredClient client(own_broker().port_of("mqtts"), std::move(layers));
    client.send(connect_packet({.client_id = id("c")}));
    if (shown == "client") {
      EXPECT_EQ(client.expect(Type::kConnack).return_code, 0);
    } else {
      client.read_to_end();
      EXPECT_TRUE(client.layers().has_failed()) << "it is told why";
    }
  };
  try_with("client");
  try_with("");
  try_with("stranger");
  EXPECT_TRUE(says("[tls_certificate_required]"));
  EXPECT_TRUE(says("[tls_unknown_ca]"));
  // Who gets in is called by its name.
  core::ClientLayers layers;
  add_tls(layers, "client");
  LayeredClient wrong(own_broker().port_of("mqtts"), std::move(layers));
  wrong.send(pingreq_packet());
  wrong.open();
  wrong.read_to_end();
  EXPECT_TRUE(says("(certificate of 'sensor-1')"));
}

TEST_P(Listeners, bytes_of_another_protocol_are_refused_and_named) {
  own_broker(all_listeners());
  LayeredClient living = connected("mqtts", id("l"));
  LayeredClient plain(own_broker().port_of("mqtts"), {}, connect_packet({.client_id = id("p")}));
  plain.read_to_end();
  EXPECT_TRUE(says("[tls_not_tls]"));
  LayeredClient browser(own_broker().port_of("ws"), {}, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  EXPECT_EQ(browser.read_to_end().find("HTTP/1.1 4"), 0u);
  LayeredClient lost(own_broker().port(), layers_of("mqtts"));
  lost.read_to_end();
  living.send(pingreq_packet());
  living.expect(Type::kPingresp);
}

TEST_P(Listeners, sighup_brings_new_certificates_and_connections_live_on) {
  own_broker(all_listeners());
  LayeredClient before = connected("mqtts", id("b"));
  EXPECT_EQ(server_name(before), "first");
  write_server_certificate("second");
  kill(own_broker().pid(), SIGHUP);
  EXPECT_TRUE(says("certificates were read again"));
  EXPECT_EQ(server_name_now(), "second");
  before.send(pingreq_packet());
  before.expect(Type::kPingresp);
  // Nonsense changes nothing.
  write_text(files_ / "server.key", "no key");
  kill(own_broker().pid(), SIGHUP);
  EXPECT_TRUE(says("the certificates of before stay in use: " + files_ / "server.key"));
  EXPECT_EQ(server_name_now(), "second");
  before.send(pingreq_packet());
  before.expect(Type::kPingresp);
}

TEST_P(Listeners, changed_files_are_noticed) {
  if (shards() != 1) GTEST_SKIP() << "a matter of the main thread";
  own_broker(all_listeners());
  EXPECT_EQ(server_name_now(), "first");
  write_server_certificate("second");
  for (int look = 0; look < kLooksMax && server_name_now() != "second"; ++look) std::this_thread::sleep_for(kLook);
  EXPECT_EQ(server_name_now(), "second");
}

// Version 2, TCP over IPv4, from 203.0.113.7:4711.
std::string proxy_header() {
  return std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16) + std::string("\xcb\0\x71\x07\x7f\0\0\x01", 8) +
         u16(4711) + u16(1883);
}

TEST_P(Listeners, a_proxy_says_where_clients_come_from) {
  std::vector<std::string> flags = all_listeners("proxy=v2");
  flags.insert(flags.end(), {"--listen", "mqtt://127.0.0.1:0?proxy=any"});
  own_broker(flags);
  for (const char* scheme : {"mqtts", "ws", "wss"}) {
    LayeredClient client = connected(scheme, id(scheme), proxy_header());
    client.send(pingreq_packet());
    client.expect(Type::kPingresp);
    client.send(std::string("\xf0\0", 2));
    client.read_to_end();
    EXPECT_TRUE(says("closing 203.0.113.7:4711 (client '" + id(scheme) + "')")) << scheme;
  }
  LayeredClient without(own_broker().port_of("ws"), layers_of("ws"));
  without.read_to_end();
  EXPECT_TRUE(says("[proxy_"));
}

TEST_P(Listeners, a_clean_stop_says_goodbye) {
  BrokerProcess& broker = own_broker(all_listeners());
  std::vector<LayeredClient> clients;
  for (const char* scheme : {"mqtts", "ws", "wss"}) clients.push_back(connected(scheme, id(scheme)));
  EXPECT_EQ(broker.stop(), 0);
  for (LayeredClient& client : clients) {
    client.read_to_end();
    EXPECT_TRUE(client.layers().has_ended());
    EXPECT_FALSE(client.layers().has_failed());
  }
}

// All at once, and one of them that was there before and is answered meanwhile.
TEST_P(Listeners, a_storm_of_handshakes_gets_through) {
  own_broker(all_listeners());
  LayeredClient living = connected("mqtt", id("l"));
  std::vector<LayeredClient> storm;
  for (int i = 0; i < 300; ++i) storm.emplace_back(own_broker().port_of("mqtts"), layers_of("mqtts"));
  for (size_t i = 0; i < storm.size(); ++i) storm[i].send(connect_packet({.client_id = id(std::to_string(i))}));
  for (LayeredClient& client : storm) {
    EXPECT_EQ(client.expect(Type::kConnack).return_code, 0);
    living.send(pingreq_packet());
    living.expect(Type::kPingresp);
  }
}

// What a layer keeps of a connection that has nothing to say. Of TLS most is the library's.
TEST_P(Listeners, idle_connections_are_small) {
  if (shards() != 1) GTEST_SKIP() << "memory does not depend on it";
  own_broker(all_listeners());
  const std::vector<std::pair<const char*, uint64_t>> bounds = {
      {"ws", 2 << 10}, {"mqtts", 12 << 10}, {"wss", 12 << 10}};
  std::vector<LayeredClient> clients;  // all stay, or later ones would have the memory of earlier ones
  for (const auto& [scheme, bytes_max] : bounds) {
    const auto connect_some = [&, scheme = scheme](size_t count) {
      for (size_t i = 0; i < count; ++i) clients.push_back(connected(scheme, scheme + std::to_string(clients.size())));
    };
    connect_some(100);  // pools are filled
    const uint64_t before = own_broker().resident_bytes();
    connect_some(500);
    const uint64_t each = (own_broker().resident_bytes() - before) / 500;
    EXPECT_LE(each, bytes_max) << scheme;
    RecordProperty(scheme, static_cast<int64_t>(each));
  }
}

}  // namespace
}  // namespace penstock::test
