#include "log/position.h"

#include <charconv>

namespace penstock::log {
namespace {

// Takes digits up to `separator` (or the end, when it is 0) off the front of `text`. Strict, so that a message id has
// exactly one spelling: no sign, no space, no leading zero.
template <typename Integer>
bool take_number(std::string_view& text, char separator, Integer& value) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return false;
  if (text.front() == '0' && text.size() > 1 && text[1] >= '0' && text[1] <= '9') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (separator == 0) return text.empty();
  if (text.empty() || text.front() != separator) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string to_string(LogPosition position) {
  return std::to_string(position.log.value()) + '-' + std::to_string(position.epoch) + '-' +
         std::to_string(position.sequence.value());
}

std::optional<LogPosition> parse_position(std::string_view text) {
  uint16_t log = 0;
  Epoch epoch = 0;
  uint64_t sequence = 0;
  if (!take_number(text, '-', log) || !take_number(text, '-', epoch) || !take_number(text, 0, sequence)) return {};
  return LogPosition{LogId(log), epoch, Sequence(sequence)};
}

}  // namespace penstock::log
