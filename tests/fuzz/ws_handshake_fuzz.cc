// Fuzzes the HTTP heads of WebSocket, the request as a server gets it and the answer as a client gets it. Laws: however
// the bytes are cut, the answer is the same; it is HTTP, and small; what is shown to people is printable; nothing is
// accepted that lacks what the RFC demands.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/random.h"
#include "ws/handshake.h"
#include "ws/ws_client.h"

namespace penstock::ws {
namespace {

using core::StreamState;

struct Kept final : core::ByteSink {
  void take(core::Bytes bytes) override { text.append(core::as_text(bytes)); }
  std::string text;
};

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

struct Ending {
  HandshakeState state = HandshakeState::kMore;
  std::string answer;
  std::string detail;
  size_t taken = 0;

  bool operator==(const Ending&) const = default;
};

Ending answer(std::string_view input, const std::shared_ptr<const ServerRules>& rules, size_t piece_bytes) {
  ServerHandshake handshake(rules);
  Ending ending;
  while (ending.taken < input.size() && ending.state == HandshakeState::kMore) {
    const std::string_view rest = input.substr(ending.taken, piece_bytes);
    const std::vector<char> exact(rest.begin(), rest.end());
    core::Bytes piece = core::as_bytes({exact.data(), exact.size()});
    ending.state = handshake.received(piece);
    ending.taken += exact.size() - piece.size();
  }
  ending.answer = handshake.answer();
  ending.detail = handshake.failure().detail;
  if (ending.state != HandshakeState::kAccepted) ending.taken = 0;  // where it stopped does not matter then
  return ending;
}

bool holds(std::string_view text, std::string_view part) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return !std::ranges::search(text, part, {}, lower, lower).empty();
}

void check_request(std::string_view input) {
  static const auto rules = std::make_shared<const ServerRules>(ServerRules{.origins = {"https://a.example"}});
  const Ending whole = answer(input, rules, SIZE_MAX);
  CHECK(answer(input, rules, 1) == whole);
  CHECK(answer(input, rules, 13) == whole);
  CHECK(is_printable(whole.detail) && whole.detail.size() < 300 && whole.answer.size() < 500);
  if (whole.state == HandshakeState::kMore) {
    CHECK(whole.answer.empty());
    CHECK_LT(input.size(), kHeadBytesMax);
    return;
  }
  CHECK_EQ(whole.answer.starts_with("HTTP/1.1 101 "), whole.state == HandshakeState::kAccepted);
  CHECK(whole.answer.starts_with("HTTP/1.1 ") && holds(whole.answer, "\r\n\r\n"));
  CHECK_EQ(whole.detail.empty(), whole.state == HandshakeState::kAccepted);
  if (whole.state != HandshakeState::kAccepted) return;
  const std::string_view request = input.substr(0, whole.taken);
  CHECK(request.starts_with("GET /mqtt") && request.ends_with("\r\n\r\n"));
  for (const char* part : {" HTTP/1.1\r\n", "\r\nhost:", "\r\nupgrade:", "websocket",
                           "\r\nconnection:", "\r\nsec-websocket-version:", "13",
                           "\r\nsec-websocket-key:", "\r\nsec-websocket-protocol:", "mqtt"}) {
    CHECK(holds(request, part));
  }
  CHECK(!holds(request, "\r\norigin:") || holds(request, "https://a.example"));
}

struct ClientEnding {
  StreamState state;
  std::string up;
  std::string detail;

  bool operator==(const ClientEnding&) const = default;
};

ClientEnding receive(std::string_view input, size_t piece_bytes) {
  core::SeededRandom random(1);
  WsClientCodec client({.host = "a"}, random);
  Kept up;
  Kept down;
  client.start(down);
  for (; !input.empty(); input.remove_prefix(std::min(piece_bytes, input.size()))) {
    if (client.state() != StreamState::kOpening && client.state() != StreamState::kOpen) break;
    const std::string_view rest = input.substr(0, piece_bytes);
    const std::vector<char> exact(rest.begin(), rest.end());
    client.received(core::as_bytes({exact.data(), exact.size()}), up, down);
  }
  return {client.state(), up.text, client.state() == StreamState::kFailed ? client.failure().detail : ""};
}

void check_answer(std::string_view input) {
  const ClientEnding whole = receive(input, SIZE_MAX);
  CHECK(receive(input, 1) == whole);
  CHECK(is_printable(whole.detail) && whole.detail.size() < 300);
  CHECK(whole.state != StreamState::kOpening || input.size() < kHeadBytesMax);
}

}  // namespace
}  // namespace penstock::ws

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  penstock::ws::check_request(input);
  penstock::ws::check_answer(input);
  return 0;
}
