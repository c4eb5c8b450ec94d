#include "ws/http_head.h"

#include <algorithm>

namespace penstock::ws {
namespace {

// What may stand in a head at all; the places of CR and LF are judged line by line.
bool is_head_byte(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte == '\t' || byte == '\r' || byte == '\n' || (byte >= 0x20 && byte != 0x7f);
}

// RFC 9110, 5.6.2
constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
bool is_token_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kTokenMarks.find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_byte);
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// The line at the front of `rest` without its CR LF, which is there.
std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end - 1);
  rest.remove_prefix(end + 1);
  return line;
}

}  // namespace

HeadState HeadCollector::received(core::Bytes& bytes) {
  while (!bytes.empty()) {
    const std::string_view input = core::as_text(bytes).substr(0, kHeadBytesMax - text_.size());
    const size_t line_end = input.find('\n');
    const std::string_view piece = input.substr(0, line_end == input.npos ? input.npos : line_end + 1);
    if (!std::ranges::all_of(piece, is_head_byte)) return HeadState::kMalformed;
    text_.append(piece);
    bytes = bytes.subspan(piece.size());
    const HeadState state = line_end == input.npos ? HeadState::kMore : end_line();
    if (state != HeadState::kMore) return state;
    if (text_.size() == kHeadBytesMax) return HeadState::kTooLarge;
  }
  return HeadState::kMore;
}

HeadState HeadCollector::end_line() {
  const std::string_view line = std::string_view(text_).substr(line_begin_);
  // The only CR of a line is the one before its LF.
  if (line.find('\r') != line.size() - 2) return HeadState::kMalformed;
  if (line.size() == 2) return line_begin_ == 0 ? HeadState::kMalformed : HeadState::kComplete;
  line_begin_ = text_.size();
  return HeadState::kMore;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::optional<HttpHead> HttpHead::parse(std::string_view text) {
  HttpHead head;
  head.start_line_ = take_line(text);
  for (;;) {
    const std::string_view line = take_line(text);
    if (line.empty()) return head;
    const size_t colon = line.find(':');
    // A folded line begins with a blank, and a blank is in no token.
    if (colon == line.npos || !is_token(line.substr(0, colon))) return std::nullopt;
    if (head.fields_.size() == kFieldCountMax) return std::nullopt;
    head.fields_.push_back({line.substr(0, colon), trim_blanks(line.substr(colon + 1))});
  }
}

size_t HttpHead::count(std::string_view name) const {
  return static_cast<size_t>(
      std::ranges::count_if(fields_, [name](const HttpField& field) { return equal_ignoring_case(field.name, name); }));
}

std::optional<std::string_view> HttpHead::only(std::string_view name) const {
  std::optional<std::string_view> value;
  for (const HttpField& field : fields_) {
    if (!equal_ignoring_case(field.name, name)) continue;
    if (value) return std::nullopt;
    value = field.value;
  }
  return value;
}

}  // namespace penstock::ws
