// TopicFilter: what a client subscribes to, checked; may hold the wildcards + and #. A view: the bytes belong to the
// packet or record it was cut from.
#pragma once

#include <string_view>

#include "protocol/protocol_error.h"
#include "protocol/topic_levels.h"
#include "protocol/topic_name.h"

namespace penstock::protocol {

class TopicFilter {
 public:
  TopicFilter() = default;

  static Decoded<TopicFilter> parse(std::string_view text);
  // For text that a parse has accepted before: out of a record, a checkpoint, a constant.
  static TopicFilter accepted(std::string_view text) { return TopicFilter(text); }

  std::string_view text() const { return text_; }
  size_t size() const { return text_.size(); }
  TopicLevels levels() const { return TopicLevels(text_); }
  // Without one, the filter matches exactly the name that is spelt like it.
  bool has_wildcard() const { return text_.find_first_of("+#") != std::string_view::npos; }
  // One place among the receivers of a group. [MQTT5-4.8.2-1]
  bool is_shared() const { return text_.starts_with("$share/"); }
  bool starts_with_wildcard() const { return !text_.empty() && (text_.front() == '+' || text_.front() == '#'); }
  bool operator==(const TopicFilter&) const = default;

 private:
  explicit TopicFilter(std::string_view text) : text_(text) {}

  std::string_view text_;
};

// What "$share/GROUP/FILTER" asks for. 3.1.1 does not know it, but a server may have it there, too.
struct SharedFilter {
  std::string_view group;
  TopicFilter filter;

  // Of a filter that is_shared(). [MQTT5-4.8.2-1] [MQTT5-4.8.2-2]
  static Decoded<SharedFilter> split(TopicFilter shared);
};

// Whether a message published to `name` belongs to a subscription with `filter`. Linear in the shorter of the two.
bool matches(TopicFilter filter, TopicName name);

}  // namespace penstock::protocol
