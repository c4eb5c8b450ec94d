// A handshake, bytes both ways, and the goodbye, in both versions of TLS.
#include <gtest/gtest.h>

#include <string>

#include "tests/tls/tls_pair.h"

namespace penstock::tls {
namespace {

using core::StreamState;

class HandshakeTest : public testing::TestWithParam<TlsVersion> {
 protected:
  HandshakeTest() : server(server_with(files.server_settings())) {
    ClientSettings settings = files.client_settings();
    settings.version_min = settings.version_max = GetParam();
    client = client_with(settings);
  }

  TlsFiles files;
  ServerPointer server;
  ClientPointer client;
};

std::string patterned(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  return text;
}

TEST_P(HandshakeTest, opens_both_ends_and_carries_bytes_both_ways) {
  TlsPair pair(server, client);
  EXPECT_TRUE(pair.server.is_handshaking());
  pair.run();
  ASSERT_TRUE(pair.is_open()) << pair.server.failure().detail << pair.client.failure().detail;
  EXPECT_FALSE(pair.server.is_handshaking());
  EXPECT_STREQ(pair.server.version(), GetParam() == TlsVersion::kTls12 ? "TLSv1.2" : "TLSv1.3");
  EXPECT_STRNE(pair.server.cipher(), "");
  EXPECT_EQ(pair.server.server_name(), "broker.example");
  EXPECT_EQ(pair.server.application_protocol(), "");
  EXPECT_FALSE(pair.server.is_resumed());
  EXPECT_FALSE(pair.server.peer_identity().has_value());

  pair.client.send(core::as_bytes("ping"), pair.to_server);
  pair.server.send(core::as_bytes("pong"), pair.to_client);
  EXPECT_EQ(pair.to_server.text.find("ping"), std::string::npos);
  pair.run();
  EXPECT_EQ(pair.server_up.text, "ping");
  EXPECT_EQ(pair.client_up.text, "pong");
}

TEST_P(HandshakeTest, does_not_mind_where_the_bytes_are_cut) {
  for (const size_t cut : {1, 2, 3, 5, 100, 1000}) {
    TlsPair pair(server, client);
    pair.run(cut);
    ASSERT_TRUE(pair.is_open()) << cut << ": " << pair.server.failure().detail << pair.client.failure().detail;
    pair.client.send(core::as_bytes("ping"), pair.to_server);
    pair.server.send(core::as_bytes(patterned(40'000)), pair.to_client);
    pair.run(cut);
    EXPECT_EQ(pair.server_up.text, "ping") << cut;
    EXPECT_EQ(pair.client_up.text, patterned(40'000)) << cut;
  }
}

TEST_P(HandshakeTest, carries_much_in_records_of_16_KiB) {
  TlsPair pair(server, client);
  pair.run();
  const std::string much = patterned(3'000'000);
  pair.server.send(core::as_bytes(much), pair.to_client);
  EXPECT_LT(pair.to_client.text.size(), much.size() + (much.size() / 16'384 + 1) * 64);
  pair.client.send(core::as_bytes(much), pair.to_server);
  pair.run();
  EXPECT_EQ(pair.server_up.text, much);
  EXPECT_EQ(pair.client_up.text, much);
}

// Counts how the bytes came.
struct PieceSink final : core::ByteSink {
  void take(core::Bytes bytes) override {
    ++pieces;
    bytes_max = std::max(bytes_max, bytes.size());
  }
  size_t pieces = 0;
  size_t bytes_max = 0;
};

TEST_P(HandshakeTest, gives_small_records_in_one_piece_and_none_above_16_KiB) {
  TlsPair pair(server, client);
  pair.run();
  for (int i = 0; i < 100; ++i) pair.client.send(core::as_bytes("a packet"), pair.to_server);
  PieceSink up;
  pair.server.received(core::as_bytes(pair.to_server.text), up, pair.to_client);
  EXPECT_EQ(up.pieces, 1u);

  pair.to_server.text.clear();
  pair.client.send(core::as_bytes(patterned(200'000)), pair.to_server);
  pair.server.received(core::as_bytes(pair.to_server.text), up, pair.to_client);
  EXPECT_LE(up.bytes_max, 16'384u);
  EXPECT_LE(up.pieces, 1u + 200'000 / 16'384 + 1);
}

// Answers from within: what a broker does with a packet.
struct EchoSink final : core::ByteSink {
  EchoSink(TlsCodec& through, TextSink& to) : codec(through), down(to) {}
  void take(core::Bytes bytes) override {
    codec.send(bytes, down);
    if (core::as_text(bytes).ends_with("bye")) codec.finish(down);
  }
  TlsCodec& codec;
  TextSink& down;
};

TEST_P(HandshakeTest, can_send_and_finish_from_within_what_it_gives_up) {
  TlsPair pair(server, client);
  pair.run();
  pair.client.send(core::as_bytes("one, two, bye"), pair.to_server);
  EchoSink echo(pair.server, pair.to_client);
  EXPECT_EQ(pair.server.received(core::as_bytes(pair.to_server.text), echo, pair.to_client), StreamState::kOpen);
  pair.to_server.text.clear();
  pair.run();
  EXPECT_EQ(pair.client_up.text, "one, two, bye");
  EXPECT_EQ(pair.client.state(), StreamState::kEnded);
}

TEST_P(HandshakeTest, a_goodbye_ends_the_other_side_after_what_came_before) {
  TlsPair pair(server, client);
  pair.run();
  pair.client.send(core::as_bytes("last words"), pair.to_server);
  pair.client.finish(pair.to_server);
  pair.run();
  EXPECT_EQ(pair.server_up.text, "last words");
  EXPECT_EQ(pair.server.state(), StreamState::kEnded);
  // It can still answer in kind.
  pair.server.finish(pair.to_client);
  EXPECT_FALSE(pair.to_client.text.empty());
  pair.run();
  EXPECT_EQ(pair.client.state(), StreamState::kEnded);
}

TEST_P(HandshakeTest, what_follows_a_goodbye_is_not_read) {
  TlsPair pair(server, client);
  pair.run();
  pair.client.finish(pair.to_server);
  pair.to_server.text += std::string(1000, 'x');
  pair.run();
  EXPECT_EQ(pair.server.state(), StreamState::kEnded);
  EXPECT_EQ(pair.server_up.text, "");
}

TEST_P(HandshakeTest, tells_the_peer_when_the_handshake_is_given_up) {
  TlsPair pair(server, client);
  pair.client.start(pair.to_server);
  pair.server.received(core::as_bytes(std::exchange(pair.to_server.text, {})), pair.server_up, pair.to_client);
  ASSERT_TRUE(pair.server.is_handshaking());
  pair.to_client.text.clear();
  pair.server.finish(pair.to_client);
  EXPECT_FALSE(pair.to_client.text.empty());
  EXPECT_EQ(pair.server.state(), StreamState::kOpening);
  // What the client still sends changes nothing.
  EXPECT_EQ(pair.server.received(core::as_bytes("whatever"), pair.server_up, pair.to_client), StreamState::kOpening);
}

TEST_P(HandshakeTest, nothing_is_said_to_a_peer_that_has_said_nothing) {
  ServerCodec codec(server);
  TextSink down;
  codec.finish(down);
  EXPECT_EQ(down.text, "");
}

TEST_P(HandshakeTest, damage_on_the_way_fails_the_connection_with_an_alert) {
  TlsPair pair(server, client);
  pair.run();
  pair.client.send(core::as_bytes("good"), pair.to_server);
  const size_t good = pair.to_server.text.size();
  pair.client.send(core::as_bytes("damaged"), pair.to_server);
  pair.to_server.text[good + 8] ^= 1;
  pair.server.received(core::as_bytes(std::exchange(pair.to_server.text, {})), pair.server_up, pair.to_client);
  EXPECT_EQ(pair.server.state(), StreamState::kFailed);
  EXPECT_STREQ(pair.server.failure().reason, "tls_other");
  EXPECT_NE(pair.server.failure().detail, "");
  EXPECT_EQ(pair.server_up.text, "good");
  pair.run();
  EXPECT_EQ(pair.client.state(), StreamState::kFailed);
  EXPECT_STREQ(pair.client.failure().reason, "tls_refused_by_peer");
}

// Garbage in place of the bytes after a whole handshake, or in the middle of it, at each point where a piece may end.
TEST_P(HandshakeTest, garbage_at_any_point_fails_the_connection_and_harms_nothing) {
  std::string first_flight;
  {
    TlsPair pair(server, client);
    pair.client.start(pair.to_server);
    first_flight = pair.to_server.text;
  }
  const std::string garbage = std::string("\x15\xff\x00garbage", 10) + patterned(64);
  for (size_t at = 0; at <= first_flight.size(); at += at < 100 ? 1 : 37) {
    ServerCodec codec(server);
    TextSink up, down;
    codec.received(core::as_bytes(first_flight.substr(0, at) + garbage), up, down);
    // The length of a record may have come to lie in it.
    for (int more = 0; more < 400 && codec.state() == StreamState::kOpening; ++more) {
      codec.received(core::as_bytes(garbage), up, down);
    }
    EXPECT_EQ(codec.state(), StreamState::kFailed) << at;
    EXPECT_NE(std::string(codec.failure().reason), "") << at;
    EXPECT_EQ(up.text, "") << at;
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, HandshakeTest, testing::Values(TlsVersion::kTls12, TlsVersion::kTls13),
                         [](const auto& version) { return version.param == TlsVersion::kTls12 ? "tls12" : "tls13"; });

}  // namespace
}  // namespace penstock::tls
