// HttpHead: what stands before the body of an HTTP/1.1 message: the start line and the fields (RFC 9112). Collects it
// however it is cut, and takes it apart. Strict where the standard lets a reader be lenient (bare LF, folded fields,
// blanks before the colon): what two readers can understand in two ways is an attack. For the handshakes of both
// sides; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace penstock::ws {

constexpr size_t kHeadBytesMax = 8192;
constexpr size_t kFieldCountMax = 100;

enum class HeadState : uint8_t {
  kMore,
  kComplete,
  kMalformed,  // a control character, or a line that does not end with CR LF: seen as soon as it comes
  kTooLarge,   // kHeadBytesMax bytes were no whole head
};

class HeadCollector {
 public:
  // Takes from the front of `bytes` what belongs to the head. Not called again after anything but kMore.
  HeadState received(core::Bytes& bytes);
  // Every line with its CR LF, the empty last one too. After kComplete.
  std::string_view text() const { return text_; }

 private:
  HeadState end_line();

  std::string text_;
  size_t line_begin_ = 0;  // of the line that is not complete yet
};

// ASCII only, as everything in a head that has no case.
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim_blanks(std::string_view text);

struct HttpField {
  std::string_view name;
  std::string_view value;  // without the blanks around it
};

class HttpHead {
 public:
  // `text` is what HeadCollector has collected, and outlives the head. Nothing when it is malformed or has more than
  // kFieldCountMax fields.
  static std::optional<HttpHead> parse(std::string_view text);

  std::string_view start_line() const { return start_line_; }
  size_t count(std::string_view name) const;
  // The value of the field that is there exactly once.
  std::optional<std::string_view> only(std::string_view name) const;
  // Whether `judge` says yes to an element of the comma separated list that the fields of this name are together.
  template <typename Judge>
  bool any_element(std::string_view name, Judge judge) const;
  bool has_token(std::string_view name, std::string_view token) const {
    return any_element(name, [token](std::string_view element) { return equal_ignoring_case(element, token); });
  }

 private:
  std::string_view start_line_;
  std::vector<HttpField> fields_;
};

template <typename Judge>
bool HttpHead::any_element(std::string_view name, Judge judge) const {
  for (const HttpField& field : fields_) {
    if (!equal_ignoring_case(field.name, name)) continue;
    for (std::string_view rest = field.value;;) {
      const size_t comma = rest.find(',');
      if (judge(trim_blanks(rest.substr(0, comma)))) return true;
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return false;
}

}  // namespace penstock::ws
