// Bytes: views of memory, and integers at byte addresses in the two orders that we meet
// (little-endian in our files, big-endian on the MQTT wire).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace penstock::core {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

static_assert(std::endian::native == std::endian::little, "the on-disk formats are stored as the machine has them");

template <typename T>
inline T load_le(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
inline void store_le(void* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

inline uint16_t load_be16(const void* from) {
  return __builtin_bswap16(load_le<uint16_t>(from));
}
inline uint32_t load_be32(const void* from) {
  return __builtin_bswap32(load_le<uint32_t>(from));
}
inline void store_be16(void* to, uint16_t value) {
  store_le(to, __builtin_bswap16(value));
}
inline void store_be32(void* to, uint32_t value) {
  store_le(to, __builtin_bswap32(value));
}

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// `alignment` is a power of two.
constexpr uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}
constexpr uint64_t align_down(uint64_t value, uint64_t alignment) {
  return value & ~(alignment - 1);
}

}  // namespace penstock::core
