// TopicName: the concrete topic of a message, checked. A view: the bytes belong to the packet or record it was cut
// from. There is no conversion to or from TopicFilter, so a filter can never be published to by accident.
#pragma once

#include <string_view>

#include "protocol/protocol_error.h"
#include "protocol/topic_levels.h"
#include "protocol/types.h"
#include "protocol/utf8.h"

namespace penstock::protocol {

class TopicName {
 public:
  TopicName() = default;

  // [MQTT-4.7.1-1] [MQTT5-4.7.0-1]
  static Decoded<TopicName> parse(std::string_view text) {
    const bool plain = !text.empty() && !swar::any_word(text, swar::unplain_topic);
    if (plain && text.size() <= kStringBytesMax) [[likely]]
      return TopicName(text);
    return parse_slow(text);
  }
  // For text that a parse has accepted before: out of a record, a checkpoint, a constant.
  static TopicName accepted(std::string_view text) { return TopicName(text); }

  std::string_view text() const { return text_; }
  size_t size() const { return text_.size(); }
  TopicLevels levels() const { return TopicLevels(text_); }
  // The first level; empty for "/a".
  std::string_view parent_topic() const { return text_.substr(0, text_.find('/')); }
  // "$SYS/..." and the like: wildcards at the first level never match these. [MQTT-4.7.2-1] [MQTT5-4.7.2-1]
  bool starts_with_dollar() const { return !text_.empty() && text_.front() == '$'; }
  // Case counts, nothing is normalised. [MQTT-4.7.3-4] [MQTT5-4.7.3-4]
  bool operator==(const TopicName&) const = default;

 private:
  explicit TopicName(std::string_view text) : text_(text) {}
  static Decoded<TopicName> parse_slow(std::string_view text);

  std::string_view text_;
};

}  // namespace penstock::protocol
