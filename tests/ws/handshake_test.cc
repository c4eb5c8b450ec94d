#include "ws/handshake.h"

#include <gtest/gtest.h>

#include "tests/ws/wire.h"
#include "ws/accept_key.h"

namespace penstock::ws {
namespace {

// Of the RFC, 1.3.
constexpr const char* kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr const char* kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// A good request of which a line may be replaced, left out (empty replacement) or added.
std::string request(std::string_view line = {}, std::string_view replacement = {}, std::string_view added = {}) {
  std::string text;
  bool replaced = line.empty();
  for (const std::string_view good :
       {"GET /mqtt HTTP/1.1", "Host: broker.example", "Upgrade: websocket", "Connection: keep-alive, Upgrade",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: mqtt"}) {
    const bool is_it = !line.empty() && good.starts_with(line);
    replaced |= is_it;
    const std::string_view written = is_it ? replacement : good;
    if (!written.empty()) text.append(written).append("\r\n");
  }
  EXPECT_TRUE(replaced) << line;
  if (!added.empty()) text.append(added).append("\r\n");
  return text + "\r\n";
}

struct Answered {
  HandshakeState state = HandshakeState::kMore;
  std::string answer;
  std::string reason;
  std::string detail;
  size_t left = 0;

  std::string status() const { return answer.substr(0, answer.find("\r\n")); }
};

Answered answer(std::string_view text, ServerRules rules = {}, size_t piece_bytes = SIZE_MAX) {
  ServerHandshake handshake(std::make_shared<const ServerRules>(std::move(rules)));
  Answered result;
  while (!text.empty() && result.state == HandshakeState::kMore) {
    core::Bytes piece = core::as_bytes(text.substr(0, piece_bytes));
    const size_t before = piece.size();
    result.state = handshake.received(piece);
    text.remove_prefix(before - piece.size());
    if (result.state != HandshakeState::kMore) break;
    EXPECT_TRUE(piece.empty());
  }
  result.left = text.size();
  if (result.state == HandshakeState::kMore) return result;
  result.answer = handshake.answer();
  result.reason = handshake.failure().reason;
  result.detail = handshake.failure().detail;
  return result;
}

void expect_refused(const std::string& text, std::string_view status, std::string_view reason, ServerRules rules = {}) {
  const Answered whole = answer(text, rules);
  EXPECT_EQ(whole.state, HandshakeState::kRefused) << text;
  EXPECT_EQ(whole.status(), "HTTP/1.1 " + std::string(status)) << text;
  EXPECT_EQ(whole.reason, reason) << text;
  EXPECT_NE(whole.detail, "") << text;
  EXPECT_NE(whole.answer.find("\r\nConnection: close\r\n"), std::string::npos);
  const size_t body = whole.answer.find("\r\n\r\n") + 4;
  const std::string length = "\r\nContent-Length: " + std::to_string(whole.answer.size() - body) + "\r\n";
  EXPECT_NE(whole.answer.find(length), std::string::npos) << whole.answer;
  const Answered cut = answer(text, rules, 1);
  EXPECT_EQ(cut.answer, whole.answer) << text;
  EXPECT_EQ(cut.detail, whole.detail) << text;
}

TEST(handshake, accepts_what_a_client_of_mqtt_sends_and_names_the_protocol) {
  const Answered result = answer(request());
  EXPECT_EQ(result.state, HandshakeState::kAccepted) << result.detail;
  EXPECT_EQ(result.answer,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
                std::string(kAccept) + "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n");
}

TEST(handshake, makes_the_accept_key_of_the_rfc) {
  EXPECT_EQ(websocket_accept(kKey), kAccept);
  EXPECT_EQ(make_websocket_key({}), "AAAAAAAAAAAAAAAAAAAAAA==");
}

TEST(handshake, is_the_same_however_the_request_is_cut_and_leaves_what_follows_it) {
  const std::string text = request() + "\x82\x80";
  for (const size_t piece_bytes : {1u, 2u, 3u, 7u, 64u, 1'000u}) {
    const Answered result = answer(text, {}, piece_bytes);
    EXPECT_EQ(result.state, HandshakeState::kAccepted) << piece_bytes;
    EXPECT_EQ(result.left, 2u) << piece_bytes;
  }
}

TEST(handshake, waits_for_the_empty_line) {
  const std::string text = request();
  EXPECT_EQ(answer(std::string_view(text).substr(0, text.size() - 1)).state, HandshakeState::kMore);
  EXPECT_EQ(answer("").state, HandshakeState::kMore);
}

TEST(handshake, takes_what_http_lets_a_client_vary) {
  for (const std::string& text : {
           request("GET", "GET /mqtt?token=a HTTP/1.1"),
           request("GET", "GET /mqtt? HTTP/1.1"),
           request("Host", "host:broker.example"),
           request("Host", "HOST: \t "),
           request("Upgrade", "uPGRADE: h2c, WebSocket"),
           request("Connection", "Connection:\tUPGRADE\t"),
           request("Connection", "Connection: keep-alive\r\nConnection: Upgrade"),
           request("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: chat, mqtt"),
           request("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: chat\r\nsec-websocket-protocol: ,mqtt"),
           request("", "", "Sec-WebSocket-Extensions: permessage-deflate"),
           request("", "", "Content-Length: 0"),
           request("", "", "X-Name: caf\xc3\xa9"),
           request("", "", "X-Empty:"),
       }) {
    EXPECT_EQ(answer(text).state, HandshakeState::kAccepted) << text << answer(text).detail;
  }
}

TEST(handshake, refuses_each_broken_request_with_its_status) {
  const struct {
    std::string text;
    const char* status;
    const char* reason;
  } cases[] = {
      {request("GET", "POST /mqtt HTTP/1.1"), "405 Method Not Allowed", "ws_bad_method"},
      {request("GET", "get /mqtt HTTP/1.1"), "405 Method Not Allowed", "ws_bad_method"},
      {request("GET", "GET /mqtt HTTP/1.0"), "505 HTTP Version Not Supported", "ws_bad_request"},
      {request("GET", "GET /mqtt HTTP/2.0"), "505 HTTP Version Not Supported", "ws_bad_request"},
      {request("GET", "GET /mqtt"), "400 Bad Request", "ws_bad_request"},
      {request("GET", "GET  HTTP/1.1"), "400 Bad Request", "ws_bad_request"},
      {request("GET", "GET /mqtt HTTP/1.1 "), "400 Bad Request", "ws_bad_request"},
      {request("GET", "GET /m\xc3\xa9 HTTP/1.1"), "400 Bad Request", "ws_bad_request"},
      {request("GET", " GET /mqtt HTTP/1.1"), "400 Bad Request", "ws_bad_request"},
      {request("GET", "GET / HTTP/1.1"), "404 Not Found", "ws_bad_path"},
      {request("GET", "GET /mqtt/ HTTP/1.1"), "404 Not Found", "ws_bad_path"},
      {request("GET", "GET /MQTT HTTP/1.1"), "404 Not Found", "ws_bad_path"},
      {request("GET", "GET http://broker.example/mqtt HTTP/1.1"), "404 Not Found", "ws_bad_path"},
      {request("Host", ""), "400 Bad Request", "ws_bad_request"},
      {request("Host", "Host: a\r\nHost: b"), "400 Bad Request", "ws_bad_request"},
      {request("Upgrade", ""), "426 Upgrade Required", "ws_no_upgrade"},
      {request("Upgrade", "Upgrade: h2c"), "426 Upgrade Required", "ws_no_upgrade"},
      {request("Upgrade", "Upgrade: websockets"), "426 Upgrade Required", "ws_no_upgrade"},
      {request("Connection", "Connection: close"), "426 Upgrade Required", "ws_no_upgrade"},
      {request("Sec-WebSocket-Version", ""), "426 Upgrade Required", "ws_bad_version"},
      {request("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), "426 Upgrade Required", "ws_bad_version"},
      {request("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8"), "426 Upgrade Required", "ws_bad_version"},
      {request("Sec-WebSocket-Key", ""), "400 Bad Request", "ws_bad_key"},
      {request("Sec-WebSocket-Key", "Sec-WebSocket-Key: "), "400 Bad Request", "ws_bad_key"},
      {request("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), "400 Bad Request", "ws_bad_key"},
      {request("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ00"), "400 Bad Request", "ws_bad_key"},
      {request("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ**="), "400 Bad Request", "ws_bad_key"},
      {request("", "", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), "400 Bad Request", "ws_bad_key"},
      {request("", "", "Content-Length: 5"), "400 Bad Request", "ws_bad_request"},
      {request("", "", "Content-Length: 0\r\nContent-Length: 0"), "400 Bad Request", "ws_bad_request"},
      {request("", "", "Transfer-Encoding: chunked"), "400 Bad Request", "ws_bad_request"},
      {request("", "", "No colon here"), "400 Bad Request", "ws_bad_request"},
      {request("", "", "Blank before : x"), "400 Bad Request", "ws_bad_request"},
      {request("", "", " folded"), "400 Bad Request", "ws_bad_request"},
      {request("", "", ": no name"), "400 Bad Request", "ws_bad_request"},
      {request("", "", "X: bare\rreturn"), "400 Bad Request", "ws_bad_request"},
      {request("", "", "X: a\nY: b"), "400 Bad Request", "ws_bad_request"},
      {request("", "", std::string("X: \0", 4)), "400 Bad Request", "ws_bad_request"},
      {"\r\n" + request(), "400 Bad Request", "ws_bad_request"},
  };
  for (const auto& c : cases) expect_refused(c.text, c.status, c.reason);
}

TEST(handshake, tells_clients_of_another_version_which_one_is_spoken) {
  const Answered result = answer(request("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"));
  EXPECT_NE(result.answer.find("\r\nSec-WebSocket-Version: 13\r\n"), std::string::npos) << result.answer;
}

// [MQTT-6.0.0-3]
TEST(handshake, refuses_a_client_that_offers_no_protocol_of_mqtt) {
  for (const char* line : {"", "Sec-WebSocket-Protocol: ", "Sec-WebSocket-Protocol: chat, MQTT",
                           "Sec-WebSocket-Protocol: mqttv5", "Sec-WebSocket-Protocol: mqtt mqtt"}) {
    expect_refused(request("Sec-WebSocket-Protocol", line), "400 Bad Request", "ws_no_subprotocol");
  }
}

// [MQTT-6.0.0-4]
TEST(handshake, chooses_mqtt_wherever_it_stands_and_mqttv31_otherwise) {
  const auto chosen = [](const char* offered) {
    const std::string text = answer(request("Sec-WebSocket-Protocol", offered)).answer;
    const size_t at = text.find("Sec-WebSocket-Protocol: ");
    return at == text.npos ? "(none)" : text.substr(at + 24, text.find("\r\n", at) - at - 24);
  };
  EXPECT_EQ(chosen("Sec-WebSocket-Protocol: mqtt, mqttv3.1"), "mqtt");
  EXPECT_EQ(chosen("Sec-WebSocket-Protocol: mqttv3.1, mqtt"), "mqtt");
  EXPECT_EQ(chosen("Sec-WebSocket-Protocol: mqttv3.1"), "mqttv3.1");
}

TEST(handshake, lets_only_listed_pages_connect_and_whatever_is_no_browser) {
  const ServerRules rules{.path = "/ws", .origins = {"https://console.example", "null"}};
  const auto from = [](const char* origin) { return request("GET", "GET /ws HTTP/1.1", origin); };
  for (const char* origin :
       {"", "Origin: https://console.example", "Origin: HTTPS://Console.Example", "Origin: null"}) {
    EXPECT_EQ(answer(from(origin), rules).state, HandshakeState::kAccepted) << origin;
  }
  for (const char* origin : {"Origin: https://evil.example", "Origin: https://console.example.evil.example",
                             "Origin: https://console.example:444",
                             "Origin:", "Origin: https://console.example\r\nOrigin: https://console.example"}) {
    expect_refused(from(origin), "403 Forbidden", "ws_bad_origin", rules);
  }
  EXPECT_EQ(answer(request("", "", "Origin: https://any.example")).state, HandshakeState::kAccepted);
}

TEST(handshake, takes_a_request_of_8192_bytes_and_none_that_is_longer) {
  const std::string base = request("", "", "X: ");
  const auto padded = [&](size_t bytes) { return request("", "", "X: " + std::string(bytes - base.size(), 'a')); };
  ASSERT_EQ(padded(8192).size(), 8192u);
  EXPECT_EQ(answer(padded(8192)).state, HandshakeState::kAccepted);
  EXPECT_EQ(answer(padded(8192), {}, 1).state, HandshakeState::kAccepted);
  expect_refused(padded(8193), "431 Request Header Fields Too Large", "ws_request_too_large");
  expect_refused(std::string(100'000, 'a'), "431 Request Header Fields Too Large", "ws_request_too_large");
}

TEST(handshake, takes_100_fields_and_not_more) {
  std::string fields;
  for (int i = 0; i < 94; ++i) fields += std::string(i == 0 ? "" : "\r\n") + "a:b";
  EXPECT_EQ(answer(request("", "", fields)).state, HandshakeState::kAccepted);
  expect_refused(request("", "", fields + "\r\na:b"), "400 Bad Request", "ws_bad_request");
}

TEST(handshake, refuses_what_is_no_text_at_its_first_byte) {
  const Answered mqtt = answer(std::string_view("\x10", 1));
  EXPECT_EQ(mqtt.state, HandshakeState::kRefused);
  EXPECT_EQ(mqtt.status(), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(answer("\x16").state, HandshakeState::kRefused);  // TLS
}

TEST(handshake, shows_hostile_text_as_plain_characters) {
  const Answered result = answer(request("GET", "GET /" + std::string(300, 'x') + "' HTTP/1.1"));
  EXPECT_LT(result.detail.size(), 200u);
  const ServerRules rules{.path = "/mqtt", .origins = {"https://a.example"}};
  EXPECT_EQ(answer(request("", "", "Origin: \xe2\x80\xae\x9b\"x"), rules).detail,
            "pages of this origin may not connect: \"????\"x\"");
}

}  // namespace
}  // namespace penstock::ws
