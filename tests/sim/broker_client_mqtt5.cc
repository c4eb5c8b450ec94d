// ModelledClient's MQTT 5.0: what CONNECT asks for, CONNACK grants, and DISCONNECT says in both directions.
#include <algorithm>

#include "tests/sim/broker_client.h"
#include "tests/support/reason_codes.h"

namespace penstock::sim {
namespace {

using test::PropertyId;

constexpr uint32_t kNeverExpires = UINT32_MAX;
constexpr int64_t kShortWaitUs = 4 * core::kUsPerSecond;

int64_t us_of(uint32_t expiry_s) {
  return expiry_s == kNeverExpires ? SessionTerms::kNever : int64_t{expiry_s} * core::kUsPerSecond;
}

}  // namespace

// Once it has settled it keeps its session, which is owed something.
void ModelledClient::draw_terms() {
  const Mqtt5Plan& plan = plan_.mqtt5;
  level_ = random_.chance(plan.per_cent, 100) ? test::kLevel5 : test::kLevel311;
  server_receive_maximum_ = SIZE_MAX;
  server_alias_max_ = 0;
  aliases_.clear();
  if (!is_5()) {
    terms_ = {.clean_start = plan_.clean, .expiry_us = plan_.clean ? 0 : SessionTerms::kNever};
    return;
  }
  terms_.clean_start = !settling_ && random_.chance(plan.clean_start_per_cent, 100);
  terms_.expiry_us = settling_ ? SessionTerms::kNever : us_of(plan.expiry_s[random_.below(plan.expiry_s.size())]);
}

// Now and then for so long that its will must be out, or its session over.
int64_t ModelledClient::draw_absence() {
  const auto away_ns = static_cast<int64_t>(random_.below(plan_.away_ns_max));
  if (!is_5() || plan_.mqtt5.outstay_per_cent == 0) return away_ns;
  int64_t wait_us = terms_.expiry_us;
  if (will_delay_us_ != 0) wait_us = std::min(wait_us, will_delay_us_);
  if (wait_us == 0 || wait_us > kShortWaitUs || !random_.chance(plan_.mqtt5.outstay_per_cent, 100)) return away_ns;
  return wait_us * core::kNsPerUs + (4 + static_cast<int64_t>(random_.below(6))) * core::kNsPerSecond;
}

// In us.
int64_t ModelledClient::draw_will_delay(test::Will& will) {
  const Mqtt5Plan& plan = plan_.mqtt5;
  if (!is_5() || plan.will_delay_s_max == 0 || random_.chance(1, 4)) return 0;
  const auto delay_s = static_cast<uint32_t>(1 + random_.below(plan.will_delay_s_max));
  will.properties.emplace_back(PropertyId::kWillDelay, delay_s);
  return int64_t{delay_s} * core::kUsPerSecond;
}

void ModelledClient::add_mqtt5(test::ConnectOptions& options) {
  const Mqtt5Plan& plan = plan_.mqtt5;
  options.protocol_level = level_;
  options.clean_start = terms_.clean_start;
  if (terms_.expiry_us != 0)
    options.properties.emplace_back(PropertyId::kSessionExpiry,
                                    terms_.expiry_us == SessionTerms::kNever
                                        ? kNeverExpires
                                        : static_cast<uint32_t>(terms_.expiry_us / core::kUsPerSecond));
  if (plan.receive_maximum != UINT16_MAX)
    options.properties.emplace_back(PropertyId::kReceiveMaximum, plan.receive_maximum);
  if (plan.packet_bytes_max != 0)
    options.properties.emplace_back(PropertyId::kMaximumPacketSize, plan.packet_bytes_max);
  if (plan.alias_max != 0) options.properties.emplace_back(PropertyId::kTopicAliasMaximum, plan.alias_max);
  rules_ = test::ConnectionRules(options);
}

// [MQTT5-3.2.2-7]
void ModelledClient::note_connack(const test::Packet& packet) {
  server_receive_maximum_ = packet.number(PropertyId::kReceiveMaximum, UINT16_MAX);
  if (plan_.mqtt5.has_aliases) server_alias_max_ = packet.number(PropertyId::kTopicAliasMaximum);
  const int64_t granted_us =
      packet.has(PropertyId::kSessionExpiry) ? us_of(packet.number(PropertyId::kSessionExpiry)) : terms_.expiry_us;
  if (granted_us != oracle_.bounded_expiry_us(terms_.expiry_us))
    oracle_.breach(index_, "was told that its session lasts " + std::to_string(granted_us) + " us");
}

// That it has broken a rule, nobody may say: it has not.
void ModelledClient::on_disconnect(const test::Packet& packet) {
  namespace reason = test::reason;
  constexpr uint8_t kServerBusy = 0x89;
  world_.trace("broker disconnects", plan_.name, packet.reason_code);
  const uint8_t code = packet.reason_code;
  if (code == kServerBusy) return oracle_.refused(index_, "its connection");
  if (code != reason::kServerShuttingDown && code != reason::kKeepAliveTimeout && code != reason::kSessionTakenOver)
    oracle_.breach(index_, "was disconnected with reason code " + std::to_string(code));
}

MessageTerms ModelledClient::draw_message_terms() {
  constexpr uint32_t kSecondsMax[] = {4, 30, 3000};
  const Mqtt5Plan& plan = plan_.mqtt5;
  if (plan.expiring_per_cent == 0) return {};
  MessageTerms terms{.is_tagged = random_.chance(1, 2)};
  if (random_.chance(plan.expiring_per_cent, 100))
    terms.expiry_s = static_cast<uint32_t>(1 + random_.below(kSecondsMax[random_.below(std::size(kSecondsMax))]));
  return terms;
}

// What it stood for before, an alias may stand for no longer. [MQTT5-3.3.2-12]
std::string ModelledClient::topic_or_alias(const std::string& topic, test::Properties& properties) {
  if (server_alias_max_ == 0) return topic;
  const auto known = aliases_.find(topic);
  if (known != aliases_.end()) {
    properties.emplace_back(PropertyId::kTopicAlias, known->second);
    return {};
  }
  const auto alias = static_cast<uint16_t>(1 + random_.below(server_alias_max_));
  std::erase_if(aliases_, [&](const auto& each) { return each.second == alias; });
  aliases_[topic] = alias;
  properties.emplace_back(PropertyId::kTopicAlias, alias);
  return topic;
}

std::string ModelledClient::disconnect_packet() {
  if (!is_5()) return test::disconnect_packet();
  test::Properties properties;
  // A session that ends with its connection cannot be kept after all. [MQTT5-3.14.2.2.2]
  if (terms_.expiry_us != 0 && random_.chance(plan_.mqtt5.other_expiry_per_cent, 100)) {
    const uint32_t expiry_s = plan_.mqtt5.expiry_s[random_.below(plan_.mqtt5.expiry_s.size())];
    properties.emplace_back(PropertyId::kSessionExpiry, expiry_s);
    oracle_.expires_after(index_, us_of(expiry_s));
  }
  return test::disconnect_packet(keeps_will_ ? test::reason::kDisconnectWithWill : test::reason::kSuccess, properties);
}

}  // namespace penstock::sim
