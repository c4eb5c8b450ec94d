#include "core/utf8.h"

#include <cstddef>
#include <cstdint>

#include "core/bytes.h"

namespace penstock::core {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080;

// What may follow a lead byte: how many bytes in all, and the range of the second one, which is where overlong forms,
// surrogates (U+D800 to U+DFFF) and values over U+10FFFF show. Any further byte is 80..BF.
struct Lead {
  uint8_t bytes;  // 0: not a lead byte
  uint8_t second_min;
  uint8_t second_max;
};

constexpr Lead classify(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};  // no surrogates
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// Bytes of the character at `at`, of which `left` can be read; 0 when it is malformed.
size_t character_bytes(const uint8_t* at, size_t left) {
  const Lead lead = classify(at[0]);
  if (lead.bytes == 0 || lead.bytes > left) return 0;
  if (at[1] < lead.second_min || at[1] > lead.second_max) return 0;
  for (size_t i = 2; i < lead.bytes; ++i) {
    if ((at[i] & 0xC0) != 0x80) return 0;
  }
  return lead.bytes;
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* const end = at + text.size();
  while (at < end) {
    if (end - at >= 8 && (load_le<uint64_t>(at) & kHighBits) == 0) {
      at += 8;
      continue;
    }
    if (*at < 0x80) {
      ++at;
      continue;
    }
    const size_t bytes = character_bytes(at, static_cast<size_t>(end - at));
    if (bytes == 0) return false;
    at += bytes;
  }
  return true;
}

}  // namespace penstock::core
