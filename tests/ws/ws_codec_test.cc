// A server's WebSocket behind its handshake, fed with frames that the tests build themselves.
#include "ws/ws_codec.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/random.h"
#include "tests/ws/wire.h"

namespace penstock::ws {
namespace {

using core::StreamState;

constexpr const char* kRequest =
    "GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

std::shared_ptr<const ServerRules> rules_with(uint64_t frame_bytes_max) {
  return std::make_shared<const ServerRules>(ServerRules{.frame_bytes_max = frame_bytes_max});
}

// A codec whose handshake is done.
struct Server {
  explicit Server(uint64_t frame_bytes_max = 1 << 20) : codec(rules_with(frame_bytes_max)) {
    EXPECT_EQ(receive(kRequest), StreamState::kOpen);
    EXPECT_TRUE(down.text.starts_with("HTTP/1.1 101 "));
    down = {};
  }
  StreamState receive(std::string_view bytes, size_t piece_bytes = SIZE_MAX) {
    while (!bytes.empty() && (codec.state() == StreamState::kOpen || codec.state() == StreamState::kOpening)) {
      const std::string_view piece = bytes.substr(0, piece_bytes);
      const std::vector<char> exact(piece.begin(), piece.end());
      const StreamState state = codec.received(core::as_bytes({exact.data(), exact.size()}), up, down);
      EXPECT_EQ(state, codec.state());
      bytes.remove_prefix(piece.size());
    }
    return codec.state();
  }

