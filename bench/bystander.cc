#include "bench/bystander.h"

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/encode.h"
#include "protocol/subscribe.h"

namespace penstock::bench {
namespace {

// In one SUBSCRIBE: few enough for any broker's limit on packets.
constexpr uint64_t kFiltersPerPacket = 200;

uint64_t share_begin(const Settings& settings, uint64_t number) {
  return settings.bystander_filters * number / settings.bystanders;
}

}  // namespace

Bystander::Bystander(Loop& loop, ConnectionOwner& owner, const TrafficPlan& plan, BystanderCounters& counters,
                     uint32_t index, uint32_t number)
    : Connection(loop, plan.target, owner, index),
      plan_(plan),
      counters_(counters),
      next_(share_begin(plan.settings, number)),
      end_(share_begin(plan.settings, number + 1)) {}

void Bystander::subscribe() {
  if (next_ == end_) return counters_.ready.add(1);
  awaited_ = static_cast<uint32_t>(std::min(kFiltersPerPacket, end_ - next_));
  std::vector<std::string> texts;
  std::vector<protocol::FilterRequest> requests;
  for (uint32_t i = 0; i < awaited_; ++i) texts.push_back(plan_.bystander_filter(next_++));
  for (const std::string& text : texts) requests.push_back({.filter = protocol::TopicFilter::accepted(text)});
  const auto buffer = std::as_writable_bytes(loop().send_buffer());
  const size_t bytes = protocol::encode_subscribe(buffer, protocol::PacketId(1), requests, version());
  send(loop().send_buffer().data(), bytes);
}

const uint8_t* Bystander::take_packets(const uint8_t* begin, const uint8_t* end, size_t&) {
  return take_each(begin, end, [this](const protocol::PacketBytes& packet) {
    return packet.type == protocol::PacketType::kSuback ? take_suback(packet) : take_control_packet(packet);
  });
}

bool Bystander::take_suback(const protocol::PacketBytes& packet) {
  const auto suback = protocol::decode_suback(packet, version());
  bool granted = suback.has_value() && suback->codes.size() == awaited_;
  for (size_t i = 0; granted && i < awaited_; ++i) granted = !protocol::is_failure(suback->code(i));
  if (!granted) {
    fail_with("the broker refused a bystander's filters after " + std::to_string(counters_.filters.get()));
    return false;
  }
  counters_.filters.add(awaited_);
  awaited_ = 0;
  subscribe();
  return true;
}

}  // namespace penstock::bench
