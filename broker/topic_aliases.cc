#include "broker/topic_aliases.h"

namespace penstock::broker {

OutboundAliases::Alias OutboundAliases::use(std::string_view topic, uint32_t topic_hash) {
  // [MQTT5-3.1.2-27]
  if (limit_ == 0 || topic.size() < kTopicBytesMin || topic.size() > kTopicBytesMax) return {};
  if (topics_ == nullptr) topics_ = std::make_unique<std::string[]>(limit_);
  const uint32_t place = topic_hash % limit_;
  const bool is_known = topics_[place] == topic;
  if (!is_known) topics_[place] = topic;
  return {static_cast<uint16_t>(place + 1), is_known};  // [MQTT5-3.1.2-26] [MQTT5-3.3.2-11]
}

}  // namespace penstock::broker
