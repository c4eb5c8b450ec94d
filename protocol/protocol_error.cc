// Labels of the error reasons: metric names, so they never change their spelling.
#include "protocol/protocol_error.h"

namespace penstock::protocol {

const char* to_string(ProtocolErrorReason reason) {
  switch (reason) {
    case ProtocolErrorReason::kReservedPacketType:
      return "reserved_packet_type";
    case ProtocolErrorReason::kReservedFlags:
      return "reserved_flags";
    case ProtocolErrorReason::kRemainingLength:
      return "remaining_length";
    case ProtocolErrorReason::kPacketTooLarge:
      return "packet_too_large";
    case ProtocolErrorReason::kTruncatedField:
      return "truncated_field";
    case ProtocolErrorReason::kTrailingBytes:
      return "trailing_bytes";
    case ProtocolErrorReason::kInvalidUtf8:
      return "invalid_utf8";
    case ProtocolErrorReason::kInvalidTopicName:
      return "invalid_topic_name";
    case ProtocolErrorReason::kInvalidTopicFilter:
      return "invalid_topic_filter";
    case ProtocolErrorReason::kInvalidQoS:
      return "invalid_qos";
    case ProtocolErrorReason::kDupAtQoS0:
      return "dup_at_qos0";
    case ProtocolErrorReason::kPacketIdZero:
      return "packet_id_zero";
    case ProtocolErrorReason::kNoTopicFilter:
      return "no_topic_filter";
    case ProtocolErrorReason::kProtocolName:
      return "protocol_name";
    case ProtocolErrorReason::kProtocolLevel:
      return "protocol_level";
    case ProtocolErrorReason::kConnectFlags:
      return "connect_flags";
    case ProtocolErrorReason::kClientId:
      return "client_id";
    case ProtocolErrorReason::kReturnCode:
      return "return_code";
    case ProtocolErrorReason::kUnexpectedPacket:
      return "unexpected_packet";
  }
  return "unknown";
}

}  // namespace penstock::protocol
