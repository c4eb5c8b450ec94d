// CompactText: an owned text of at most 65,535 bytes in 16 bytes; up to 14 bytes lie inside. For tables with a million
// of them, where std::string would spend half of the memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/check.h"

namespace penstock::broker {

class CompactText {
 public:
  CompactText() = default;
  explicit CompactText(std::string_view text) : size_(static_cast<uint16_t>(text.size())) {
    CHECK_LE(text.size(), size_t{UINT16_MAX});
    if (is_inline()) {
      if (!text.empty()) std::memcpy(inline_, text.data(), text.size());
    } else {
      char* copy = new char[text.size()];
      std::memcpy(copy, text.data(), text.size());
      std::memcpy(inline_ + kPointerAt, &copy, sizeof copy);
    }
  }
  CompactText(CompactText&& other) noexcept { take(other); }
  CompactText& operator=(CompactText&& other) noexcept {
    if (this == &other) return *this;
    drop();
    take(other);
    return *this;
  }
  ~CompactText() { drop(); }

  // Lives as long as this object stays where it is.
  std::string_view view() const { return {is_inline() ? inline_ : pointer(), size_}; }
  size_t size() const { return size_; }
  size_t heap_bytes() const { return is_inline() ? 0 : size_; }

 private:
  static constexpr size_t kInlineMax = 14;
  static constexpr size_t kPointerAt = 6;  // behind size_, so that it is aligned

  bool is_inline() const { return size_ <= kInlineMax; }
  char* pointer() const {
    char* value;
    std::memcpy(&value, inline_ + kPointerAt, sizeof value);
    return value;
  }
  void drop() {
    if (!is_inline()) delete[] pointer();
  }
  void take(CompactText& other) {
    size_ = other.size_;
    std::memcpy(inline_, other.inline_, sizeof inline_);
    other.size_ = 0;
  }

  alignas(8) uint16_t size_ = 0;
  char inline_[kInlineMax] = {};
};
static_assert(sizeof(CompactText) == 16);

}  // namespace penstock::broker
