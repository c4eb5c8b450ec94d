// SUBSCRIBE, UNSUBSCRIBE, SUBACK and UNSUBACK. A decoding checks every filter first and then gives a range over them,
// so that the broker walks a packet that is known to be good to its end, and nothing is allocated however many filters
// it holds.
#pragma once

#include <cstdint>
#include <iterator>

#include "core/bytes.h"
#include "protocol/packet_framer.h"
#include "protocol/protocol_error.h"
#include "protocol/topic_filter.h"
#include "protocol/types.h"

namespace penstock::protocol {

// Which retained messages a new subscription brings.
enum class RetainHandling : uint8_t {
  kSend = 0,
  kSendIfNew = 1,  // not when it only replaces one
  kDoNotSend = 2,
};

// One filter of a SUBSCRIBE. The options but the QoS are of 5.0; the defaults are what 3.1.1 means.
struct FilterRequest {
  TopicFilter filter;
  QoS qos = QoS::kAtMostOnce;  // the highest that the client wants
  bool no_local = false;       // nothing that it published itself [MQTT5-3.8.3-3]; never with a shared filter
  bool retain_as_published = false;
  RetainHandling retain_handling = RetainHandling::kSend;
};

// The options byte behind a filter: QoS (2 bits, from the lowest), no local, retain as published, retain handling
// (2 bits), 2 reserved.
constexpr uint8_t subscription_options(const FilterRequest& request) {
  return static_cast<uint8_t>(static_cast<uint32_t>(request.qos) | (request.no_local ? 4u : 0) |
                              (request.retain_as_published ? 8u : 0) |
                              static_cast<uint32_t>(request.retain_handling) << 4);
}

// The filters of a checked SUBSCRIBE (Entry = FilterRequest) or UNSUBSCRIBE (Entry = TopicFilter), in the packet's
// order.
template <typename Entry>
class FilterList {
 public:
  class Iterator {
   public:
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    explicit Iterator(const std::byte* at) : at_(at) {}
    Entry operator*() const;
    Iterator& operator++();
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const std::byte* at_ = nullptr;
  };

  FilterList() = default;
  FilterList(core::Bytes checked, uint32_t count) : bytes_(checked), count_(count) {}

  Iterator begin() const { return Iterator(bytes_.data()); }
  Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }
  uint32_t size() const { return count_; }  // at least 1 in a decoded packet

 private:
  core::Bytes bytes_;
  uint32_t count_ = 0;
};

// `user_properties`, here and below: 5.0; from the first to the last, for PropertyReader. Properties of other kinds may
// stand between them.
struct Subscribe {
  PacketId packet_id;
  FilterList<FilterRequest> filters;
  uint32_t subscription_id = 0;  // 5.0, for every filter of the packet; 0: none
  core::Bytes user_properties;
};

struct Unsubscribe {
  PacketId packet_id;
  FilterList<TopicFilter> filters;
  core::Bytes user_properties;
};

struct Suback {
  PacketId packet_id;
  core::Bytes codes;               // one for each filter, in their order
  std::string_view reason_string;  // 5.0; empty: none
  core::Bytes user_properties;

  ReasonCode code(size_t index) const { return static_cast<ReasonCode>(codes[index]); }
};

// In 5.0 a shared filter has to be one that SharedFilter can split; in 3.1.1 "$share/..." is a filter like any other.
Decoded<Subscribe> decode_subscribe(const PacketBytes& packet, ProtocolVersion version = ProtocolVersion::kMqtt311);
Decoded<Unsubscribe> decode_unsubscribe(const PacketBytes& packet, ProtocolVersion version = ProtocolVersion::kMqtt311);
// For clients. UNSUBACK has codes in 5.0 only.
Decoded<Suback> decode_suback(const PacketBytes& packet, ProtocolVersion version = ProtocolVersion::kMqtt311);
using Unsuback = Suback;
Decoded<Unsuback> decode_unsuback(const PacketBytes& packet, ProtocolVersion version = ProtocolVersion::kMqtt311);

namespace detail {
inline std::string_view filter_text(const std::byte* at) {
  return core::as_text({at + 2, size_t{core::load_be16(at)}});
}
}  // namespace detail

template <>
inline FilterRequest FilterList<FilterRequest>::Iterator::operator*() const {
  const std::string_view text = detail::filter_text(at_);
  const auto options = std::to_integer<uint8_t>(at_[2 + text.size()]);
  return {.filter = TopicFilter::accepted(text),
          .qos = static_cast<QoS>(options & 3),
          .no_local = (options & 4) != 0,
          .retain_as_published = (options & 8) != 0,
          .retain_handling = static_cast<RetainHandling>(options >> 4 & 3)};
}
template <>
inline FilterList<FilterRequest>::Iterator& FilterList<FilterRequest>::Iterator::operator++() {
  at_ += 3 + core::load_be16(at_);
  return *this;
}
template <>
inline TopicFilter FilterList<TopicFilter>::Iterator::operator*() const {
  return TopicFilter::accepted(detail::filter_text(at_));
}
template <>
inline FilterList<TopicFilter>::Iterator& FilterList<TopicFilter>::Iterator::operator++() {
  at_ += 2 + core::load_be16(at_);
  return *this;
}

}  // namespace penstock::protocol
