#include "tests/system/reliable_publisher.h"

#include <algorithm>
#include <utility>

#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

constexpr size_t kWindow = 16;
constexpr uint32_t kReceiveMaximumDefault = 65535;

}  // namespace

ReliablePublisher::ReliablePublisher(std::string client_id, ClientKind kind, std::string topic, uint8_t qos,
                                     uint64_t seed)
    : ReliableClient(std::move(client_id), kind), topic_(std::move(topic)), qos_(qos), random_(seed) {}

std::string ReliablePublisher::payload(uint64_t number) const {
  std::string text = client_id();
  text += ' ';
  text += std::to_string(number);
  text += ' ';
  // Mostly small, now and then large enough to cross pages and chunks.
  const size_t filler = number % 97 == 0 ? 20'000 : number * 31 % 200;
  return text.append(filler, static_cast<char>('a' + number % 26));
}

Properties ReliablePublisher::properties(uint64_t number) const {
  if (!speaks_5() || number % 3 == 0) return {};
  const std::string text = std::to_string(number);
  if (number % 3 == 1) return {{kContentType, text}};
  return {{kResponseTopic, "answers/" + text},
          {kCorrelation, std::string(number % 50, '\xfe')},
          {kUserProperty, "number", text},
          {kUserProperty, "number", "again"}};
}

uint32_t ReliablePublisher::resends(uint64_t number) const {
  const auto found = resends_.find(number);
  return found == resends_.end() ? 0 : found->second;
}

uint16_t ReliablePublisher::free_packet_id() {
  do {
    if (++last_packet_id_ == 0) last_packet_id_ = 1;
  } while (std::ranges::find(window_, last_packet_id_, &Outstanding::packet_id) != window_.end());
  return last_packet_id_;
}

void ReliablePublisher::send(const Outstanding& message, bool dup) {
  PublishOptions options{
      .qos = qos_, .dup = dup, .packet_id = message.packet_id, .properties = properties(message.number)};
  const bool names_topic = !std::exchange(alias_is_set_, may_use_alias_);
  if (may_use_alias_) options.properties.emplace_back(kTopicAlias, 1);
  queue(publish_packet(names_topic ? topic_ : "", payload(message.number), options, kind().level));
}

void ReliablePublisher::on_established(const Packet& connack) {
  // A server's Receive Maximum is the same after each of its restarts, so what is sent again keeps to it as well.
  window_max_ = std::min<size_t>(kWindow, connack.number(kReceiveMaximum, kReceiveMaximumDefault));  // [MQTT5-3.3.4-7]
  may_use_alias_ = connack.number(kTopicAliasMaximum) > 0;
  alias_is_set_ = false;
  // [MQTT-4.4.0-1] [MQTT-4.6.0-1]: in the original order, with the original ids.
  for (const Outstanding& message : window_) {
    if (message.released) {
      queue(acknowledge_packet(Type::kPubrel, message.packet_id));
      continue;
    }
    ++resends_[message.number];
    send(message, true);
  }
}

void ReliablePublisher::on_turn() {
  if (!established()) return;
  while (published_ < allowed_ && window_.size() < window_max_ && !output_is_full()) {
    window_.push_back({free_packet_id(), ++published_, false});
    send(window_.back(), false);
    if (random_.chance(1, 4)) break;  // varies what goes out in one segment
  }
}

void ReliablePublisher::on_packet(const Packet& packet) {
  // Only an id may be unknown: that of a PUBREL whose PUBCOMP was lost.
  if (packet.reason_code >= reason::kFirstFailure && packet.type != Type::kPubcomp) {
    return report("refused: " + text_of(packet));
  }
  const auto message = std::ranges::find(window_, packet.packet_id, &Outstanding::packet_id);
  if (packet.type == Type::kPubrec && qos_ == 2 && message == window_.end()) {
    queue(acknowledge_packet(Type::kPubrel, packet.packet_id));
    return;
  }
  const bool wanted = message != window_.end() &&
                      ((packet.type == Type::kPuback && qos_ == 1) || (packet.type == Type::kPubrec && qos_ == 2) ||
                       (packet.type == Type::kPubcomp && message->released));
  if (!wanted) return report("nobody waits for " + text_of(packet));
  if (packet.type == Type::kPubrec) {
    if (!message->released) ++acknowledged_;
    message->released = true;
    queue(acknowledge_packet(Type::kPubrel, packet.packet_id));
    return;
  }
  if (packet.type == Type::kPuback) ++acknowledged_;
  window_.erase(message);
}

}  // namespace penstock::test
