#include "broker/counters.h"

namespace penstock::broker {

const char* to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::kDisconnect: return "disconnect";
    case CloseReason::kPeerClosed: return "closed by peer";
    case CloseReason::kBroken: return "connection broke";
    case CloseReason::kProtocolError: return "protocol error";
    case CloseReason::kRefused: return "refused";
    case CloseReason::kConnectTimeout: return "no CONNECT in time";
    case CloseReason::kKeepalive: return "keepalive exceeded";
    case CloseReason::kTakenOver: return "client id taken over";
    case CloseReason::kTooLarge: return "payload too large";
    case CloseReason::kTooManyConnections: return "too many connections";
    case CloseReason::kRedeliveryOwed: return "refused publishes can be accepted again";
    case CloseReason::kShutdown: return "broker stops";
  }
  return "?";
}

}  // namespace penstock::broker
