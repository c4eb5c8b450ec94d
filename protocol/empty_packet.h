// PINGREQ, PINGRESP and, before 5.0, DISCONNECT: packets that are a fixed header and nothing else. DISCONNECT of all
// versions: protocol/disconnect.h.
#pragma once

#include "protocol/packet_framer.h"
#include "protocol/protocol_error.h"

namespace penstock::protocol {

// An error when the packet has a body.
Decoded<void> decode_empty(const PacketBytes& packet);

}  // namespace penstock::protocol
