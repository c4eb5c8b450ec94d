// PINGREQ, PINGRESP and DISCONNECT: packets that are a fixed header and nothing else.
#pragma once

#include "protocol/packet_framer.h"
#include "protocol/protocol_error.h"

namespace penstock::protocol {

// An error when the packet has a body.
Decoded<void> decode_empty(const PacketBytes& packet);

}  // namespace penstock::protocol
