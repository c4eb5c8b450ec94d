// UTF-8 by the Unicode standard, for text that is judged once in a connection's life: a close reason, a user name.
// MQTT's own strings are judged per message, faster and with one rule more, in protocol/utf8.h.
#pragma once

#include <string_view>

namespace penstock::core {

// Well-formed by table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing past U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace penstock::core
