#include "core/printable.h"

namespace penstock::core {

std::string printable(std::string_view text) {
  constexpr size_t kCharactersMax = 100;
  std::string result = "\"";
  for (const char c : text.substr(0, kCharactersMax)) result += c >= ' ' && c <= '~' ? c : '?';
  return result + (text.size() > kCharactersMax ? "...\"" : "\"");
}

}  // namespace penstock::core
