#include "tests/support/server_rules.h"

#include <algorithm>
#include <initializer_list>
#include <sstream>

namespace penstock::test {
namespace {

constexpr uint8_t kFirstFailure = 0x80;

bool is_one_of(uint8_t code, std::initializer_list<int> codes) {
  return std::ranges::find(codes, int{code}) != codes.end();
}

bool is_one_of(PropertyId id, std::initializer_list<PropertyId> ids) {
  return std::ranges::find(ids, id) != ids.end();
}

// Chapter 2.2.2.2, table 2-4, less those that only a client may send.
bool belongs_into(PropertyId id, Type type) {
  using enum PropertyId;
  switch (type) {
    case Type::kConnack:
      return is_one_of(
          id, {kSessionExpiry, kAssignedClientId, kServerKeepAlive, kAuthMethod, kAuthBytes, kResponseInformation,
               kServerReference, kReasonString, kReceiveMaximum, kTopicAliasMaximum, kMaximumQos, kRetainAvailable,
               kUserProperty, kMaximumPacketSize, kWildcardAvailable, kSubscriptionIdAvailable, kSharedAvailable});
    case Type::kPublish:
      return is_one_of(id, {kPayloadFormat, kMessageExpiry, kContentType, kResponseTopic, kCorrelation, kSubscriptionId,
                            kTopicAlias, kUserProperty});
    case Type::kDisconnect:  // no Session Expiry Interval [MQTT5-3.14.2-2]
      return is_one_of(id, {kServerReference, kReasonString, kUserProperty});
    case Type::kAuth:
      return is_one_of(id, {kAuthMethod, kAuthBytes, kReasonString, kUserProperty});
    default:
      return is_one_of(id, {kReasonString, kUserProperty});
  }
}

// The tables of reason codes beside each packet, those of a server.
bool is_reason_of(Type type, uint8_t code) {
  switch (type) {
    case Type::kConnack:  // [MQTT5-3.2.2-8]
      return is_one_of(code, {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
                              0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f});
    case Type::kPuback:  // [MQTT5-3.4.2-1] [MQTT5-3.5.2-1]
    case Type::kPubrec:
      return is_one_of(code, {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99});
    case Type::kPubrel:  // [MQTT5-3.6.2-1] [MQTT5-3.7.2-1]
    case Type::kPubcomp:
      return is_one_of(code, {0x00, 0x92});
    case Type::kSuback:  // [MQTT5-3.9.3-2]
      return is_one_of(code, {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2});
    case Type::kUnsuback:  // [MQTT5-3.11.3-2]
      return is_one_of(code, {0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91});
    case Type::kDisconnect:  // [MQTT5-3.14.2-1]; 0x8c stands in table 2-6 alone
      return is_one_of(code, {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94,
                              0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2});
    case Type::kAuth:  // [MQTT5-3.15.2-1]; 0x19 is a client's
      return is_one_of(code, {0x00, 0x18});
    default:
      return code == 0;
  }
}

bool is_value_of(const Property& property) {
  switch (property.id) {
    case PropertyId::kReceiveMaximum:
    case PropertyId::kMaximumPacketSize:
    case PropertyId::kTopicAlias:  // [MQTT5-3.3.2-8]
    case PropertyId::kSubscriptionId:
      return property.number != 0;
    default:
      break;
  }
  switch (kind_of(property.id)) {
    case PropertyKind::kByte:
      return property.number <= 1;
    case PropertyKind::kText:  // [MQTT5-1.5.4-1] [MQTT5-1.5.4-2]
      return is_standard_text(property.text);
    case PropertyKind::kTextPair:  // [MQTT5-1.5.7-1]
      return is_standard_text(property.text) && is_standard_text(property.value);
    default:
      return true;
  }
}

std::string text_of(const Property& property) {
  std::ostringstream out;
  out << property;
  return out.str();
}

bool may_come_again(PropertyId id, Type type) {
  return id == PropertyId::kUserProperty || (id == PropertyId::kSubscriptionId && type == Type::kPublish);
}

}  // namespace

std::string broken_rule(const Packet& packet) {
  for (const Property& property : packet.properties) {
    if (!belongs_into(property.id, packet.type)) return "a server must not send here: " + text_of(property);
    if (!is_value_of(property)) return "the standard has no such value: " + text_of(property);
    if (!may_come_again(property.id, packet.type) && all_of(packet.properties, property.id).size() > 1) {
      return "twice: " + text_of(property);
    }
  }
  if (!is_reason_of(packet.type, packet.reason_code)) return "that packet has no such reason code";
  for (const char code : packet.codes) {
    if (!is_reason_of(packet.type, static_cast<uint8_t>(code))) return "that packet has no such reason code";
  }
  if (packet.type != Type::kPublish) return {};
  if (!is_standard_text(packet.topic)) return "the topic is no text [MQTT5-3.3.2-1]";
  if (packet.topic.find_first_of("+#") != std::string::npos) return "the topic holds a wildcard [MQTT5-3.3.2-2]";
  return packet.qos() == 0 && packet.dup() ? "DUP at QoS 0 [MQTT5-3.3.1-2]" : "";
}

ConnectionRules::ConnectionRules(const ConnectOptions& options)
    : knows_connect_(true),
      clean_start_(options.clean_start.value_or(options.clean_session)),
      has_client_id_(!options.client_id.empty()) {
  for (const Property& property : options.properties) {
    if (property.id == PropertyId::kRequestProblem) wants_reasons_ = property.number != 0;
    if (property.id == PropertyId::kRequestResponse) wants_response_information_ = property.number != 0;
    if (property.id == PropertyId::kMaximumPacketSize) packet_bytes_max_ = property.number;
    if (property.id == PropertyId::kTopicAliasMaximum) alias_max_ = property.number;
    if (property.id == PropertyId::kAuthMethod) auth_method_ = property.text;
  }
}

std::string ConnectionRules::judge(Packet& packet) {
  if (std::string broken = judge_order(packet); !broken.empty()) return broken;
  if (packet_bytes_max_ > 0 && packet.bytes > packet_bytes_max_) {
    return "larger than the client's Maximum Packet Size [MQTT5-3.1.2-24]";
  }
  if (std::string broken = broken_rule(packet); !broken.empty()) return broken;
  const bool may_explain = wants_reasons_ || packet.type == Type::kPublish || packet.type == Type::kConnack ||
                           packet.type == Type::kDisconnect;
  if (!may_explain && (packet.has(PropertyId::kReasonString) || packet.has(PropertyId::kUserProperty))) {
    return "explains what the client does not want to know [MQTT5-3.1.2-29]";
  }
  if (knows_connect_) {
    if (std::string broken = judge_authentication(packet); !broken.empty()) return broken;
    if (packet.type == Type::kConnack) return judge_connack(packet);
  }
  return packet.type == Type::kPublish ? judge_alias(packet) : std::string();
}

std::string ConnectionRules::judge_order(const Packet& packet) {
  if (ended_) return "comes behind the last packet of the connection [MQTT5-3.14.4-1] [MQTT5-3.2.2-7]";
  if (packet.type == Type::kConnack) {
    if (accepted_) return "a second CONNACK [MQTT5-3.2.0-2]";
    accepted_ = packet.reason_code == 0;
    ended_ = packet.reason_code >= kFirstFailure;
    if (packet.reason_code != 0 && packet.session_present) return "refuses and has a session [MQTT5-3.2.2-6]";
    return {};
  }
  if (!accepted_ && packet.type == Type::kDisconnect) return "DISCONNECT before CONNACK [MQTT5-3.14.0-1]";
  if (!accepted_ && packet.type != Type::kAuth) return "comes before CONNACK [MQTT5-3.2.0-1]";
  ended_ = packet.type == Type::kDisconnect;
  return {};
}

std::string ConnectionRules::judge_connack(const Packet& packet) const {
  if (packet.has(PropertyId::kResponseInformation) && !wants_response_information_) {
    return "response information that nobody asked for [MQTT5-3.1.2-28]";
  }
  if (packet.reason_code != 0) return {};
  if (clean_start_ && packet.session_present) return "a session behind Clean Start [MQTT5-3.2.2-2]";
  const bool assigned = !packet.text(PropertyId::kAssignedClientId).empty();
  if (assigned == has_client_id_) return "an assigned client id is for those without one [MQTT5-3.2.2-16]";
  return {};
}

std::string ConnectionRules::judge_authentication(const Packet& packet) const {
  if (auth_method_.empty()) {
    const bool authenticates = packet.type == Type::kAuth || packet.has(PropertyId::kAuthMethod);
    return authenticates ? "authentication that the client did not begin [MQTT5-4.12.0-6]" : "";
  }
  const bool must_name_it = packet.type == Type::kAuth || (packet.type == Type::kConnack && packet.reason_code == 0);
  if (must_name_it && packet.text(PropertyId::kAuthMethod) != auth_method_) {
    return "another authentication method [MQTT5-4.12.0-5]";
  }
  return {};
}

std::string ConnectionRules::judge_alias(Packet& packet) {
  const uint32_t alias = packet.number(PropertyId::kTopicAlias);
  if (alias == 0) return packet.topic.empty() ? "neither topic nor alias [MQTT5-4.7.3-1]" : "";
  if (alias > alias_max_) return "an alias above the client's maximum [MQTT5-3.1.2-26] [MQTT5-3.1.2-27]";
  if (!packet.topic.empty()) {
    aliases_[alias] = packet.topic;
    return {};
  }
  const auto known = aliases_.find(alias);
  if (known == aliases_.end()) return "an alias that this connection has not seen [MQTT5-3.3.2-7]";
  packet.topic = known->second;
  return {};
}

}  // namespace penstock::test
