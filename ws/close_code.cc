#include "ws/close_code.h"

#include "core/utf8.h"

namespace penstock::ws {
namespace {

constexpr FrameError kHalfCode{"ws_bad_close", kCloseProtocolError, "a close frame has one byte"};
constexpr FrameError kBadCode{"ws_bad_close", kCloseProtocolError, "the close code may not be sent"};
constexpr FrameError kBadReason{"ws_bad_close", kCloseNotUtf8, "the close reason is not UTF-8"};

}  // namespace

bool is_close_code(uint16_t code) {
  if (code >= 3000 && code <= 4999) return true;
  // 1004 is reserved; 1005, 1006 and 1015 are for what an API reports and never on the wire (RFC 6455, 7.4.1).
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

ClosePayload parse_close_payload(core::Bytes payload) {
  if (payload.empty()) return {};
  if (payload.size() == 1) return {{}, &kHalfCode};
  const uint16_t code = core::load_be16(payload.data());
  if (!is_close_code(code)) return {{}, &kBadCode};
  if (!core::is_utf8(core::as_text(payload.subspan(2)))) return {{}, &kBadReason};
  return {code};
}

}  // namespace penstock::ws
