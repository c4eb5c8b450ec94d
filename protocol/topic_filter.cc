// Checking and matching of topic filters. Both walk the text once and keep nothing.
#include "protocol/topic_filter.h"

#include <algorithm>

#include "protocol/utf8.h"

namespace penstock::protocol {
namespace {

std::unexpected<ProtocolError> bad_filter(ProtocolErrorReason reason, const char* clause, const char* text) {
  return std::unexpected(ProtocolError{reason, clause, text});
}

// The clause that the wildcards of `text` break, or null. Each wildcard stands alone between separators, and # is last.
const char* broken_wildcard_clause(std::string_view text) {
  for (size_t at = text.find_first_of("+#"); at != std::string_view::npos; at = text.find_first_of("+#", at + 1)) {
    const bool begins_level = at == 0 || text[at - 1] == '/';
    const bool ends_text = at + 1 == text.size();
    if (text[at] == '#') {
      if (!begins_level || !ends_text) return "MQTT-4.7.1-2";  // [MQTT5-4.7.1-1]
    } else if (!begins_level || !(ends_text || text[at + 1] == '/')) {
      return "MQTT-4.7.1-3";  // [MQTT5-4.7.1-2]
    }
  }
  return nullptr;
}

}  // namespace

Decoded<TopicFilter> TopicFilter::parse(std::string_view text) {
  using Reason = ProtocolErrorReason;
  // [MQTT5-4.7.3-1] [MQTT5-4.7.3-2] [MQTT5-4.7.3-3]
  if (text.empty()) return bad_filter(Reason::kInvalidTopicFilter, "MQTT-4.7.3-1", "the topic filter is empty");
  if (text.size() > kStringBytesMax) {
    return bad_filter(Reason::kInvalidTopicFilter, "MQTT-4.7.3-3", "the topic filter is longer than 65535 bytes");
  }
  if (!swar::any_word(text, swar::unplain_topic)) return TopicFilter(text);
  if (text.find('\0') != std::string_view::npos) {
    return bad_filter(Reason::kInvalidUtf8, "MQTT-4.7.3-2", "the topic filter holds U+0000");
  }
  if (!is_mqtt_utf8(text)) return bad_filter(Reason::kInvalidUtf8, "MQTT-3.8.3-1", "the topic filter is not UTF-8");
  if (const char* clause = broken_wildcard_clause(text)) {
    return bad_filter(Reason::kInvalidTopicFilter, clause, "a wildcard of the topic filter stands in a wrong place");
  }
  return TopicFilter(text);
}

// What stands behind the group was accepted as the end of the whole filter, and begins a level: alone it is one, too.
Decoded<SharedFilter> SharedFilter::split(TopicFilter shared) {
  using Reason = ProtocolErrorReason;
  constexpr std::string_view kPrefix = "$share/";
  const std::string_view rest = shared.text().substr(kPrefix.size());
  const size_t group_bytes = std::min(rest.find('/'), rest.size());
  const std::string_view group = rest.substr(0, group_bytes);
  if (group.empty()) return bad_filter(Reason::kInvalidTopicFilter, "MQTT5-4.8.2-1", "a shared filter without a group");
  if (group.find_first_of("+#") != std::string_view::npos) {
    return bad_filter(Reason::kInvalidTopicFilter, "MQTT5-4.8.2-2", "a wildcard in the group of a shared filter");
  }
  if (rest.size() <= group_bytes + 1) {
    return bad_filter(Reason::kInvalidTopicFilter, "MQTT5-4.8.2-2", "a shared filter that ends with its group");
  }
  return SharedFilter{group, TopicFilter::accepted(rest.substr(group_bytes + 1))};
}

bool matches(TopicFilter filter, TopicName name) {
  if (name.starts_with_dollar() && filter.starts_with_wildcard()) return false;  // [MQTT-4.7.2-1] [MQTT5-4.7.2-1]
  const char* f = filter.text().data();
  const char* const f_end = f + filter.size();
  const char* n = name.text().data();
  const char* const n_end = n + name.size();
  // Both stand at the first byte of a level on each round of a level, and inside one otherwise.
  for (;;) {
    if (f < f_end && *f == '#') return true;  // the rest of the name, whatever it is  [MQTT-4.7.1-2]
    if (f < f_end && *f == '+') {             // exactly one level, which may be empty  [MQTT-4.7.1-3]
      ++f;
      while (n < n_end && *n != '/') ++n;
    } else {
      // byte for byte  [MQTT-4.7.3-4] [MQTT5-4.7.3-4]
      while (f < f_end && n < n_end && *f == *n && *f != '/') ++f, ++n;
    }
    const bool filter_ended = f == f_end;
    const bool name_ended = n == n_end;
    if (filter_ended && name_ended) return true;
    if (name_ended) return f_end - f == 2 && f[0] == '/' && f[1] == '#';  // "a/#" matches "a" too
    if (filter_ended || *f != '/' || *n != '/') return false;
    ++f;
    ++n;
  }
}

}  // namespace penstock::protocol
