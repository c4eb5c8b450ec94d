// The client's side, against the server's side and against answers that no server of ours gives.
#include "ws/ws_client.h"

#include <gtest/gtest.h>

#include "tests/ws/wire.h"
#include "ws/accept_key.h"
#include "ws/ws_codec.h"

namespace penstock::ws {
namespace {

using core::StreamState;

class WsClient : public testing::Test {
 protected:
  WsClient() { client.start(to_server); }

  std::string key() const {
    const size_t at = to_server.text.find("Sec-WebSocket-Key: ") + 19;
    return to_server.text.substr(at, 24);
  }
  // A good answer of which a line may be replaced.
  std::string answer(std::string_view line = {}, const std::string& replacement = {}) const {
    std::string text;
    for (const std::string& good :
         {std::string("HTTP/1.1 101 Switching Protocols"), std::string("Upgrade: websocket"),
          std::string("Connection: Upgrade"), "Sec-WebSocket-Accept: " + websocket_accept(key()),
          std::string("Sec-WebSocket-Protocol: mqtt")}) {
      const std::string& written = !line.empty() && good.starts_with(line) ? replacement : good;
      if (!written.empty()) text += written + "\r\n";
    }
    return text + "\r\n";
  }
  StreamState receive(std::string_view bytes) { return client.received(core::as_bytes(bytes), up, to_server); }

  core::SeededRandom random{3};
  Kept to_server;
  Kept up;
  WsClientCodec client{{.host = "127.0.0.1:8083"}, random};
};

TEST_F(WsClient, sends_a_request_that_a_server_of_ours_accepts) {
  EXPECT_TRUE(to_server.text.starts_with("GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1:8083\r\n")) << to_server.text;
  WsCodec server(std::make_shared<const ServerRules>());
  Kept server_up;
  Kept to_client;
  ASSERT_EQ(server.received(core::as_bytes(to_server.text), server_up, to_client), StreamState::kOpen);
  to_client.text += server_frame(kBinaryFrame, "welcome");
  ASSERT_EQ(receive(to_client.text), StreamState::kOpen) << client.failure().detail;
  EXPECT_EQ(up.text, "welcome");

  core::SeededRandom bytes_random(4);
  std::string sent;
  for (const size_t bytes : {1u, 100u, 4'000u, 4'096u, 5'000u, 70'000u}) {
    std::string payload(bytes, '\0');
    for (char& c : payload) c = static_cast<char>(bytes_random.next_u64());
    to_server = {};
    client.send(core::as_bytes(payload), to_server);
    EXPECT_EQ(server.received(core::as_bytes(to_server.text), server_up, to_client), StreamState::kOpen);
    sent += payload;
    ASSERT_TRUE(server_up.text == sent) << bytes;
  }
}

TEST_F(WsClient, masks_each_frame_with_another_mask) {
  receive(answer());
  const auto mask = [&] {
    to_server = {};
    client.send(core::as_bytes("x"), to_server);
    return to_server.text.substr(2, 4);
  };
  const std::string first = mask();
  EXPECT_NE(mask(), first);
}

TEST_F(WsClient, takes_the_answer_however_it_is_cut) {
  for (const char c : answer()) {
    ASSERT_EQ(client.state(), StreamState::kOpening);
    receive({&c, 1});
  }
  EXPECT_EQ(client.state(), StreamState::kOpen);
}

TEST_F(WsClient, a_refusal_shows_what_the_server_says) {
  EXPECT_EQ(receive("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), StreamState::kFailed);
  EXPECT_STREQ(client.failure().reason, "ws_refused");
  EXPECT_EQ(client.failure().detail, "the server answers \"HTTP/1.1 404 Not Found\"");
}

TEST_F(WsClient, refuses_answers_to_another_question) {
  const std::string key_of_another = websocket_accept("dGhlIHNhbXBsZSBub25jZQ==");
  for (const std::string& text :
       {answer("Upgrade", ""), answer("Upgrade", "Upgrade: h2c"), answer("Connection", "Connection: close"),
        answer("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: " + key_of_another), answer("Sec-WebSocket-Accept", ""),
        answer("Sec-WebSocket-Protocol", ""), answer("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: mqttv3.1"),
        answer("Connection", "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate"),
        std::string("220 ready\n")}) {
    core::SeededRandom again(3);
    WsClientCodec other({.host = "127.0.0.1:8083"}, again);
    EXPECT_EQ(other.received(core::as_bytes(text), up, to_server), StreamState::kFailed) << text;
    EXPECT_STREQ(other.failure().reason, "ws_bad_answer") << text;
  }
}

TEST_F(WsClient, refuses_a_masked_frame_of_a_server) {
  receive(answer());
  EXPECT_EQ(receive(client_frame(kBinaryFrame, "x")), StreamState::kFailed);
  EXPECT_STREQ(client.failure().reason, "ws_masked_frame");
}

TEST_F(WsClient, answers_pings_and_says_goodbye_in_masked_frames) {
  receive(answer());
  to_server = {};
  receive(server_frame(kPingFrame, "hi"));
  EXPECT_EQ(to_server.text, client_frame(kPongFrame, "hi", to_server.text.substr(2, 4)));
  to_server = {};
  client.finish(to_server);
  EXPECT_EQ(to_server.text, client_frame(kCloseFrame, "\x03\xe8", to_server.text.substr(2, 4)));
  EXPECT_EQ(receive(server_frame(kCloseFrame, "\x03\xe8")), StreamState::kEnded);
}

}  // namespace
}  // namespace penstock::ws
