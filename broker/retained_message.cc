#include "broker/retained_message.h"

#include <cstring>
#include <new>
#include <tuple>

namespace penstock::broker {
namespace {

// Copies `bytes` to `to`, moves `to` behind them, and returns the copy.
core::Bytes put(std::byte*& to, core::Bytes bytes) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  const core::Bytes copy(to, bytes.size());
  to += bytes.size();
  return copy;
}

}  // namespace

RetainedPointer::RetainedPointer(const RetainedPointer& other) : message_(other.message_) {
  if (message_ != nullptr) message_->references_.fetch_add(1, std::memory_order_relaxed);
}

RetainedPointer::~RetainedPointer() {
  if (message_ == nullptr || message_->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  message_->~RetainedMessage();
  ::operator delete(const_cast<RetainedMessage*>(message_));
}

RetainedMessage::RetainedMessage(const log::RecordParts& parts, int64_t wall_us_, log::LogPosition position_,
                                 std::byte* bytes)
    : topic(core::as_text(put(bytes, core::as_bytes(parts.topic)))),
      payload(put(bytes, parts.payload)),
      publisher(core::as_text(put(bytes, core::as_bytes(parts.publisher)))),
      properties(put(bytes, parts.properties)),
      position(position_),
      wall_us(wall_us_),
      qos(parts.flags & log::kRecordQosMask) {}

RetainedPointer make_retained(const log::RecordParts& parts, int64_t wall_us, log::LogPosition position) {
  const size_t bytes = parts.topic.size() + parts.payload.size() + parts.publisher.size() + parts.properties.size();
  auto* memory = static_cast<std::byte*>(::operator new(sizeof(RetainedMessage) + bytes));
  return RetainedPointer(new (memory) RetainedMessage(parts, wall_us, position, memory + sizeof(RetainedMessage)));
}

bool RetainedMessage::is_newer_than(const RetainedMessage& other) const {
  return std::tie(wall_us, position.log, position.sequence) >
         std::tie(other.wall_us, other.position.log, other.position.sequence);
}

}  // namespace penstock::broker
