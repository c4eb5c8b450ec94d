// UTF-8 as MQTT wants it of strings: well-formed, no surrogates, no U+0000. ASCII text, which nearly every topic is, is
// judged eight bytes at a time; the first other byte hands over to the exact check.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/bytes.h"

namespace penstock::protocol {

// Well-formed by the Unicode standard, table 3-7, and without U+0000. Control characters, non-characters and a byte
// order mark pass and are kept as they are. [MQTT-1.5.3-1] [MQTT-1.5.3-2] [MQTT-1.5.3-3]
// [MQTT5-1.5.4-1] [MQTT5-1.5.4-2] [MQTT5-1.5.4-3]
bool is_mqtt_utf8_slow(std::string_view text);

namespace swar {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighs = 0x8080808080808080;

// Both judges set the high bit of some byte when the word holds a byte they look for, and of none when it does not.
// That `word - kOnes` finds zeros needs all bytes below 0x80, and the others are set in `word` itself.

// A byte that is not ASCII, or NUL.
constexpr uint64_t unplain_text(uint64_t word) {
  return (word - kOnes) | word;
}

// The same, or '+' or '#': these two differ in one bit only, so with that bit set both are '+'.
constexpr uint64_t unplain_topic(uint64_t word) {
  return (((word | kOnes * 0x08) ^ kOnes * '+') - kOnes) | unplain_text(word);
}
static_assert(('#' | 0x08) == '+' && ('+' | 0x08) == '+');

// The 1 to 7 bytes at `text`, the rest filled with 'a'.
inline uint64_t load_short(const char* text, size_t bytes) {
  constexpr uint64_t kFill = kOnes * 'a';
  if (bytes >= 4) {
    return core::load_le<uint32_t>(text) | uint64_t{core::load_le<uint32_t>(text + bytes - 4)} << 32;
  }
  const uint64_t first = static_cast<uint8_t>(text[0]);
  const uint64_t middle = static_cast<uint8_t>(text[bytes / 2]);
  const uint64_t last = static_cast<uint8_t>(text[bytes - 1]);
  return (kFill & ~uint64_t{0xffffff}) | first | middle << 8 | last << 16;
}

// Whether `judge` finds something in any 8-byte word of the text; the last word overlaps the one before.
template <typename Judge>
inline bool any_word(std::string_view text, Judge judge) {
  if (text.size() < 8) return !text.empty() && (judge(load_short(text.data(), text.size())) & kHighs) != 0;
  const char* at = text.data();
  const char* last = at + text.size() - 8;
  uint64_t found = judge(core::load_le<uint64_t>(last));
  for (; at < last; at += 8) found |= judge(core::load_le<uint64_t>(at));
  return (found & kHighs) != 0;
}

// Two texts of the same length, `bytes`, of which there is at least one. Inline, for short ones: a call costs more.
inline bool equal(const char* a, const char* b, size_t bytes) {
  if (bytes < 8) return load_short(a, bytes) == load_short(b, bytes);
  const size_t last = bytes - 8;
  uint64_t difference = core::load_le<uint64_t>(a + last) ^ core::load_le<uint64_t>(b + last);
  for (size_t at = 0; at < last; at += 8) {
    difference |= core::load_le<uint64_t>(a + at) ^ core::load_le<uint64_t>(b + at);
  }
  return difference == 0;
}

}  // namespace swar

inline bool is_mqtt_utf8(std::string_view text) {
  if (!swar::any_word(text, swar::unplain_text)) [[likely]]
    return true;
  return is_mqtt_utf8_slow(text);
}

}  // namespace penstock::protocol