  WsCodec codec;
  Kept up;
  Kept down;
};

std::string close_payload(uint16_t code, std::string_view text = {}) {
  std::string payload;
  payload += static_cast<char>(code >> 8);
  payload += static_cast<char>(code);
  return payload.append(text);
}

// What a server answers to `bytes`, which it has to refuse, in one piece and byte by byte; and what came up before.
void expect_failure(const std::string& bytes, std::string_view reason, uint16_t code, std::string_view up = {}) {
  for (const size_t piece_bytes : {SIZE_MAX, size_t{1}}) {
    Server server;
    EXPECT_EQ(server.receive(bytes, piece_bytes), StreamState::kFailed) << hex(bytes);
    EXPECT_EQ(server.codec.failure().reason, reason) << hex(bytes);
    const std::string answer = server_frame(kCloseFrame, close_payload(code, server.codec.failure().detail));
    EXPECT_EQ(hex(server.down.text), hex(answer)) << hex(bytes);
    EXPECT_EQ(server.up.text, up) << hex(bytes);
  }
}

TEST(ws_codec, gives_up_payload_and_sends_one_binary_frame_for_each_send) {
  Server server;
  EXPECT_EQ(server.receive(client_frame(kBinaryFrame, "hello")), StreamState::kOpen);
  EXPECT_EQ(server.up.text, "hello");
  EXPECT_EQ(server.down.text, "");
  for (const size_t bytes : {1u, 125u, 126u, 65'535u, 65'536u, 200'000u}) {
    server.down = {};
    const std::string payload(bytes, 'p');
    EXPECT_EQ(server.codec.send(core::as_bytes(payload), server.down), StreamState::kOpen);
    EXPECT_EQ(server.down.text, server_frame(kBinaryFrame, payload));
  }
  server.down = {};
  server.codec.send({}, server.down);
  EXPECT_EQ(server.down.text, "");
}

// [MQTT-6.0.0-2]
TEST(ws_codec, does_not_care_where_packets_and_frames_begin_and_end) {
  const std::string bytes = client_frame(kBinaryFrame, "one packet and ha") + client_frame(kBinaryFrame, "") +
                            client_frame(kBinaryBegin, "lf a") + client_frame(kContinuation, "nother, cut by ") +
                            client_frame(kPingFrame, "ping") + client_frame(kContinuation, "") +
                            client_frame(kContinuationEnd, "a ping") + client_frame(kBinaryFrame, "!");
  for (const size_t piece_bytes : {SIZE_MAX, size_t{1}, size_t{2}, size_t{3}, size_t{5}, size_t{11}}) {
    Server server;
    EXPECT_EQ(server.receive(bytes, piece_bytes), StreamState::kOpen);
    EXPECT_EQ(server.up.text, "one packet and half another, cut by a ping!") << piece_bytes;
    EXPECT_EQ(hex(server.down.text), hex(server_frame(kPongFrame, "ping"))) << piece_bytes;
  }
}

TEST(ws_codec, gives_small_frames_that_came_together_up_in_one_piece) {
  Server server;
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += client_frame(kBinaryFrame, "packet");
  server.receive(bytes);
  EXPECT_EQ(server.up.text.size(), 600u);
  EXPECT_EQ(server.up.pieces, 1u);
}

TEST(ws_codec, unmasks_payloads_of_every_size_however_they_are_cut) {
  core::SeededRandom random(7);
  for (const size_t bytes : {0u, 1u, 3u, 125u, 126u, 127u, 16'383u, 16'384u, 16'385u, 65'535u, 65'536u, 70'000u}) {
    std::string payload(bytes, '\0');
    for (char& c : payload) c = static_cast<char>(random.next_u64());
    std::string stream;
    for (int i = 0; i < 3; ++i) {
      std::string mask(4, '\0');
      for (char& c : mask) c = static_cast<char>(random.next_u64());
      stream += client_frame(kBinaryFrame, payload, mask);
    }
    for (const size_t piece_bytes : {SIZE_MAX, size_t{4'099}, size_t{1'461}, size_t{13}}) {
      Server server;
      ASSERT_EQ(server.receive(stream, piece_bytes), StreamState::kOpen);
      ASSERT_TRUE(server.up.text == payload + payload + payload) << bytes << " cut every " << piece_bytes;
    }
  }
}

TEST(ws_codec, gives_up_what_came_of_a_frame_that_is_not_there_yet) {
  Server server(uint64_t{1} << 40);
  const std::string header = "\x82" + length_field(uint64_t{1} << 39, true) + std::string(4, '\0');
  EXPECT_EQ(server.receive(header + "the first bytes"), StreamState::kOpen);
  EXPECT_EQ(server.up.text, "the first bytes");
}

TEST(ws_codec, answers_a_ping_with_its_payload_and_ignores_a_pong) {
  Server server;
  const std::string payload(125, 'x');
  server.receive(client_frame(kPingFrame, payload) + client_frame(kPongFrame, "nobody asked") +
                 client_frame(kPingFrame, ""));
  EXPECT_EQ(hex(server.down.text), hex(server_frame(kPongFrame, payload) + server_frame(kPongFrame, "")));
  EXPECT_EQ(server.up.text, "");
}

// [MQTT-6.0.0-1]
TEST(ws_codec, refuses_text) {
  expect_failure(client_frame(kTextFrame, "hello"), "ws_text_frame", 1003);
  expect_failure(client_frame(0x01, "hello"), "ws_text_frame", 1003);
}

TEST(ws_codec, refuses_what_the_rfc_forbids_and_gives_up_what_came_before) {
  const struct {
    const char* reason;
    std::string frame;
  } cases[] = {
      {"ws_unmasked_frame", server_frame(kBinaryFrame, "x")},
      {"ws_unmasked_frame", server_frame(kPingFrame, "")},
      {"ws_reserved_bits", client_frame(0xc2, "x")},
      {"ws_reserved_bits", client_frame(0x92, "x")},
      {"ws_bad_opcode", client_frame(0x83, "x")},
      {"ws_bad_opcode", client_frame(0x8b, "x")},
      {"ws_bad_control_frame", client_frame(0x09, "x")},
      {"ws_bad_control_frame", client_frame(0x08, "")},
      {"ws_bad_control_frame", client_frame(kPingFrame, std::string(126, 'x'))},
      {"ws_bad_continuation", client_frame(kContinuation, "x")},
      {"ws_bad_continuation", client_frame(kContinuationEnd, "x")},
      {"ws_bad_continuation", client_frame(kBinaryBegin, "") + client_frame(kBinaryFrame, "x")},
      {"ws_bad_length", "\x82" + wire("fe 0001 00000000") + "x"},
      {"ws_bad_length", "\x82" + wire("ff 8000000000000000 00000000") + "x"},
      {"ws_bad_close", client_frame(kCloseFrame, "x")},
      {"ws_bad_close", client_frame(kCloseFrame, close_payload(1005))},
  };
  for (const auto& c : cases) {
    expect_failure(client_frame(kBinaryFrame, "before") + c.frame, c.reason, 1002, "before");
  }
  expect_failure(client_frame(kCloseFrame, close_payload(1000, "\xff")), "ws_bad_close", 1007);
}

TEST(ws_codec, refuses_a_frame_that_is_too_large_at_its_header) {
  Server server(1'000);
  EXPECT_EQ(server.receive(client_frame(kBinaryFrame, std::string(1'000, 'x'))), StreamState::kOpen);
  EXPECT_EQ(server.receive("\x82" + length_field(1'001, true) + std::string(4, '\0')), StreamState::kFailed);
  EXPECT_STREQ(server.codec.failure().reason, "ws_frame_too_large");
  EXPECT_EQ(hex(server.down.text.substr(2, 2)), "03f1");
  // Fragments are frames of their own, and a message has no bound.
  Server other(1'000);
  std::string bytes = client_frame(kBinaryBegin, std::string(1'000, 'x'));
  for (int i = 0; i < 10; ++i) bytes += client_frame(kContinuation, std::string(1'000, 'x'));
  EXPECT_EQ(other.receive(bytes), StreamState::kOpen);
  EXPECT_EQ(other.up.text.size(), 11'000u);
}

TEST(ws_codec, answers_a_close_frame_with_its_code_and_has_ended) {
  const struct {
    std::string payload;
    std::string answer;
  } cases[] = {
      {"", ""},
      {close_payload(1000), close_payload(1000)},
      {close_payload(1001, "going away"), close_payload(1001)},
      {close_payload(4999, std::string(123, 'x')), close_payload(4999)},
  };
  for (const auto& c : cases) {
    for (const size_t piece_bytes : {SIZE_MAX, size_t{1}}) {
      Server server;
      const std::string bytes = client_frame(kBinaryFrame, "last") + client_frame(kCloseFrame, c.payload) + "junk";
      EXPECT_EQ(server.receive(bytes, piece_bytes), StreamState::kEnded);
      EXPECT_EQ(hex(server.down.text), hex(server_frame(kCloseFrame, c.answer)));
      EXPECT_EQ(server.up.text, "last");
      server.down = {};
      server.codec.send(core::as_bytes("too late"), server.down);
      server.codec.finish(server.down);
      EXPECT_EQ(server.down.text, "");
    }
  }
}

TEST(ws_codec, says_goodbye_once_and_sends_nothing_after_it) {
  Server server;
  server.codec.finish(server.down);
  EXPECT_EQ(hex(server.down.text), hex(server_frame(kCloseFrame, close_payload(1000))));
  server.down = {};
  server.codec.finish(server.down);
  EXPECT_EQ(server.codec.send(core::as_bytes("more"), server.down), StreamState::kOpen);
  EXPECT_EQ(server.receive(client_frame(kPingFrame, "") + client_frame(kBinaryFrame, "still")), StreamState::kOpen);
  EXPECT_EQ(server.up.text, "still");
  EXPECT_EQ(server.receive(client_frame(kCloseFrame, close_payload(1000))), StreamState::kEnded);
  EXPECT_EQ(server.down.text, "");
}

TEST(ws_codec, fails_in_silence_after_its_goodbye) {
  Server server;
  server.codec.finish(server.down);
  server.down = {};
  EXPECT_EQ(server.receive(client_frame(kTextFrame, "x")), StreamState::kFailed);
  EXPECT_EQ(server.down.text, "");
}

TEST(ws_codec, a_layer_above_may_send_and_finish_while_it_is_given_bytes) {
  struct Answering final : core::ByteSink {
    void take(core::Bytes) override {
      codec->send(core::as_bytes("answer"), *down);
      codec->finish(*down);
    }
    WsCodec* codec = nullptr;
    Kept* down = nullptr;
  };
  Server server;
  Answering above;
  above.codec = &server.codec;
  above.down = &server.down;
  const std::string bytes = client_frame(kBinaryFrame, "question") + client_frame(kCloseFrame, close_payload(1000));
  EXPECT_EQ(server.codec.received(core::as_bytes(bytes), above, server.down), StreamState::kEnded);
  EXPECT_EQ(hex(server.down.text),
            hex(server_frame(kBinaryFrame, "answer") + server_frame(kCloseFrame, close_payload(1000))));
}

TEST(ws_codec, takes_frames_that_came_together_with_the_request) {
  WsCodec codec(rules_with(1'000));
  Kept up;
  Kept down;
  EXPECT_EQ(codec.state(), StreamState::kOpening);
  const std::string bytes = kRequest + client_frame(kBinaryFrame, "eager");
  EXPECT_EQ(codec.received(core::as_bytes(bytes), up, down), StreamState::kOpen);
  EXPECT_EQ(up.text, "eager");
}

TEST(ws_codec, a_refused_handshake_has_failed_with_an_answer) {
  WsCodec codec(rules_with(1'000));
  Kept up;
  Kept down;
  EXPECT_EQ(codec.received(core::as_bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\nmore"), up, down), StreamState::kFailed);
  EXPECT_STREQ(codec.failure().reason, "ws_bad_path");
  EXPECT_TRUE(down.text.starts_with("HTTP/1.1 404 "));
  EXPECT_EQ(up.text, "");
}

TEST(ws_codec, a_goodbye_during_the_handshake_is_an_http_answer) {
  WsCodec codec(rules_with(1'000));
  Kept up;
  Kept down;
  codec.received(core::as_bytes("GET /mqtt"), up, down);
  codec.finish(down);
  EXPECT_EQ(codec.state(), StreamState::kEnded);
  EXPECT_TRUE(down.text.starts_with("HTTP/1.1 503 ")) << down.text;
}

TEST(ws_codec, an_open_one_is_small) {
  EXPECT_LE(sizeof(WsCodec), 128u);
}

}  // namespace
}  // namespace penstock::ws
