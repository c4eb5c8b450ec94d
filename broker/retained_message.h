// RetainedMessage: the last message of a topic that was published with RETAIN. Immutable and counted, so that every
// shard refers to one copy; any thread may drop the last reference. One allocation.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/bytes.h"
#include "log/position.h"
#include "log/record_format.h"

namespace penstock::broker {

class RetainedMessage;

// Owns one reference; may be null.
class RetainedPointer {
 public:
  RetainedPointer() = default;
  RetainedPointer(std::nullptr_t) {}
  RetainedPointer(const RetainedPointer& other);
  RetainedPointer(RetainedPointer&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  RetainedPointer& operator=(RetainedPointer other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~RetainedPointer();

  bool operator==(std::nullptr_t) const { return message_ == nullptr; }
  explicit operator bool() const { return message_ != nullptr; }
  const RetainedMessage& operator*() const { return *message_; }
  const RetainedMessage* operator->() const { return message_; }
  const RetainedMessage* get() const { return message_; }

 private:
  friend RetainedPointer make_retained(const log::RecordParts&, int64_t, log::LogPosition);
  explicit RetainedPointer(const RetainedMessage* message) : message_(message) {}
  const RetainedMessage* message_ = nullptr;
};

// Copies what `parts` refers to (publisher, topic, properties, payload, QoS of the flags). No payload: a removal.
RetainedPointer make_retained(const log::RecordParts& parts, int64_t wall_us, log::LogPosition position);

class RetainedMessage {
 public:
  RetainedMessage(const RetainedMessage&) = delete;
  RetainedMessage& operator=(const RetainedMessage&) = delete;

  // Views of bytes behind this object.
  const std::string_view topic;
  const core::Bytes payload;
  const std::string_view publisher;
  const core::Bytes properties;
  const log::LogPosition position;
  const int64_t wall_us;
  const uint8_t qos;

  // An empty payload takes away what was retained, and is not retained itself. [MQTT-3.3.1-10] [MQTT-3.3.1-11]
  // [MQTT5-3.3.1-6] [MQTT5-3.3.1-7]
  bool is_removal() const { return payload.empty(); }
  size_t memory_bytes() const {
    return sizeof *this + topic.size() + payload.size() + publisher.size() + properties.size();
  }
  // The same on every shard, whatever order the messages arrive in.
  bool is_newer_than(const RetainedMessage& other) const;

 private:
  friend class RetainedPointer;
  friend RetainedPointer make_retained(const log::RecordParts&, int64_t, log::LogPosition);
  RetainedMessage(const log::RecordParts& parts, int64_t wall_us, log::LogPosition position, std::byte* bytes);
  ~RetainedMessage() = default;

  mutable std::atomic<uint32_t> references_{1};
};

}  // namespace penstock::broker
