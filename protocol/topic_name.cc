// The cold half of TopicName::parse: finds out what is wrong, or that a name with other characters is right.
#include "protocol/topic_name.h"

namespace penstock::protocol {

Decoded<TopicName> TopicName::parse_slow(std::string_view text) {
  using Reason = ProtocolErrorReason;
  if (text.empty()) {  // [MQTT5-4.7.3-1]
    return std::unexpected(ProtocolError{Reason::kInvalidTopicName, "MQTT-4.7.3-1", "the topic name is empty"});
  }
  // [MQTT-4.7.3-3] [MQTT5-4.7.3-3] impossible on the wire; a caller's own text may be longer
  if (text.size() > kStringBytesMax) {
    return std::unexpected(
        ProtocolError{Reason::kInvalidTopicName, "MQTT-4.7.3-3", "the topic name is longer than 65535 bytes"});
  }
  if (text.find('\0') != std::string_view::npos) {  // [MQTT5-4.7.3-2]
    return std::unexpected(ProtocolError{Reason::kInvalidUtf8, "MQTT-4.7.3-2", "the topic name holds U+0000"});
  }
  if (!is_mqtt_utf8(text)) {
    return std::unexpected(ProtocolError{Reason::kInvalidUtf8, "MQTT-3.3.2-1", "the topic name is not UTF-8"});
  }
  if (text.find_first_of("+#") != std::string_view::npos) {  // [MQTT5-3.3.2-2]
    return std::unexpected(ProtocolError{Reason::kInvalidTopicName, "MQTT-3.3.2-2", "the topic name holds a wildcard"});
  }
  return TopicName(text);
}

}  // namespace penstock::protocol
