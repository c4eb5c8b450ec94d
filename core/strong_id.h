// StrongId: an integer that means one thing. An offset, an index, a shard and a packet id do not mix by accident.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>

namespace penstock::core {

template <typename Tag, typename Integer>
class StrongId {
 public:
  using value_type = Integer;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Integer value) : value_(value) {}

  constexpr Integer value() const { return value_; }
  constexpr auto operator<=>(const StrongId&) const = default;

  // Distance and displacement keep the unit of the id (bytes for an offset, things for an ordinal).
  constexpr StrongId operator+(Integer distance) const { return StrongId(static_cast<Integer>(value_ + distance)); }
  constexpr Integer operator-(StrongId other) const { return static_cast<Integer>(value_ - other.value_); }
  constexpr StrongId& operator++() {
    ++value_;
    return *this;
  }
  constexpr StrongId& operator+=(Integer distance) {
    value_ = static_cast<Integer>(value_ + distance);
    return *this;
  }

  friend std::ostream& operator<<(std::ostream& out, StrongId id) { return out << +id.value_; }
  template <typename H>
  friend H AbslHashValue(H state, StrongId id) {
    return H::combine(std::move(state), id.value_);
  }

 private:
  Integer value_ = 0;
};

}  // namespace penstock::core

template <typename Tag, typename Integer>
struct std::hash<penstock::core::StrongId<Tag, Integer>> {
  size_t operator()(penstock::core::StrongId<Tag, Integer> id) const { return std::hash<Integer>()(id.value()); }
};
