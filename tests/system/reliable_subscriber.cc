#include "tests/system/reliable_subscriber.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

constexpr uint32_t kSubscriptionNumber = 7;
constexpr uint32_t kReceiveMaximumOfOurs = 20;
constexpr uint32_t kTopicAliasMaximumOfOurs = 2;

}  // namespace

Properties ReliableSubscriber::connect_properties() const {
  return {{kReceiveMaximum, kReceiveMaximumOfOurs}, {kTopicAliasMaximum, kTopicAliasMaximumOfOurs}};
}

bool ReliableSubscriber::complete() const {
  return std::ranges::all_of(
      streams_, [](const auto& stream) { return stream.second.seen_max == stream.second.publisher->published(); });
}

std::string ReliableSubscriber::missing() const {
  std::string text = client_id();
  for (const auto& [name, stream] : streams_) {
    text += "; " + name + " seen up to " + std::to_string(stream.seen_max) + " of " +
            std::to_string(stream.publisher->published());
  }
  return text;
}

void ReliableSubscriber::on_established(const Packet&) {
  for (auto& [name, stream] : streams_) stream.previous = 0;
  if (!subscribed_) queue(subscribe_packet(1, filters_, {{kSubscriptionId, kSubscriptionNumber}}, kind().level));
}

void ReliableSubscriber::on_packet(const Packet& packet) {
  switch (packet.type) {
    case Type::kSuback:
      return on_suback(packet);
    case Type::kPublish:
      return on_publish(packet);
    case Type::kPubrel:
      if (packet.reason_code != 0) report("the broker does not know its own delivery: " + text_of(packet));
      unreleased_.erase(packet.packet_id);
      return queue(acknowledge_packet(Type::kPubcomp, packet.packet_id));
    default:
      return report("did not expect " + text_of(packet));
  }
}

void ReliableSubscriber::on_suback(const Packet& suback) {
  for (const char code : suback.codes) {
    if (static_cast<uint8_t>(code) >= reason::kFirstFailure) report("refused: " + text_of(suback));
  }
  subscribed_ = true;
}

void ReliableSubscriber::on_publish(const Packet& packet) {
  if (packet.qos() == 2 && !unreleased_.insert(packet.packet_id).second) {
    // [MQTT-4.3.3-2]: known already; the answer was lost.
    if (!packet.dup()) report("a QoS 2 id in use was given to another message: " + text_of(packet));
  } else {
    check(packet);
  }
  if (packet.qos() == 1) queue(acknowledge_packet(Type::kPuback, packet.packet_id));
  if (packet.qos() == 2) queue(acknowledge_packet(Type::kPubrec, packet.packet_id));
}

void ReliableSubscriber::check(const Packet& packet) {
  const size_t blank = packet.payload.find(' ');
  const auto stream = streams_.find(std::string_view(packet.payload).substr(0, blank));
  if (blank == std::string::npos || stream == streams_.end()) return report("nobody sent " + text_of(packet));
  uint64_t number = 0;
  std::from_chars(packet.payload.data() + blank + 1, packet.payload.data() + packet.payload.size(), number);
  if (!is_as_published(*stream->second.publisher, number, packet)) {
    return report("changed on the way: " + text_of(packet));
  }
  ++received_;
  check_order(stream->second, number, packet);
}

bool ReliableSubscriber::is_as_published(const ReliablePublisher& publisher, uint64_t number,
                                         const Packet& packet) const {
  if (packet.topic != publisher.topic() || packet.payload != publisher.payload(number)) return false;
  if (!speaks_5()) return true;
  // What belongs to the delivery, and not to the message.
  Properties properties = packet.properties;
  std::erase_if(properties, [](const Property& each) { return each.id == kTopicAlias || each.id == kSubscriptionId; });
  if (all_of(packet.properties, kSubscriptionId) != Properties{{kSubscriptionId, kSubscriptionNumber}}) return false;
  const Properties published = publisher.properties(number);
  return properties.size() == published.size() && std::ranges::all_of(published, [&](const Property& each) {
           return all_of(properties, each.id) == all_of(published, each.id);
         });
}

void ReliableSubscriber::check_order(Stream& stream, uint64_t number, const Packet& packet) {
  const uint64_t seen_max = stream.seen_max;
  stream.seen_max = std::max(seen_max, number);
  const uint64_t previous = std::exchange(stream.previous, number);
  if (number > seen_max + 1) {
    return report("lost or out of order: after " + std::to_string(seen_max) + " came " + text_of(packet));
  }
  if (number == seen_max + 1) return;
  if (packet.qos() == 2) return report("a QoS 2 message came twice: " + text_of(packet));
  if (previous != 0 && number > previous + 1) {
    report("repeated out of order: after " + std::to_string(previous) + " came " + text_of(packet));
  }
  if (packet.dup()) return;
  if (++stream.repeats[number] > (stream.publisher->qos() == 1 ? stream.publisher->resends(number) : 0)) {
    report("repeated without DUP: " + text_of(packet));
  }
}

}  // namespace penstock::test
