// ServerHandshake: reads the HTTP/1.1 request that turns a byte stream into a WebSocket, and answers it (RFC
// 6455, 4.2). Every refusal is a small HTTP answer: whoever is on the other side, a browser or a person with curl, can
// read it. Keeps at most kHeadBytesMax bytes, for as long as the handshake lasts. One connection's, any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/stream_codec.h"
#include "ws/http_head.h"

namespace penstock::ws {

struct ServerRules {
  std::string path = "/mqtt";  // of the request; its query does not count
  // Pages that may connect, as browsers name them: "https://console.example.org". Empty: all may. A request without
  // Origin comes from no browser, so no page can have misled it.
  std::vector<std::string> origins;
  uint64_t frame_bytes_max = uint64_t{512} << 20;  // nothing is reserved for a frame, whatever it announces
};

enum class HandshakeState : uint8_t { kMore, kAccepted, kRefused };

class ServerHandshake {
 public:
  explicit ServerHandshake(std::shared_ptr<const ServerRules> rules) : rules_(std::move(rules)) {}

  // Takes the request from the front of `bytes`; what is left of them after kAccepted are frames. Not called again
  // after anything but kMore.
  HandshakeState received(core::Bytes& bytes);
  // What is to be sent, after kAccepted and kRefused.
  const std::string& answer() const { return answer_; }
  const core::StreamFailure& failure() const { return failure_; }  // after kRefused

 private:
  std::shared_ptr<const ServerRules> rules_;
  HeadCollector head_;
  std::string answer_;
  core::StreamFailure failure_;
};

// The answer of a server that is about to stop.
std::string unavailable_answer();

}  // namespace penstock::ws
