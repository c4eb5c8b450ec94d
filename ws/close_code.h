// Close codes: the number in a close frame (RFC 6455, 7.4), and the payload of such a frame. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "ws/frame.h"

namespace penstock::ws {

constexpr uint16_t kCloseNormal = 1000;
constexpr uint16_t kCloseProtocolError = 1002;
constexpr uint16_t kCloseUnsupported = 1003;
constexpr uint16_t kCloseNotUtf8 = 1007;
constexpr uint16_t kCloseTooBig = 1009;

// Whether a close frame may hold it: one that the RFC or IANA's register allows on the wire, or that a library (3000 to
// 3999) or an application (4000 to 4999) has made up.
bool is_close_code(uint16_t code);

struct ClosePayload {
  std::optional<uint16_t> code;  // none: the peer gave none
  const FrameError* error = nullptr;
};
ClosePayload parse_close_payload(core::Bytes payload);

}  // namespace penstock::ws
