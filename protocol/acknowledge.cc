// The cold half of acknowledgements: which rule was broken.
#include "protocol/acknowledge.h"

namespace penstock::protocol {

ProtocolError acknowledge_error(const PacketBytes& packet) {
  using Reason = ProtocolErrorReason;
  if (packet.body.size() < 2) return {Reason::kTruncatedField, "", "an acknowledgement without a packet id"};
  if (packet.body.size() > 2) return {Reason::kTrailingBytes, "", "an acknowledgement with bytes after its packet id"};
  return {Reason::kPacketIdZero, "MQTT-2.3.1-1", "an acknowledgement of packet id 0"};
}

}  // namespace penstock::protocol
