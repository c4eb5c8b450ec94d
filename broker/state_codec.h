// The parts of session state that both records and checkpoints hold, as bytes. Little-endian; versioned by the record
// or checkpoint around them.
#pragma once

#include <vector>

#include "broker/byte_codec.h"
#include "broker/inflight_window.h"
#include "broker/log_progress.h"
#include "broker/subscription_terms.h"

namespace penstock::broker {

size_t clock_bytes(const LogClock& clock);
void write_clock(ByteWriter& writer, const LogClock& clock);
LogClock read_clock(ByteReader& reader);

constexpr size_t kDeliveryBytes = 2 + 1 + 1 + 1 + 2 + 8 + 8;
void write_delivery(ByteWriter& writer, const Delivery& delivery);
Delivery read_delivery(ByteReader& reader);
// Deliveries of the window that are not done (none when `window` is null), and `completed`, which are.
void write_window(ByteWriter& writer, const InflightWindow* window, const std::vector<Delivery>& completed = {});
std::vector<Delivery> read_deliveries(ByteReader& reader);

void write_terms(ByteWriter& writer, const SubscriptionTerms& terms);
SubscriptionTerms read_terms(ByteReader& reader);

// Fails the reader on values that are none.
protocol::QoS read_qos(ByteReader& reader);

}  // namespace penstock::broker
