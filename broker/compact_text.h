// CompactText: an owned text of at most 65,535 bytes in 8 bytes; up to 7 bytes lie inside, a longer one on the heap
// behind its size. For tables with a million of them, where std::string would spend half of the memory.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/check.h"

namespace penstock::broker {

class CompactText {
 public:
  CompactText() = default;
  explicit CompactText(std::string_view text) {
    CHECK_LE(text.size(), size_t{UINT16_MAX});
    if (text.size() <= kInlineMax) {
      bytes_[0] = static_cast<char>(text.size() << 1 | kInlineBit);
      if (!text.empty()) std::memcpy(&bytes_[1], text.data(), text.size());
      return;
    }
    const auto size = static_cast<uint16_t>(text.size());
    char* const block = new char[sizeof size + text.size()];
    std::memcpy(block, &size, sizeof size);
    std::memcpy(block + sizeof size, text.data(), text.size());
    std::memcpy(bytes_.data(), &block, sizeof block);
  }
  CompactText(CompactText&& other) noexcept : bytes_(std::exchange(other.bytes_, kEmpty)) {}
  CompactText& operator=(CompactText&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~CompactText() {
    if (!is_inline()) delete[] block();
  }

  // Lives as long as this object stays where it is.
  std::string_view view() const {
    if (is_inline()) return {&bytes_[1], static_cast<size_t>(bytes_[0]) >> 1};
    uint16_t size;
    std::memcpy(&size, block(), sizeof size);
    return {block() + sizeof size, size};
  }
  size_t heap_bytes() const { return is_inline() ? 0 : sizeof(uint16_t) + view().size(); }

 private:
  using Bytes = std::array<char, sizeof(char*)>;
  static constexpr size_t kInlineMax = sizeof(Bytes) - 1;
  static constexpr char kInlineBit = 1;  // of the first byte: what new gives is even
  static constexpr Bytes kEmpty = {kInlineBit};

  bool is_inline() const { return (bytes_[0] & kInlineBit) != 0; }
  char* block() const {
    char* value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    return value;
  }

  alignas(char*) Bytes bytes_ = kEmpty;
};
static_assert(sizeof(CompactText) == 8);
static_assert(std::endian::native == std::endian::little, "the first byte of a pointer is its lowest");

}  // namespace penstock::broker
