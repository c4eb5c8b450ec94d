// Decoding of SUBSCRIBE, UNSUBSCRIBE, SUBACK and UNSUBACK: one pass over hostile bytes, so that the ranges given out
// need no checks.
#include "protocol/subscribe.h"

#include "protocol/acknowledge.h"
#include "protocol/field_reader.h"
#include "protocol/property.h"

namespace penstock::protocol {
namespace {

using Reason = ProtocolErrorReason;

std::unexpected<ProtocolError> fail(Reason reason, const char* clause, const char* text) {
  return std::unexpected(ProtocolError{reason, clause, text});
}

// What makes the two packets different.
struct ListRules {
  PropertyPlace place;
  bool with_options;  // a byte behind each filter
  const char* no_filter;
  const char* utf8;
};
constexpr ListRules kSubscribeRules{PropertyPlace::kSubscribe, true, "MQTT-3.8.3-3", "MQTT-3.8.3-1"};
constexpr ListRules kUnsubscribeRules{PropertyPlace::kUnsubscribe, false, "MQTT-3.10.3-2", "MQTT-3.10.3-1"};

struct CheckedFilters {
  PacketId packet_id;
  core::Bytes bytes;
  uint32_t count = 0;
  uint32_t subscription_id = 0;
  core::Bytes user_properties;
};

std::expected<void, ProtocolError> read_properties(FieldReader& reader, PropertyPlace place, CheckedFilters& checked) {
  const Decoded<core::Bytes> section = take_properties(reader);
  if (!section.has_value()) return std::unexpected(section.error());
  PropertyChecker checker(*section, place);
  for (Property property; checker.next(property);) {
    if (property.id == PropertyId::kSubscriptionId) checked.subscription_id = property.number;
  }
  if (checker.error().has_value()) return std::unexpected(*checker.error());
  checked.user_properties = checker.user_properties();
  return {};
}

std::expected<void, ProtocolError> check_options(uint8_t options, bool is_shared, ProtocolVersion version) {
  if (version != ProtocolVersion::kMqtt5) {
    if (options <= 2) return {};  // the six reserved bits too
    return fail(Reason::kInvalidQoS, "MQTT-3.8.3-4", "requested QoS is not 0, 1 or 2");
  }
  if (options >> 6 != 0) return fail(Reason::kReservedFlags, "MQTT5-3.8.3-5", "reserved subscription options are set");
  if ((options & 3) == 3) return fail(Reason::kSubscriptionOptions, "", "requested QoS is not 0, 1 or 2");
  if ((options >> 4 & 3) == 3) return fail(Reason::kSubscriptionOptions, "", "retain handling is not 0, 1 or 2");
  if (is_shared && (options & 4) != 0) {
    return fail(Reason::kSubscriptionOptions, "MQTT5-3.8.3-4", "no local on a shared subscription");
  }
  return {};
}

std::expected<void, ProtocolError> check_filter(std::string_view text, uint8_t options, const ListRules& rules,
                                                ProtocolVersion version) {
  const Decoded<TopicFilter> filter = TopicFilter::parse(text);
  if (!filter.has_value()) {
    ProtocolError error = filter.error();
    if (error.reason == Reason::kInvalidUtf8) error.clause = rules.utf8;
    return std::unexpected(error);
  }
  const bool is_shared = version == ProtocolVersion::kMqtt5 && filter->is_shared();
  if (is_shared) {  // [MQTT5-4.8.2-1] [MQTT5-4.8.2-2]
    if (const auto split = SharedFilter::split(*filter); !split.has_value()) return std::unexpected(split.error());
  }
  if (!rules.with_options) return {};
  return check_options(options, is_shared, version);
}

// Walks all entries: a packet id, in 5.0 properties, then filters. Errors in the words of 3.1.1.
Decoded<CheckedFilters> check_entries(core::Bytes body, const ListRules& rules, ProtocolVersion version) {
  FieldReader reader(body);
  CheckedFilters checked;
  checked.packet_id = PacketId(reader.take_u16());  // [MQTT5-2.2.1-3]
  if (reader.truncated()) return fail(Reason::kTruncatedField, "MQTT-2.3.1-1", "no packet id");
  if (checked.packet_id.value() == 0) return fail(Reason::kPacketIdZero, "MQTT-2.3.1-1", "packet id 0");
  if (version == ProtocolVersion::kMqtt5) {
    if (const auto status = read_properties(reader, rules.place, checked); !status) {
      return std::unexpected(status.error());
    }
  }
  checked.bytes = reader.rest();
  if (reader.at_end()) return fail(Reason::kNoTopicFilter, rules.no_filter, "no topic filter");
  for (; !reader.at_end(); ++checked.count) {
    const core::Bytes text = reader.take_sized();
    const uint8_t options = rules.with_options ? reader.take_u8() : 0;
    if (reader.truncated()) return fail(Reason::kTruncatedField, "", "a topic filter reaches past the packet's end");
    if (const auto status = check_filter(core::as_text(text), options, rules, version); !status) {
      return std::unexpected(status.error());
    }
  }
  return checked;
}

Decoded<CheckedFilters> check_filters(core::Bytes body, const ListRules& rules, ProtocolVersion version) {
  Decoded<CheckedFilters> checked = check_entries(body, rules, version);
  if (!checked.has_value() && version == ProtocolVersion::kMqtt5) return std::unexpected(in_mqtt5(checked.error()));
  return checked;
}

// The statements about the codes of SUBACK and UNSUBACK.
struct CodeClauses {
  const char* missing;
  const char* reserved;
};

bool is_legal_code(PacketType type, uint8_t code, ProtocolVersion version) {
  if (version == ProtocolVersion::kMqtt5) return may_carry(type, static_cast<ReasonCode>(code));
  return code <= 2 || code == 0x80;
}

Decoded<Suback> decode_codes(const PacketBytes& packet, PacketType type, ProtocolVersion version, CodeClauses clauses) {
  const bool is_5 = version == ProtocolVersion::kMqtt5;
  FieldReader reader(packet.body);
  Suback suback{.packet_id = PacketId(reader.take_u16())};
  if (reader.truncated()) return fail(Reason::kTruncatedField, "", "SUBACK or UNSUBACK without a packet id");
  if (suback.packet_id.value() == 0) {
    return fail(Reason::kPacketIdZero, is_5 ? "MQTT5-2.2.1-6" : "MQTT-2.3.1-1", "SUBACK or UNSUBACK of packet id 0");
  }
  if (is_5) {
    const PropertyPlace place = type == PacketType::kSuback ? PropertyPlace::kSuback : PropertyPlace::kUnsuback;
    const Decoded<core::Bytes> section = take_properties(reader);
    if (!section.has_value()) return std::unexpected(section.error());
    PropertyChecker checker(*section, place);
    for (Property property; checker.next(property);) {
      if (property.id == PropertyId::kReasonString) suback.reason_string = property.text();
    }
    if (checker.error().has_value()) return std::unexpected(*checker.error());
    suback.user_properties = checker.user_properties();
  }
  suback.codes = reader.rest();
  if (suback.codes.empty()) {
    return fail(Reason::kTruncatedField, clauses.missing, "SUBACK or UNSUBACK without a return code");
  }
  for (const std::byte code : suback.codes) {
    if (!is_legal_code(type, std::to_integer<uint8_t>(code), version)) {
      return fail(Reason::kReturnCode, clauses.reserved, "SUBACK or UNSUBACK with a reserved return code");
    }
  }
  return suback;
}

}  // namespace

Decoded<Subscribe> decode_subscribe(const PacketBytes& packet, ProtocolVersion version) {
  // [MQTT5-3.8.3-1] [MQTT5-3.8.3-2]
  const Decoded<CheckedFilters> checked = check_filters(packet.body, kSubscribeRules, version);
  if (!checked.has_value()) return std::unexpected(checked.error());
  return Subscribe{
      checked->packet_id, {checked->bytes, checked->count}, checked->subscription_id, checked->user_properties};
}

Decoded<Unsubscribe> decode_unsubscribe(const PacketBytes& packet, ProtocolVersion version) {
  // [MQTT5-3.10.3-1] [MQTT5-3.10.3-2]
  const Decoded<CheckedFilters> checked = check_filters(packet.body, kUnsubscribeRules, version);
  if (!checked.has_value()) return std::unexpected(checked.error());
  return Unsubscribe{checked->packet_id, {checked->bytes, checked->count}, checked->user_properties};
}

Decoded<Suback> decode_suback(const PacketBytes& packet, ProtocolVersion version) {
  const bool is_5 = version == ProtocolVersion::kMqtt5;
  return decode_codes(
      packet, PacketType::kSuback, version,
      is_5 ? CodeClauses{"MQTT5-3.8.4-6", "MQTT5-3.9.3-2"} : CodeClauses{"MQTT-3.8.4-5", "MQTT-3.9.3-2"});
}

Decoded<Unsuback> decode_unsuback(const PacketBytes& packet, ProtocolVersion version) {
  if (version == ProtocolVersion::kMqtt5) {
    return decode_codes(packet, PacketType::kUnsuback, version, {"MQTT5-3.11.3-1", "MQTT5-3.11.3-2"});
  }
  const Decoded<Acknowledge> acknowledge = decode_acknowledge(packet, version);
  if (!acknowledge.has_value()) return std::unexpected(acknowledge.error());
  return Unsuback{.packet_id = acknowledge->packet_id};
}

}  // namespace penstock::protocol
