// Text of peers: core/utf8 and core/printable.
#include <gtest/gtest.h>

#include "core/printable.h"
#include "core/utf8.h"

namespace penstock::core {
namespace {

TEST(utf8, takes_every_length_of_character_up_to_its_borders) {
  for (const std::string_view text :
       {std::string_view(), std::string_view("\0", 1), std::string_view("plain"), std::string_view("\x7f"),
        std::string_view("\xc2\x80"), std::string_view("\xdf\xbf"), std::string_view("\xe0\xa0\x80"),
        std::string_view("\xed\x9f\xbf"), std::string_view("\xee\x80\x80"), std::string_view("\xef\xbf\xbf"),
        std::string_view("\xf0\x90\x80\x80"), std::string_view("\xf4\x8f\xbf\xbf"), std::string_view("a\xc3\xa9z")}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
}

TEST(utf8, refuses_what_table_3_7_does_not_have) {
  for (const char* text : {"\x80",
                           "\xbf",
                           "\xc0\x80",
                           "\xc1\xbf",
                           "\xc2",
                           "\xc2\x7f",
                           "\xc2\xc0",
                           "\xe0\x9f\xbf",
                           "\xe1\x80",
                           "\xe1\x80\x7f",
                           "\xed\xa0\x80",
                           "\xed\xbf\xbf",
                           "\xf0\x8f\xbf\xbf",
                           "\xf1\x80\x80",
                           "\xf1\x80\x80\xc0",
                           "\xf4\x90\x80\x80",
                           "\xf5\x80\x80\x80",
                           "\xff",
                           "a\xc3",
                           "\xc3\xa9\xa9"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

TEST(printable, shows_one_short_line_of_plain_characters) {
  EXPECT_EQ(printable(""), "\"\"");
  EXPECT_EQ(printable("a ~"), "\"a ~\"");
  EXPECT_EQ(printable(std::string_view("\0\n\x1b[31m\x7f\xc3\xa9", 10)), "\"???[31m???\"");
  EXPECT_EQ(printable(std::string(100, 'x')), "\"" + std::string(100, 'x') + "\"");
  EXPECT_EQ(printable(std::string(101, 'x')), "\"" + std::string(100, 'x') + "...\"");
}

}  // namespace
}  // namespace penstock::core
