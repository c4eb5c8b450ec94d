// SUBSCRIBE, UNSUBSCRIBE and SUBACK. A decoding checks every filter first and then gives a range over them, so that the
// broker walks a packet that is known to be good to its end, and nothing is allocated however many filters it holds.
#pragma once

#include <cstdint>
#include <iterator>

#include "core/bytes.h"
#include "protocol/packet_framer.h"
#include "protocol/protocol_error.h"
#include "protocol/topic_filter.h"
#include "protocol/types.h"

namespace penstock::protocol {

// One filter of a SUBSCRIBE with the highest QoS that the client wants for it.
struct FilterRequest {
  TopicFilter filter;
  QoS qos = QoS::kAtMostOnce;
};

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

struct Subscribe {
  PacketId packet_id;
  FilterList<FilterRequest> filters;
};

struct Unsubscribe {
  PacketId packet_id;
  FilterList<TopicFilter> filters;
};

struct Suback {
  PacketId packet_id;
  core::Bytes codes;  // each one a SubackCode, in the order of the filters

  SubackCode code(size_t index) const { return static_cast<SubackCode>(codes[index]); }
};

Decoded<Subscribe> decode_subscribe(const PacketBytes& packet);
Decoded<Unsubscribe> decode_unsubscribe(const PacketBytes& packet);
// For clients.
Decoded<Suback> decode_suback(const PacketBytes& packet);

namespace detail {
inline std::string_view filter_text(const std::byte* at) {
  return core::as_text({at + 2, size_t{core::load_be16(at)}});
}
}  // namespace detail

template <>
inline FilterRequest FilterList<FilterRequest>::Iterator::operator*() const {
  const std::string_view text = detail::filter_text(at_);
  return {TopicFilter::accepted(text), static_cast<QoS>(at_[2 + text.size()])};
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
