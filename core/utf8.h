// UTF-8 by the Unicode standard. MQTT's own strings are judged in protocol/utf8.h, with one rule more and, being ASCII
// mostly, inline.
#pragma once

#include <string_view>

namespace penstock::core {

// Well-formed by table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing past U+10FFFF. ASCII is
// passed over eight bytes at a time.
bool is_utf8(std::string_view text);

}  // namespace penstock::core
