// PUBACK, PUBREC, PUBREL and PUBCOMP: a packet id, and in 5.0 perhaps a reason code and properties. UNSUBACK of 3.1 and
// 3.1.1 looks the same and may be decoded here; for all versions see decode_unsuback.
#pragma once

#include "core/bytes.h"
#include "protocol/packet_framer.h"
#include "protocol/protocol_error.h"
#include "protocol/types.h"

namespace penstock::protocol {

struct Acknowledge {
  PacketId packet_id;  // never 0
  ReasonCode reason = ReasonCode::kSuccess;
};

// Everything but a packet id alone: an error, or the longer forms of 5.0, whose properties are checked and skipped.
Decoded<Acknowledge> decode_acknowledge_slow(const PacketBytes& packet, ProtocolVersion version);

inline Decoded<Acknowledge> decode_acknowledge(const PacketBytes& packet,
                                               ProtocolVersion version = ProtocolVersion::kMqtt311) {
  if (packet.body.size() == 2) [[likely]] {  // of 5.0, too, when all went well
    const PacketId packet_id(core::load_be16(packet.body.data()));
    if (packet_id.value() != 0) [[likely]]
      return Acknowledge{packet_id};
  }
  return decode_acknowledge_slow(packet, version);
}

}  // namespace penstock::protocol
