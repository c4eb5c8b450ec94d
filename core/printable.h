// Text of a peer in a line for a person: whatever it holds, the line stays one line of plain characters.
#pragma once

#include <string>
#include <string_view>

namespace penstock::core {

// In quotes; at most 100 characters of it, then "..."; what is not visible ASCII or a blank shows as '?'.
std::string printable(std::string_view text);

}  // namespace penstock::core
