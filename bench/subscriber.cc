#include "bench/subscriber.h"

#include <algorithm>

#include "protocol/acknowledge.h"
#include "protocol/field_reader.h"

namespace penstock::bench {

using protocol::PacketType;

namespace {

// With the length before them. More than there is where they are malformed.
size_t properties_bytes(core::Bytes section) {
  if (section[0] == std::byte{0}) return 1;
  protocol::FieldReader reader(section);
  const uint32_t bytes = reader.take_variable();
  return reader.truncated() ? SIZE_MAX / 2 : section.size() - reader.rest().size() + bytes;
}

}  // namespace

Subscriber::Subscriber(Loop& loop, ConnectionOwner& owner, TrafficPlan& plan, TrafficCounters& counters,
                       PumpList& pump_list, const std::vector<Publisher*>& local_publishers, uint32_t index)
    : Connection(loop, plan.target, owner, index),
      plan_(plan),
      counters_(counters),
      pump_list_(pump_list),
      local_publishers_(local_publishers),
      first_publisher_(plan.first_publisher(index)),
      qos_(std::min(plan.settings.qos, plan.settings.subscribe_qos)),
      flows_(plan.publishers_per_subscriber()) {
  if (qos_ == 2) unreleased_ = std::make_unique<std::vector<bool>>(65'536);
}

const uint8_t* Subscriber::take_packets(const uint8_t* begin, const uint8_t* end, size_t& answer_bytes) {
  Batch batch;
  begin = take_each(begin, end, [&](const protocol::PacketBytes& packet) {
    return packet.type == PacketType::kPublish ? take_publish(packet, batch) : take_other(packet, batch);
  });
  if (begin == nullptr) return nullptr;
  credit(batch);
  if (batch.delivered != 0) {
    last_ns_ = loop().now_ns();
    counters_.delivered.add(batch.delivered);
    if (plan_.span.contains(last_ns_)) counters_.delivered_measured.add(batch.delivered);
  }
  answer_bytes = batch.answer_bytes;
  return begin;
}

bool Subscriber::take_publish(const protocol::PacketBytes& packet, Batch& batch) {
  const auto* body = reinterpret_cast<const uint8_t*>(packet.body.data());
  const uint8_t qos = packet.flags >> 1 & 3;
  const size_t id_bytes = qos == 0 ? 0 : 2;
  const size_t topic_bytes = packet.body.size() < 2 ? 0 : core::load_be16(body);
  size_t payload_begin = 2 + topic_bytes + id_bytes;
  if (speaks5() && payload_begin < packet.body.size())
    payload_begin += properties_bytes(packet.body.subspan(payload_begin));
  if (payload_begin > packet.body.size() || qos == 3) {
    fail_with("the broker sent a malformed PUBLISH");
    return false;
  }
  if (qos != qos_) ++counters_.sequence.corrupt;  // [MQTT-3.8.4-6]
  const bool dup = packet.flags & 8;
  if (qos != 0) {
    const uint16_t packet_id = core::load_be16(body + 2 + topic_bytes);
    answer(qos == 1 ? PacketType::kPuback : PacketType::kPubrec, protocol::PacketId(packet_id), batch.answer_bytes);
    // A repeated PUBLISH before its PUBREL is the same delivery once more, and no duplicate. [MQTT-4.3.3-2]
    if (qos == 2 && unreleased_ && !mark_unreleased(packet_id, true)) return true;
  }
  check(body + payload_begin, packet.body.size() - payload_begin, dup && qos == 1, batch);
  return true;
}

void Subscriber::check(const uint8_t* payload, size_t payload_bytes, bool repeat_allowed, Batch& batch) {
  if (!plan_.pattern.matches(payload, payload_bytes, turn_++)) {
    ++counters_.sequence.corrupt;
    return;
  }
  ++batch.delivered;
  if (payload_bytes < kPayloadHeaderBytes) {
    // Nobody knows whose it is: the publishers are credited in turn.
    flows_[turn_ % flows_.size()].arrive(static_cast<uint32_t>(flows_[turn_ % flows_.size()].next()), false,
                                         counters_.sequence);
    return resolve(first_publisher_ + turn_ % flows_.size(), 1, batch);
  }
  PayloadHeader header;
  std::memcpy(&header, payload, sizeof header);
  const uint32_t flow = header.publisher() - first_publisher_;
  if (!header.valid() || flow >= flows_.size()) {
    ++counters_.sequence.corrupt;
    return;
  }
  const uint64_t resolved = flows_[flow].arrive(header.sequence, repeat_allowed, counters_.sequence);
  if (resolved != 0) resolve(header.publisher(), resolved, batch);
  if (plan_.span.contains(header.intended_ns)) {
    const auto latency_ns = static_cast<uint64_t>(std::max<int64_t>(0, loop().now_ns() - header.intended_ns));
    counters_.delivery_latency.record(latency_ns);
    if (counters_.delivery_series.enabled()) {
      counters_.delivery_series.record(header.intended_ns - plan_.span.begin_ns, latency_ns);
    }
  }
}

void Subscriber::resolve(uint32_t publisher, uint64_t count, Batch& batch) {
  if (publisher != batch.publisher) {
    credit(batch);
    batch.publisher = publisher;
  }
  batch.resolved += count;
}

void Subscriber::credit(Batch& batch) {
  if (batch.resolved == 0) return;
  resolved_ += batch.resolved;
  counters_.resolved.add(batch.resolved);
  plan_.leads[batch.publisher].resolve(batch.resolved, plan_.one_thread());
  if (Publisher* publisher = local_publishers_[batch.publisher]) pump_list_.add(*publisher);
  batch.resolved = 0;
}

bool Subscriber::take_other(const protocol::PacketBytes& packet, Batch& batch) {
  if (packet.type != PacketType::kPubrel || qos_ != 2) return take_control_packet(packet);
  const auto pubrel = protocol::decode_acknowledge(packet, version());
  if (!pubrel.has_value()) {
    fail_with("the broker sent a malformed PUBREL");
    return false;
  }
  mark_unreleased(pubrel->packet_id.value(), false);
  answer(PacketType::kPubcomp, pubrel->packet_id, batch.answer_bytes);
  return true;
}

bool Subscriber::mark_unreleased(uint16_t packet_id, bool unreleased) {
  auto bit = (*unreleased_)[packet_id];
  if (bit == unreleased) return false;
  bit = unreleased;
  if (unreleased) {
    counters_.unsettled.add(1);
  } else {
    counters_.unsettled.subtract(1);
  }
  return true;
}

uint64_t Subscriber::never_came() const {
  uint64_t missing = 0;
  for (size_t flow = 0; flow < flows_.size(); ++flow) {
    const uint64_t sent = plan_.leads[first_publisher_ + flow].sent.load(std::memory_order_relaxed);
    if (sent > flows_[flow].next()) missing += sent - flows_[flow].next();
  }
  return missing;
}

}  // namespace penstock::bench
