#include "bench/publisher.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "protocol/acknowledge.h"
#include "protocol/encode.h"
#include "protocol/encode_publish5.h"

namespace penstock::bench {
namespace {

using protocol::PacketType;

// One system call's worth: larger ones gain nothing more and leave the cache.
constexpr size_t kBatchBytesMax = 128 << 10;
// A window is used again when this part of it is free, so that one receipt does not become one system call.
constexpr uint64_t kWindowParts = 4;
constexpr uint16_t kTopicAlias = 1;  // a publisher has one topic

bool worth_refilling(uint64_t free, uint64_t size) {
  return free * kWindowParts >= size;
}

}  // namespace

void PumpList::add(Publisher& publisher) {
  if (publisher.queued_) return;
  publisher.queued_ = true;
  waiting_.push_back(&publisher);
}

bool PumpList::pump_all() {
  pumping_.swap(waiting_);
  for (Publisher* publisher : pumping_) {
    publisher->queued_ = false;
    if (publisher->pump()) add(*publisher);
  }
  pumping_.clear();
  return !waiting_.empty();
}

Publisher::Publisher(Loop& loop, ConnectionOwner& owner, TrafficPlan& plan, TrafficCounters& counters,
                     PumpList& pump_list, uint32_t index)
    : Connection(loop, plan.target, owner, index),
      plan_(plan),
      counters_(counters),
      pump_list_(pump_list),
      lead_(plan.leads[index]),
      qos_(plan.settings.qos) {
  build_header(true);
}

// Without the topic only behind a message that has said it, beside its alias.
void Publisher::build_header(bool says_topic) {
  const std::string topic = says_topic ? plan_.topic(index()) : std::string();
  const auto name = protocol::TopicName::accepted(topic);
  const auto qos = static_cast<protocol::QoS>(qos_);
  const protocol::PacketId packet_id(qos_ == 0 ? 0 : 1);
  const size_t payload_bytes = plan_.pattern.size();
  if (plan_.settings.version == protocol::ProtocolVersion::kMqtt5) {
    const protocol::PublishHeader5 header{.topic = name,
                                          .payload_bytes = payload_bytes,
                                          .topic_alias = plan_.settings.topic_alias ? kTopicAlias : uint16_t{0},
                                          .packet_id = packet_id,
                                          .qos = qos};
    header_.resize(protocol::publish5_header_bytes(header));
    protocol::encode_publish5_header(std::as_writable_bytes(std::span(header_)), header);
    packet_id_from_end_ = 2 + 1 + protocol::publish5_section_bytes(header);
  } else {
    const protocol::PublishHeader header{
        .topic = name, .payload_bytes = payload_bytes, .packet_id = packet_id, .qos = qos};
    header_.resize(protocol::publish_header_bytes(topic.size(), qos, payload_bytes));
    protocol::encode_publish_header(std::as_writable_bytes(std::span(header_)), header);
  }
  packet_bytes_ = static_cast<uint32_t>(header_.size() + payload_bytes);
}

void Publisher::follow(const RateSchedule& schedule, uint32_t stride, uint32_t offset) {
  schedule_ = schedule;
  stride_ = stride;
  offset_ = offset;
  limit_ = UINT64_MAX;
  running_ = true;
}

void Publisher::begin(uint64_t limit) {
  limit_ = limit;
  running_ = true;
  pump_list_.add(*this);
}

uint64_t Publisher::due(int64_t now_ns) const {
  const uint64_t all = schedule_.due(std::min(now_ns, plan_.span.end_ns - 1));
  return all / stride_ + (offset_ < all % stride_ ? 1 : 0);
}

uint64_t Publisher::behind(int64_t now_ns) const {
  if (stride_ == 0) return 0;
  const uint64_t count = due(now_ns);
  return count > sequence_ ? count - sequence_ : 0;
}

uint64_t Publisher::receipts_outstanding() const {
  const uint64_t caused = sequence_ * plan_.receivers();
  const uint64_t settled = lead_.resolved.load(std::memory_order_relaxed) + written_off_;
  return caused > settled ? caused - settled : 0;
}

uint64_t Publisher::allowance() {
  uint64_t allowed = limit_ - sequence_;
  if (stride_ != 0) {
    allowed = due(loop().refresh_now()) - sequence_;
  } else if (const uint64_t window = plan_.settings.window; window != 0) {
    const uint64_t receivers = plan_.receivers();
    const uint64_t ahead = (receipts_outstanding() + receivers - 1) / receivers;
    const uint64_t free = window > ahead ? window - ahead : 0;
    if (!worth_refilling(free, window)) return 0;
    allowed = std::min(allowed, free);
  }
  if (qos_ != 0) {
    const uint64_t inflight = inflight_max();
    const uint64_t free = inflight - unacknowledged_;
    if (stride_ == 0 && !worth_refilling(free, inflight)) return 0;
    allowed = std::min(allowed, free);
  }
  return allowed;
}

bool Publisher::pump() {
  if (!running_ || !online() || has_unsent()) return false;
  const uint64_t allowed = allowance();
  if (allowed == 0) return false;
  const uint64_t batch = std::min<uint64_t>(allowed, std::max<uint64_t>(1, kBatchBytesMax / packet_bytes_));
  const int64_t now_ns = loop().refresh_now();
  uint8_t* const begin = loop().send_buffer().data();
  uint8_t* end = begin;
  for (uint64_t i = 0; i < batch; ++i) {
    end = write_message(end, stride_ == 0 ? now_ns : schedule_.intended_ns(sequence_ * stride_ + offset_));
  }
  counters_.sent.add(batch);
  if (plan_.span.contains(now_ns)) counters_.sent_measured.add(batch);
  // Before the bytes leave: a receiver on another thread must not be ahead of us.
  lead_.sent.store(sequence_, std::memory_order_relaxed);
  if (qos_ != 0) {
    unacknowledged_ += batch;
    counters_.unsettled.add(batch);
  }
  send(begin, static_cast<size_t>(end - begin));
  return batch < allowed && !has_unsent();
}

uint8_t* Publisher::write_message(uint8_t* to, int64_t intended_ns) {
  std::memcpy(to, header_.data(), header_.size());
  to += header_.size();
  if (qos_ != 0) core::store_be16(to - packet_id_from_end_, take_packet_id(intended_ns));
  const uint32_t payload_bytes = plan_.pattern.size();
  if (payload_bytes != 0) std::memcpy(to, plan_.pattern.data(), payload_bytes);
  if (payload_bytes >= kPayloadHeaderBytes) {
    const PayloadHeader header = payload_header(index(), sequence_, intended_ns);
    std::memcpy(to, &header, sizeof header);
  }
  if (++sequence_ == 1 && plan_.settings.topic_alias) build_header(false);
  return to + payload_bytes;
}

uint16_t Publisher::take_packet_id(int64_t intended_ns) {
  if (free_ids_.empty()) {
    CHECK_LT(outstanding_.size(), size_t{65'535});
    outstanding_.push_back({intended_ns, false});
    return static_cast<uint16_t>(outstanding_.size());
  }
  const uint16_t id = free_ids_.back();
  free_ids_.pop_back();
  outstanding_[id - 1u] = {intended_ns, false};
  return id;
}

const uint8_t* Publisher::take_packets(const uint8_t* begin, const uint8_t* end, size_t& answer_bytes) {
  begin = take_each(begin, end,
                    [&](const protocol::PacketBytes& packet) { return take_acknowledgement(packet, answer_bytes); });
  if (begin != nullptr) pump_list_.add(*this);
  return begin;
}

bool Publisher::take_acknowledgement(const protocol::PacketBytes& packet, size_t& answer_bytes) {
  const PacketType first_answer = qos_ == 1 ? PacketType::kPuback : PacketType::kPubrec;
  if (qos_ == 0 || (packet.type != first_answer && packet.type != PacketType::kPubcomp)) {
    return take_control_packet(packet);
  }
  const auto acknowledge = protocol::decode_acknowledge(packet, version());
  if (acknowledge.has_value() && protocol::is_failure(acknowledge->reason)) {
    fail_with(std::string("the broker refused a message: ") + protocol::to_string(acknowledge->reason));
    return false;
  }
  const uint16_t number = acknowledge.has_value() ? acknowledge->packet_id.value() : 0;
  const bool last_answer = qos_ == 1 || packet.type == PacketType::kPubcomp;
  const bool known = number != 0 && number <= outstanding_.size() && outstanding_[number - 1u].intended_ns != INT64_MIN;
  if (!known || (qos_ == 2 && last_answer && !outstanding_[number - 1u].received)) {
    fail_with(std::string("the broker sent ") + protocol::to_string(packet.type) + " for packet id " +
              std::to_string(number) + ", which does not wait for it");
    return false;
  }
  if (last_answer) {
    complete(number);
  } else {
    outstanding_[number - 1u].received = true;
    answer(PacketType::kPubrel, acknowledge->packet_id, answer_bytes);
  }
  return true;
}

void Publisher::complete(uint16_t packet_id) {
  const int64_t intended_ns = outstanding_[packet_id - 1u].intended_ns;
  outstanding_[packet_id - 1u].intended_ns = INT64_MIN;
  free_ids_.push_back(packet_id);
  --unacknowledged_;
  counters_.unsettled.subtract(1);
  counters_.acknowledged.add(1);
  const int64_t now_ns = loop().now_ns();
  if (plan_.span.contains(now_ns)) counters_.acknowledged_measured.add(1);
  if (plan_.span.contains(intended_ns)) {
    const auto latency_ns = static_cast<uint64_t>(std::max<int64_t>(0, now_ns - intended_ns));
    counters_.ack_latency.record(latency_ns);
    if (counters_.ack_series.enabled()) counters_.ack_series.record(intended_ns - plan_.span.begin_ns, latency_ns);
  }
}

void Publisher::check_stall() {
  const uint64_t resolved = lead_.resolved.load(std::memory_order_relaxed);
  const bool moved = resolved != resolved_at_check_ || sequence_ != sent_at_check_;
  resolved_at_check_ = resolved;
  sent_at_check_ = sequence_;
  if (moved || !running_ || !online() || stride_ != 0 || plan_.settings.window == 0) return;
  const uint64_t outstanding = receipts_outstanding();
  if (outstanding == 0 || unacknowledged_ >= inflight_max()) return;
  written_off_ += outstanding;
  counters_.stalls.add(1);
  pump_list_.add(*this);
}

}  // namespace penstock::bench
