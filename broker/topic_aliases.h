// Topic aliases of one MQTT 5.0 connection, one table for each direction: a number in place of a topic that was sent
// before. They end with the connection. [MQTT5-3.3.2-7] One thread, the shard's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::broker {

// What the client has taught us.
class InboundAliases {
 public:
  // Of an alias from 1 to kAliasMax; empty: not taught. Valid until it is taught anew.
  std::string_view topic(uint16_t alias) const {
    return alias <= topics_.size() ? std::string_view(topics_[alias - 1]) : std::string_view();
  }
  // `topic` is one that may be published to; 1 <= alias <= kAliasMax. [MQTT5-3.3.2-12]
  void teach(uint16_t alias, std::string_view topic) {
    if (topics_.size() < alias) topics_.resize(alias);
    topics_[alias - 1] = topic;
  }

  // What CONNACK says. A topic has up to 65,535 bytes, so a client can make a connection keep this many times that.
  static constexpr uint16_t kAliasMax = 10;

 private:
  std::vector<std::string> topics_;
};

// What we have taught the client: a place for each alias, chosen by the topic's hash, and the newest topic has it. So a
// topic that comes again and again is sent once, and nothing has to be searched.
class OutboundAliases {
 public:
  // `limit`: Topic Alias Maximum of CONNECT; 0: no aliases. [MQTT5-3.1.2-26]
  explicit OutboundAliases(uint16_t limit) : limit_(limit < kAliasMax ? limit : kAliasMax) {}

  struct Alias {
    uint16_t number = 0;    // 0: send the topic alone
    bool is_known = false;  // the client has it: the topic may be left out
  };
  // From now on the client counts as knowing it: the packet with it must be sent.
  Alias use(std::string_view topic, uint32_t topic_hash);

  static constexpr uint16_t kAliasMax = 64;
  static constexpr size_t kTopicBytesMax = 256;  // longer ones are sent as they are: the table must stay small
  static constexpr size_t kTopicBytesMin = 4;    // an alias costs three bytes

 private:
  uint16_t limit_;
  std::unique_ptr<std::string[]> topics_;  // made with the first
};

}  // namespace penstock::broker
