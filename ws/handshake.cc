#include "ws/handshake.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "core/printable.h"
#include "ws/accept_key.h"

namespace penstock::ws {
namespace {

struct Refusal {
  const char* status;
  const char* reason;  // label of the counter
  const char* text;    // for both sides
  const char* field = "";
};

constexpr Refusal kMalformed{"400 Bad Request", "ws_bad_request", "not a well-formed HTTP/1.1 request"};
constexpr Refusal kTooLarge{"431 Request Header Fields Too Large", "ws_request_too_large",
                            "the request has more than 8192 bytes"};
constexpr Refusal kNotGet{"405 Method Not Allowed", "ws_bad_method", "the method is not GET", "Allow: GET\r\n"};
constexpr Refusal kNotHttp11{"505 HTTP Version Not Supported", "ws_bad_request", "the request is not HTTP/1.1"};
constexpr Refusal kBadHost{"400 Bad Request", "ws_bad_request", "the request needs one Host field"};
constexpr Refusal kHasBody{"400 Bad Request", "ws_bad_request", "the request announces a body"};
constexpr Refusal kBadPath{"404 Not Found", "ws_bad_path", "there is nothing at this path"};
constexpr Refusal kNoUpgrade{"426 Upgrade Required", "ws_no_upgrade", "only WebSocket is spoken here",
                             "Upgrade: websocket\r\n"};
constexpr Refusal kBadVersion{"426 Upgrade Required", "ws_bad_version", "only version 13 of WebSocket is spoken here",
                              "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"};
constexpr Refusal kBadKey{"400 Bad Request", "ws_bad_key", "Sec-WebSocket-Key is not the Base64 of 16 bytes"};
constexpr Refusal kNoProtocol{"400 Bad Request", "ws_no_subprotocol",
                              "Sec-WebSocket-Protocol offers neither mqtt nor mqttv3.1"};
constexpr Refusal kBadOrigin{"403 Forbidden", "ws_bad_origin", "pages of this origin may not connect"};
constexpr Refusal kStopping{"503 Service Unavailable", "", "the server is stopping"};

std::string http_answer(const Refusal& refusal) {
  const std::string body = std::string(refusal.text) + "\n";
  return std::string("HTTP/1.1 ") + refusal.status + "\r\n" + refusal.field +
         "Connection: close\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view version;
};

// "GET /mqtt?x=y HTTP/1.1": three words with one blank between, nothing but visible ASCII in them.
std::optional<RequestLine> parse_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second == line.npos || line.find(' ', second + 1) != line.npos) return std::nullopt;
  if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) return std::nullopt;
  const RequestLine request{line.substr(0, first), line.substr(first + 1, second - first - 1), line.substr(second + 1)};
  if (request.method.empty() || request.target.empty() || !request.version.starts_with("HTTP/")) return std::nullopt;
  return request;
}

// What any HTTP server would refuse.
const Refusal* check_http(const RequestLine& line, const HttpHead& head) {
  if (line.version != "HTTP/1.1") return &kNotHttp11;
  if (line.method != "GET") return &kNotGet;
  if (!head.only("Host")) return &kBadHost;
  // The bytes of a body would be read as frames.
  if (head.count("Transfer-Encoding") != 0) return &kHasBody;
  if (head.count("Content-Length") != 0 && head.only("Content-Length") != "0") return &kHasBody;
  return nullptr;
}

// RFC 6455, 4.2.1
const Refusal* check_upgrade(const HttpHead& head) {
  if (!head.has_token("Upgrade", "websocket") || !head.has_token("Connection", "Upgrade")) return &kNoUpgrade;
  if (head.only("Sec-WebSocket-Version") != "13") return &kBadVersion;
  const auto key = head.only("Sec-WebSocket-Key");
  if (!key || !is_websocket_key(*key)) return &kBadKey;
  return nullptr;
}

const Refusal* check_origin(const HttpHead& head, const std::vector<std::string>& origins) {
  if (origins.empty() || head.count("Origin") == 0) return nullptr;
  const auto origin = head.only("Origin");
  const bool known = origin && std::ranges::any_of(origins, [&](const std::string& allowed) {
                       return equal_ignoring_case(allowed, *origin);
                     });
  return known ? nullptr : &kBadOrigin;
}

// The one that is answered, empty when none that we know is offered. "mqtt" first, wherever it stands in the list:
// that is the name which a server has to choose [MQTT-6.0.0-4] [MQTT5-6.0.0-4]. The other one is what clients of
// MQTT 3.1 ask for.
std::string_view choose_protocol(const HttpHead& head) {
  for (const std::string_view known : {"mqtt", "mqttv3.1"}) {
    const auto is_known = [known](std::string_view offered) { return offered == known; };
    if (head.any_element("Sec-WebSocket-Protocol", is_known)) return known;
  }
  return {};
}

struct Verdict {
  const Refusal* refusal = nullptr;
  std::string detail = {};  // what of the request is refused
  std::string answer = {};  // when it is not
};

Verdict judge(std::string_view text, const ServerRules& rules) {
  const auto head = HttpHead::parse(text);
  const auto line = head ? parse_request_line(head->start_line()) : std::nullopt;
  if (!line) return {&kMalformed};
  if (const Refusal* refusal = check_http(*line, *head)) return {refusal};
  const std::string_view path = line->target.substr(0, line->target.find('?'));
  if (path != rules.path) return {&kBadPath, core::printable(path)};
  if (const Refusal* refusal = check_upgrade(*head)) return {refusal};
  if (const Refusal* refusal = check_origin(*head, rules.origins)) {
    return {refusal, core::printable(head->only("Origin").value_or(""))};
  }
  const std::string_view protocol = choose_protocol(*head);
  if (protocol.empty()) return {&kNoProtocol};  // [MQTT-6.0.0-3] [MQTT5-6.0.0-3]
  std::string answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  answer.append("Sec-WebSocket-Accept: ").append(websocket_accept(*head->only("Sec-WebSocket-Key")));
  answer.append("\r\nSec-WebSocket-Protocol: ").append(protocol).append("\r\n\r\n");
  return {nullptr, {}, std::move(answer)};
}

}  // namespace

HandshakeState ServerHandshake::received(core::Bytes& bytes) {
  const HeadState state = head_.received(bytes);
  if (state == HeadState::kMore) return HandshakeState::kMore;
  Verdict verdict = state == HeadState::kComplete   ? judge(head_.text(), *rules_)
                    : state == HeadState::kTooLarge ? Verdict{&kTooLarge}
                                                    : Verdict{&kMalformed};
  if (verdict.refusal == nullptr) {
    answer_ = std::move(verdict.answer);
    return HandshakeState::kAccepted;
  }
  answer_ = http_answer(*verdict.refusal);
  failure_ = {verdict.refusal->reason, verdict.refusal->text};
  if (!verdict.detail.empty()) failure_.detail.append(": ").append(verdict.detail);
  return HandshakeState::kRefused;
}

std::string unavailable_answer() {
  return http_answer(kStopping);
}

}  // namespace penstock::ws
