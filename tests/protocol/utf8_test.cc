#include "protocol/utf8.h"

#include <gtest/gtest.h>

#include <string>

#include "core/random.h"
#include "core/utf8.h"

namespace penstock::protocol {
namespace {

using std::string_literals::operator""s;

// The definition, spelt out: decodes one character and looks at its number.
bool oracle(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<uint8_t>(text[i]);
    size_t bytes = 0;
    uint32_t number = 0;
    if (lead < 0x80) {
      bytes = 1;
      number = lead;
    } else if (lead >> 5 == 6) {
      bytes = 2;
      number = lead & 0x1f;
    } else if (lead >> 4 == 14) {
      bytes = 3;
      number = lead & 0x0f;
    } else if (lead >> 3 == 30) {
      bytes = 4;
      number = lead & 0x07;
    } else {
      return false;
    }
    if (i + bytes > text.size()) return false;
    for (size_t k = 1; k < bytes; ++k) {
      const auto next = static_cast<uint8_t>(text[i + k]);
      if (next >> 6 != 2) return false;
      number = number << 6 | (next & 0x3f);
    }
    constexpr uint32_t kSmallest[] = {0, 1, 0x80, 0x800, 0x10000};  // U+0000 and overlong forms fail
    if (number < kSmallest[bytes] || number > 0x10ffff || (number >= 0xd800 && number <= 0xdfff)) return false;
    i += bytes;
  }
  return true;
}

TEST(utf8, accepts_the_first_and_last_character_of_every_length) {
  for (const char* text : {"\x01", "\x7f", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_mqtt_utf8(text)) << ::testing::PrintToString(text);
  }
  EXPECT_TRUE(is_mqtt_utf8(""));
}

TEST(utf8, keeps_a_byte_order_mark_as_a_character) {
  EXPECT_TRUE(is_mqtt_utf8("\xEF\xBB\xBFlamp"));
}  // [MQTT-1.5.3-3]

TEST(utf8, refuses_overlong_forms_surrogates_and_numbers_past_the_last_character) {
  // [MQTT-1.5.3-1]
  for (const char* text :
       {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80",
        "\xED\xBF\xBF", "\xED\xA0\x80\xED\xB0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    EXPECT_FALSE(is_mqtt_utf8(text)) << ::testing::PrintToString(text);
  }
}

TEST(utf8, refuses_cut_characters_and_stray_continuation_bytes) {
  for (const char* text :
       {"\x80", "\xBF", "\xC2", "\xE2\x82", "\xF0\x9F\x98", "\xC2g", "\xE2\x82g", "a\x80", "\xC2\x80\x80"}) {
    EXPECT_FALSE(is_mqtt_utf8(text)) << ::testing::PrintToString(text);
  }
}

TEST(utf8, finds_a_bad_byte_at_every_place_of_texts_of_every_length) {
  for (size_t size = 1; size <= 40; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (const char bad : {'\0', '\x80', '\xFF', '\xC0'}) {
        std::string text(size, 'x');
        EXPECT_TRUE(is_mqtt_utf8(text));
        text[at] = bad;
        EXPECT_FALSE(is_mqtt_utf8(text)) << "byte " << at << " of " << size << " is " << int{bad};
      }
    }
  }
}

TEST(utf8, refuses_the_null_character_among_others) {  // [MQTT-1.5.3-2]
  EXPECT_FALSE(is_mqtt_utf8("\0"s));
  EXPECT_FALSE(is_mqtt_utf8("h\xC3\xA9llo w\xC3\xB6rld\0"s));
}

TEST(utf8, agrees_with_the_definition_on_random_texts) {
  const uint64_t seed = core::system_random().next_u64();
  SCOPED_TRACE(seed);
  core::SeededRandom random(seed);
  // Bytes near every border of the encoding, so that valid and invalid texts are both common.
  constexpr uint8_t kBytes[] = {0x00, 0x01, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2,
                                0xdf, 0xe0, 0xe1, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0x61, 0x62};
  size_t valid = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text(random.below(5), 'a');
    const size_t odd = random.below(5);
    for (size_t i = 0; i < odd; ++i) text += static_cast<char>(kBytes[random.below(sizeof kBytes)]);
    text.append(random.below(12), 'z');
    valid += oracle(text);
    ASSERT_EQ(is_mqtt_utf8(text), oracle(text)) << ::testing::PrintToString(text);
  }
  EXPECT_GT(valid, 10'000u);
  EXPECT_LT(valid, 190'000u);
}

TEST(utf8, of_a_payload_may_hold_the_null_character_and_is_judged_alike_otherwise) {
  EXPECT_TRUE(core::is_utf8(""));
  EXPECT_TRUE(core::is_utf8("eight plain bytes and more"));
  EXPECT_TRUE(core::is_utf8("a\0b"s));
  EXPECT_TRUE(core::is_utf8("\0\0\0\0\0\0\0\0\0"s));
  EXPECT_TRUE(core::is_utf8("A\xf0\xaa\x9b\x94"));  // the example of figure 1-2
  EXPECT_FALSE(core::is_utf8("\0\xed\xa0\x80"s));
  EXPECT_FALSE(core::is_utf8("plain text and then \xff"));
  EXPECT_FALSE(core::is_utf8("\xc0\x80"));
  EXPECT_FALSE(core::is_utf8("cut \xe2\x82"));
}

TEST(utf8, equal_sees_a_difference_at_every_place_of_every_length) {
  for (size_t bytes = 1; bytes < 40; ++bytes) {
    const std::string text(bytes, 't');
    std::string other = text;
    EXPECT_TRUE(swar::equal(text.data(), other.data(), bytes)) << bytes;
    for (size_t at = 0; at < bytes; ++at) {
      other[at] = 'u';
      EXPECT_FALSE(swar::equal(text.data(), other.data(), bytes)) << at << " of " << bytes;
      other[at] = 't';
    }
  }
}

}  // namespace
}  // namespace penstock::protocol
