#include "protocol/utf8.h"

#include "core/utf8.h"

namespace penstock::protocol {

bool is_mqtt_utf8_slow(std::string_view text) {
  if (text.find('\0') != text.npos) return false;  // [MQTT-1.5.3-2] [MQTT5-1.5.4-2]
  return core::is_utf8(text);                      // [MQTT-1.5.3-1] [MQTT5-1.5.4-1]
}

}  // namespace penstock::protocol
