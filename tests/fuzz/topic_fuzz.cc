// Fuzzes UTF-8, topic names, topic filters and matching. The input is "filter LF name". Laws: the fast and the exact
// UTF-8 check agree; a name is a filter without wildcards; matching agrees with a matcher that works on split levels.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/utf8.h"
#include "protocol/topic_filter.h"
#include "protocol/topic_name.h"
#include "protocol/utf8.h"

namespace penstock::protocol {
namespace {

std::vector<std::string_view> split(std::string_view text) {
  const auto range = TopicLevels(text);
  std::vector<std::string_view> levels;
  for (const std::string_view level : range) levels.push_back(level);
  size_t bytes = levels.size() - 1;
  for (const std::string_view level : levels) bytes += level.size();
  CHECK_EQ(bytes, text.size());
  return levels;
}

bool naive_match(std::string_view filter, std::string_view name) {
  if (name.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  const auto f = split(filter);
  const auto n = split(name);
  for (size_t i = 0; i < f.size(); ++i) {
    if (f[i] == "#") return true;
    if (i >= n.size() || (f[i] != "+" && f[i] != n[i])) return false;
  }
  return f.size() == n.size();
}

void check_shared(TopicFilter whole) {
  const auto shared = SharedFilter::split(whole);
  const auto levels = split(whole.text());
  const bool good_group = !levels[1].empty() && levels[1].find_first_of("+#") == std::string_view::npos;
  const bool has_filter = levels.size() > 3 || (levels.size() == 3 && !levels[2].empty());
  CHECK_EQ(shared.has_value(), good_group && has_filter);
  if (!shared) return;
  CHECK(TopicFilter::parse(shared->filter.text()).has_value());
  CHECK_EQ(7 + shared->group.size() + 1 + shared->filter.size(), whole.size());
}

void check_text(std::string_view text) {
  const bool valid = is_mqtt_utf8_slow(text);
  CHECK_EQ(is_mqtt_utf8(text), valid);
  const auto name = TopicName::parse(text);
  const auto filter = TopicFilter::parse(text);
  const bool wild = text.find_first_of("+#") != std::string_view::npos;
  CHECK_EQ(name.has_value(), valid && !wild && !text.empty());
  CHECK(!filter.has_value() || (valid && !text.empty()));
  CHECK(!name.has_value() || filter.has_value());
  CHECK(!valid || core::is_utf8(text));
  if (!filter) return;
  CHECK_EQ(filter->has_wildcard(), wild);
  if (filter->is_shared()) check_shared(*filter);
  const auto levels = split(text);
  for (size_t i = 0; i < levels.size(); ++i) {
    const bool has_plus = levels[i].find('+') != std::string_view::npos;
    const bool has_hash = levels[i].find('#') != std::string_view::npos;
    CHECK(!has_plus || levels[i] == "+");
    CHECK(!has_hash || (levels[i] == "#" && i + 1 == levels.size()));
  }
}

}  // namespace
}  // namespace penstock::protocol

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace penstock::protocol;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t middle = std::min(input.find('\n'), input.size());
  // Copies of exactly these sizes, so that the sanitizer sees a read past the end.
  const std::vector<char> left(input.begin(), input.begin() + static_cast<ptrdiff_t>(middle));
  const std::vector<char> right(input.begin() + static_cast<ptrdiff_t>(std::min(middle + 1, size)), input.end());
  const std::string_view filter_text(left.data(), left.size());
  const std::string_view name_text(right.data(), right.size());
  check_text(filter_text);
  check_text(name_text);
  const auto filter = TopicFilter::parse(filter_text);
  const auto name = TopicName::parse(name_text);
  if (filter && name) CHECK_EQ(matches(*filter, *name), naive_match(filter_text, name_text));
  return 0;
}
