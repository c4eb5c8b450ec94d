// PUBACK, PUBREC, PUBREL, PUBCOMP and UNSUBACK: five packets of one shape, a packet id and nothing else.
#pragma once

#include "core/bytes.h"
#include "protocol/packet_framer.h"
#include "protocol/protocol_error.h"
#include "protocol/types.h"

namespace penstock::protocol {

ProtocolError acknowledge_error(const PacketBytes& packet);

// The id that is acknowledged; never 0.
inline Decoded<PacketId> decode_acknowledge(const PacketBytes& packet) {
  if (packet.body.size() == 2) [[likely]] {
    const PacketId packet_id(core::load_be16(packet.body.data()));
    if (packet_id.value() != 0) [[likely]]
      return packet_id;
  }
  return std::unexpected(acknowledge_error(packet));
}

}  // namespace penstock::protocol
