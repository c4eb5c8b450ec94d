// State records: changes of durable session state, as records of the log (types from 16 on). One order with the
// messages, one sync, one recovery. The session's client id stands in the record's publisher field; a will topic
// in its topic field; the rest, little-endian, in the payload, versioned by its first byte.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "broker/inflight_window.h"
#include "broker/log_progress.h"
#include "broker/session_expiry.h"
#include "broker/subscription_terms.h"
#include "broker/will.h"
#include "core/bytes.h"
#include "log/record_format.h"

namespace penstock::broker {

enum class StateRecord : log::RecordType {
  kDirectMessage = 3,      // a message for one session only (a retained one at QoS 1 or 2); publisher = receiver
  kSessionOpened = 16,     // a persistent session was created or came online; payload: what a new one has passed
  kSessionEnded = 17,      // and everything of it with it
  kSubscribed = 18,        // payload: clock: messages up to here lie before the subscriptions; those of one SUBSCRIBE
  kUnsubscribed = 19,      // payload: the filters of one UNSUBSCRIBE
  kSessionProgress = 20,   // payload: presence, clock of what was taken, deliveries of the window
  kDeliveryStarted = 21,   // QoS 2 out: payload: the delivery. Written before its PUBLISH is sent
  kDeliveryReleased = 22,  // QoS 2 out: packet_id. Written before its PUBREL is sent
  kInboundReleased = 23,   // QoS 2 in: packet_id. Written before its PUBCOMP is sent
  kWillSet = 24,           // topic, properties (with the delay), payload = message, flags = QoS and retain
  kWillCleared = 25,       // discarded by DISCONNECT, or because the session came back in time
  kSessionExpiry = 26,     // DISCONNECT has changed it; payload: seconds
};
// "subscribed"; "message" and "epoch start" too; null for an unknown type.
const char* record_type_name(log::RecordType type);

// In the flags of a message: its publisher has a persistent session, so its QoS 2 packet id is state of that session.
constexpr uint8_t kRecordPublisherPersistent = 0x08;
// The message is its publisher's will, which is done with it: one record, or a crash between two could publish it
// twice.
constexpr uint8_t kRecordIsWill = 0x10;

inline bool is_direct_message(const log::RecordView& record) {
  return record.header().type == static_cast<log::RecordType>(StateRecord::kDirectMessage);
}

// Filters as text: a decoder looks at their form only as far as the bytes go. The views are into the payload.
struct GrantedFilter {
  std::string_view filter;
  SubscriptionTerms terms;  // those of one record have one identifier
  bool operator==(const GrantedFilter&) const = default;
};
struct SubscribedState {
  LogClock start;
  std::vector<GrantedFilter> filters;
};
struct OpenedState {
  uint32_t expiry_s = kExpiryByBroker;
  LogClock passed;  // of one that is new: what was addressed to an older one of its name lies before
};
// Of a session when its progress was recorded.
enum class Presence : uint8_t {
  kOffline = 0,
  kOnline = 1,            // what waits for it may have been sent before the next life begins
  kOfflineSinceCrash = 2  // what waits may have been sent by an earlier life that crashed
};
struct ProgressState {
  Presence presence = Presence::kOffline;
  LogClock done;
  std::vector<Delivery> deliveries;
};

// One record for one packet: its size has the packet's bound, and it is there as a whole or not at all.
// Nothing for a session that was there and whose expiry is the broker's.
std::vector<std::byte> encode_opened(uint32_t expiry_s, const LogClock& passed);
std::vector<std::byte> encode_expiry(uint32_t expiry_s);
std::vector<std::byte> encode_subscribed(const LogClock& start, std::span<const GrantedFilter> filters);
std::vector<std::byte> encode_unsubscribed(std::span<const std::string_view> filters);
std::vector<std::byte> encode_progress(Presence presence, const LogClock& done, const InflightWindow* window,
                                       const std::vector<Delivery>& completed_ahead = {});
std::vector<std::byte> encode_delivery(const Delivery& delivery);

// None: damaged or of a version that this build does not know.
std::optional<OpenedState> decode_opened(core::Bytes payload);
std::optional<uint32_t> decode_expiry(core::Bytes payload);
std::optional<SubscribedState> decode_subscribed(core::Bytes payload);
std::optional<std::vector<std::string_view>> decode_unsubscribed(core::Bytes payload);
std::optional<ProgressState> decode_progress(core::Bytes payload);
std::optional<Delivery> decode_delivery(core::Bytes payload);

// In the wire form of MQTT 5.0: the delay, when there is one, and what is published with the will.
std::vector<std::byte> encode_will_properties(const Will& will);
// `record`: a kWillSet.
Will decode_will(const log::RecordView& record);

}  // namespace penstock::broker
