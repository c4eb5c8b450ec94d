// Decoding of SUBSCRIBE, UNSUBSCRIBE and SUBACK: one pass over hostile bytes, so that the ranges given out need no
// checks.
#include "protocol/subscribe.h"

#include "protocol/field_reader.h"

namespace penstock::protocol {
namespace {

using Reason = ProtocolErrorReason;

std::unexpected<ProtocolError> fail(Reason reason, const char* clause, const char* text) {
  return std::unexpected(ProtocolError{reason, clause, text});
}

// The statements that say the same of SUBSCRIBE and of UNSUBSCRIBE.
struct Clauses {
  const char* no_filter;
  const char* utf8;
};

struct CheckedFilters {
  PacketId packet_id;
  core::Bytes bytes;
  uint32_t count = 0;
};

const char* filter_clause(const ProtocolError& error, Clauses clauses) {
  return error.reason == Reason::kInvalidUtf8 ? clauses.utf8 : error.clause;
}

// Walks all entries: a packet id, then filters, each with a QoS byte behind it if `with_qos`.
Decoded<CheckedFilters> check_filters(core::Bytes body, bool with_qos, Clauses clauses) {
  FieldReader reader(body);
  CheckedFilters checked;
  checked.packet_id = PacketId(reader.take_u16());
  if (reader.truncated()) return fail(Reason::kTruncatedField, "MQTT-2.3.1-1", "no packet id");
  if (checked.packet_id.value() == 0) return fail(Reason::kPacketIdZero, "MQTT-2.3.1-1", "packet id 0");
  checked.bytes = reader.rest();
  if (reader.at_end()) return fail(Reason::kNoTopicFilter, clauses.no_filter, "no topic filter");
  for (; !reader.at_end(); ++checked.count) {
    const core::Bytes text = reader.take_sized();
    const uint8_t qos = with_qos ? reader.take_u8() : 0;
    if (reader.truncated()) return fail(Reason::kTruncatedField, "", "a topic filter reaches past the packet's end");
    if (qos > 2) {  // the six reserved bits too
      return fail(Reason::kInvalidQoS, "MQTT-3.8.3-4", "requested QoS is not 0, 1 or 2");
    }
    const Decoded<TopicFilter> filter = TopicFilter::parse(core::as_text(text));
    if (!filter.has_value())
      return fail(filter.error().reason, filter_clause(filter.error(), clauses), filter.error().text);
  }
  return checked;
}

}  // namespace

Decoded<Subscribe> decode_subscribe(const PacketBytes& packet) {
  const Decoded<CheckedFilters> checked = check_filters(packet.body, true, {"MQTT-3.8.3-3", "MQTT-3.8.3-1"});
  if (!checked.has_value()) return std::unexpected(checked.error());
  return Subscribe{checked->packet_id, {checked->bytes, checked->count}};
}

Decoded<Unsubscribe> decode_unsubscribe(const PacketBytes& packet) {
  const Decoded<CheckedFilters> checked = check_filters(packet.body, false, {"MQTT-3.10.3-2", "MQTT-3.10.3-1"});
  if (!checked.has_value()) return std::unexpected(checked.error());
  return Unsubscribe{checked->packet_id, {checked->bytes, checked->count}};
}

Decoded<Suback> decode_suback(const PacketBytes& packet) {
  FieldReader reader(packet.body);
  const PacketId packet_id(reader.take_u16());
  if (reader.truncated()) return fail(Reason::kTruncatedField, "", "SUBACK without a packet id");
  if (packet_id.value() == 0) return fail(Reason::kPacketIdZero, "MQTT-2.3.1-1", "SUBACK of packet id 0");
  if (reader.at_end()) return fail(Reason::kTruncatedField, "MQTT-3.8.4-5", "SUBACK without a return code");
  const core::Bytes codes = reader.rest();
  for (const std::byte code : codes) {
    const auto value = std::to_integer<uint8_t>(code);
    if (value > 2 && value != 0x80) {
      return fail(Reason::kReturnCode, "MQTT-3.9.3-2", "SUBACK with a reserved return code");
    }
  }
  return Suback{packet_id, codes};
}

}  // namespace penstock::protocol
