// SubscriptionTerms: what a client asked for with one filter, beside the filter. Four bytes, because there may be
// millions of them. Plain value; any thread.
#pragma once

#include <cstdint>

#include "protocol/types.h"

namespace penstock::broker {

constexpr uint32_t kSubscriptionIdentifierMax = 268'435'455;

struct SubscriptionTerms {
  SubscriptionTerms() = default;
  explicit SubscriptionTerms(protocol::QoS qos, uint32_t subscription_identifier = 0)
      : identifier(subscription_identifier), qos_bits(static_cast<uint32_t>(qos)) {}

  uint32_t identifier : 28 = 0;  // 1 to 268,435,455; 0: the client gave none
  uint32_t qos_bits : 2 = 0;
  uint32_t no_local : 1 = 0;             // not what the session itself has published [MQTT5-3.8.3-3]
  uint32_t retain_as_published : 1 = 0;  // RETAIN of a delivery is that of the publisher [MQTT5-3.3.1-13]

  protocol::QoS qos() const { return static_cast<protocol::QoS>(qos_bits); }
  bool operator==(const SubscriptionTerms&) const = default;
  // Nothing but a QoS: all that 3.1.1 can say.
  bool is_plain() const { return identifier == 0 && no_local == 0 && retain_as_published == 0; }

  // All but the identifier, as in SUBSCRIBE: QoS in bits 0-1, no local in 2, retain as published in 3.
  uint8_t option_bits() const { return static_cast<uint8_t>(qos_bits | no_local << 2 | retain_as_published << 3); }
  static bool are_option_bits(uint8_t bits) { return bits < 16 && (bits & 3) != 3; }
  // Of bits that are_option_bits().
  static SubscriptionTerms from_option_bits(uint8_t bits, uint32_t identifier) {
    SubscriptionTerms terms(static_cast<protocol::QoS>(bits & 3), identifier);
    terms.no_local = bits >> 2 & 1;
    terms.retain_as_published = bits >> 3 & 1;
    return terms;
  }
};
static_assert(sizeof(SubscriptionTerms) == 4);

}  // namespace penstock::broker
