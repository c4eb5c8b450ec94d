// Message expiry: a record keeps the Message Expiry Interval as it was published, and its wall time; what is left of it
// is worked out when somebody is to get the message. [MQTT5-3.3.2-5] [MQTT5-3.3.2-6]
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "core/clock.h"
#include "protocol/stored_properties.h"

namespace penstock::broker {

inline bool is_expired(core::Bytes stored_properties, int64_t published_us, int64_t now_us) {
  const auto expiry_s = protocol::stored_expiry_s(stored_properties);
  return expiry_s.has_value() && now_us - published_us >= int64_t{*expiry_s} * core::kUsPerSecond;
}

// 0 when it is over; all of it where the wall clock has gone back.
inline uint32_t seconds_left(uint32_t expiry_s, int64_t published_us, int64_t now_us) {
  const int64_t passed_s = now_us <= published_us ? 0 : (now_us - published_us) / core::kUsPerSecond;
  return passed_s >= expiry_s ? 0 : expiry_s - static_cast<uint32_t>(passed_s);
}

}  // namespace penstock::broker
