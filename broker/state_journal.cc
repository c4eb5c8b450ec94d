#include "broker/state_journal.h"

#include <algorithm>

#include "broker/state_codec.h"

namespace penstock::broker {
namespace {

constexpr uint64_t kFixedBytesMax = 128;  // header of the record, version, counts, padding

}  // namespace

uint64_t StateJournal::append(StateRecord type, std::string_view client_id, log::RecordParts parts) {
  parts.type = static_cast<log::RecordType>(type);
  parts.publisher = client_id;
  return log_.append(parts).end;
}

uint64_t StateJournal::session_opened(const Session& session, bool is_new) {
  const std::vector<std::byte> payload = encode_opened(session.expiry_s, is_new ? session.done : LogClock());
  return append(StateRecord::kSessionOpened, session.client_id(), {.payload = payload});
}

uint64_t StateJournal::session_expiry(const Session& session) {
  const std::vector<std::byte> payload = encode_expiry(session.expiry_s);
  return append(StateRecord::kSessionExpiry, session.client_id(), {.payload = payload});
}

uint64_t StateJournal::session_ended(const Session& session) {
  return append(StateRecord::kSessionEnded, session.client_id());
}

// A filter is as long in the record as in the packet.
uint64_t StateJournal::subscribed_bytes(const Session& session, size_t packet_bytes, const LogClock& start) {
  const uint64_t bytes = kFixedBytesMax + session.client_id().size() + clock_bytes(start) + packet_bytes;
  return std::max(kStateRecordBytes, bytes);  // a nearly full disk refuses all that changes state alike
}

uint64_t StateJournal::subscribed(const Session& session, const LogClock& start,
                                  std::span<const GrantedFilter> filters) {
  const std::vector<std::byte> payload = encode_subscribed(start, filters);
  return append(StateRecord::kSubscribed, session.client_id(), {.payload = payload});
}

uint64_t StateJournal::unsubscribed(const Session& session, std::span<const std::string_view> filters) {
  const std::vector<std::byte> payload = encode_unsubscribed(filters);
  return append(StateRecord::kUnsubscribed, session.client_id(), {.payload = payload});
}

uint64_t StateJournal::progress_bytes(const Session& session) {
  const InflightWindow* window = session.window_if_any();
  const size_t deliveries = (window == nullptr ? 0 : window->size()) + session.started_ahead.size();
  return kFixedBytesMax + session.client_id().size() + clock_bytes(session.done) + deliveries * kDeliveryBytes;
}

uint64_t StateJournal::progress(const Session& session) {
  const Presence offline = session.was_connected ? Presence::kOfflineSinceCrash : Presence::kOffline;
  const std::vector<std::byte> payload = encode_progress(session.online() ? Presence::kOnline : offline, session.done,
                                                         session.window_if_any(), session.completed_ahead());
  return append(StateRecord::kSessionProgress, session.client_id(), {.payload = payload});
}

uint64_t StateJournal::delivery_started(const Session& session, const Delivery& delivery) {
  const std::vector<std::byte> payload = encode_delivery(delivery);
  return append(StateRecord::kDeliveryStarted, session.client_id(),
                {.packet_id = delivery.packet_id.value(), .payload = payload});
}

uint64_t StateJournal::delivery_released(const Session& session, protocol::PacketId packet_id) {
  return append(StateRecord::kDeliveryReleased, session.client_id(), {.packet_id = packet_id.value()});
}

uint64_t StateJournal::inbound_released(const Session& session, protocol::PacketId packet_id) {
  return append(StateRecord::kInboundReleased, session.client_id(), {.packet_id = packet_id.value()});
}

uint64_t StateJournal::will_set(const Session& session, const Will& will) {
  const auto flags = static_cast<uint8_t>(static_cast<uint8_t>(will.qos) | (will.retain ? log::kRecordRetain : 0));
  const std::vector<std::byte> properties = encode_will_properties(will);
  return append(StateRecord::kWillSet, session.client_id(),
                {.flags = flags, .topic = will.topic, .properties = properties, .payload = will.payload});
}

uint64_t StateJournal::will_cleared(std::string_view client_id) {
  return append(StateRecord::kWillCleared, client_id);
}

}  // namespace penstock::broker
