// PINGREQ, PINGRESP, DISCONNECT.
#include "protocol/empty_packet.h"

namespace penstock::protocol {

Decoded<void> decode_empty(const PacketBytes& packet) {
  if (packet.body.empty()) [[likely]]
    return {};
  return std::unexpected(
      ProtocolError{ProtocolErrorReason::kTrailingBytes, "", "a ping or DISCONNECT with bytes after its fixed header"});
}

}  // namespace penstock::protocol
