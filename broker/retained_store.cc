#include "broker/retained_store.h"

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/check.h"

namespace penstock::broker {
namespace {

std::string_view level_at(std::string_view text, size_t at) {
  return text.substr(at, std::min(text.find('/', at), text.size()) - at);
}

// The first place after `prefix` and everything below it. U+0001 is the lowest character that a topic may hold, and "/"
// comes before it in our order.
std::string after_subtree(std::string_view prefix) {
  return std::string(prefix) + '\x01';
}

struct Verdict {
  bool matches = false;
  // Where the next match may be; nullopt: nowhere any more. Of no meaning when `matches`.
  std::optional<std::string> next;
};

// Compares a topic that lies in order with a filter. [MQTT-3.3.2-3] [MQTT5-3.3.2-3]
Verdict judge(std::string_view filter, std::string_view topic) {
  // Wildcards at the first level do not match topics that begin with "$". [MQTT-4.7.2-1] [MQTT5-4.7.2-1]
  if ((filter[0] == '+' || filter[0] == '#') && topic.starts_with('$')) return {false, "%"};  // % comes after $
  // The last level so far where another text would do: the walk goes on after its subtree.
  std::optional<std::string_view> last_plus;
  const auto after_plus = [&]() -> Verdict {
    if (!last_plus) return {};
    return {false, after_subtree(*last_plus)};
  };
  for (size_t f = 0, t = 0;;) {
    const std::string_view filter_level = level_at(filter, f);
    if (filter_level == "#") return {true, {}};
    if (t > topic.size()) {  // the topic has fewer levels: what it needs can only follow below it
      std::string next(topic);
      next += '/';
      if (filter_level != "+") next += filter_level;
      return {false, std::move(next)};
    }
    const std::string_view topic_level = level_at(topic, t);
    if (filter_level == "+") {
      last_plus = topic.substr(0, t + topic_level.size());
    } else if (topic_level != filter_level) {
      if (topic_level > filter_level) return after_plus();
      return {false, std::string(topic.substr(0, t)).append(filter_level)};
    }
    f += filter_level.size() + 1;
    t += topic_level.size() + 1;
    if (f > filter.size()) {
      if (t > topic.size()) return {true, {}};
      return after_plus();
    }
  }
}

}  // namespace

RetainedStore::RetainedStore(uint64_t seed, Options options)
    : seed_(seed), options_(options), order_(ByTopic{&messages_}) {}

bool ByTopic::comes_before(std::string_view a, std::string_view b) {
  const auto [at_a, at_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (at_b == b.end()) return false;
  if (at_a == a.end()) return true;
  const auto rank = [](char c) { return c == '/' ? 0 : static_cast<uint8_t>(c); };
  return rank(*at_a) < rank(*at_b);
}

uint32_t RetainedStore::hash_of(std::string_view topic) const {
  return static_cast<uint32_t>(XXH3_64bits_withSeed(topic.data(), topic.size(), seed_));
}

uint32_t RetainedStore::slot_of(std::string_view topic) const {
  return by_topic_.find(hash_of(topic), [&](uint32_t slot) { return messages_[slot]->topic == topic; });
}

uint32_t RetainedStore::new_slot() {
  if (free_slots_.empty()) return messages_.grow();
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

bool RetainedStore::apply(RetainedPointer message) {
  const std::string_view topic = message->topic;
  uint32_t slot = slot_of(topic);
  if (slot == ReferenceTable::kNone) {
    slot = new_slot();
    by_topic_.insert(hash_of(topic), slot);
  } else if (!message->is_newer_than(*messages_[slot])) {
    return false;
  }
  newest_us_ = std::max(newest_us_, message->wall_us);
  // Whatever the QoS of either. [MQTT-3.3.1-5] [MQTT-3.3.1-7] [MQTT5-3.3.1-5]
  put(slot, std::move(message));
  drop_tombstones();
  return true;
}

void RetainedStore::put(uint32_t slot, RetainedPointer message) {
  const bool was_removal = messages_[slot] && messages_[slot]->is_removal();
  const bool was_retained = messages_[slot] && !was_removal;
  const bool is_removal = message->is_removal();
  if (was_retained) {
    message_bytes_ -= messages_[slot]->memory_bytes();
    if (is_removal) CHECK_EQ(order_.erase(slot), 1u);
  }
  messages_[slot] = std::move(message);
  tombstones_count_ += is_removal - was_removal;
  if (is_removal) {
    tombstones_.push_back({messages_[slot], slot});
    tombstone_bytes_ += messages_[slot]->memory_bytes();
  } else {
    message_bytes_ += messages_[slot]->memory_bytes();
    if (!was_retained) order_.insert(slot);
  }
}

void RetainedStore::settle(int64_t wall_us) {
  settled_us_ = std::max(settled_us_, wall_us);
  drop_tombstones();
}

void RetainedStore::drop_tombstones() {
  while (!tombstones_.empty()) {
    const Tombstone& oldest = tombstones_.front();
    const bool is_current = messages_[oldest.slot].get() == oldest.message.get();
    if (is_current && tombstones_.size() <= options_.tombstones_max &&
        tombstone_bytes_ <= options_.tombstone_bytes_max &&
        settled_us_ - oldest.message->wall_us < options_.tombstone_us) {
      return;
    }
    if (is_current) {
      by_topic_.erase(hash_of(oldest.message->topic), oldest.slot);
      messages_[oldest.slot] = RetainedPointer();
      free_slots_.push_back(oldest.slot);
      --tombstones_count_;
    }
    tombstone_bytes_ -= oldest.message->memory_bytes();
    tombstones_.pop_front();
  }
}

RetainedPointer RetainedStore::find(protocol::TopicName topic) const {
  const uint32_t slot = slot_of(topic.text());
  if (slot == ReferenceTable::kNone || messages_[slot]->is_removal()) return nullptr;
  return messages_[slot];
}

RetainedPointer RetainedStore::next(protocol::TopicFilter filter, RetainedCursor& cursor, uint32_t& budget) const {
  if (cursor.ended) return nullptr;
  if (!filter.has_wildcard()) {
    if (budget == 0) return nullptr;
    --budget;
    cursor.ended = true;
    return find(protocol::TopicName::accepted(filter.text()));
  }
  auto at = order_.lower_bound(std::string_view(cursor.place));
  for (; at != order_.end(); --budget) {
    const std::string_view topic = messages_[*at]->topic;
    if (budget == 0) {
      cursor.place = topic;
      return nullptr;
    }
    const Verdict verdict = judge(filter.text(), topic);
    if (verdict.matches) {
      --budget;
      cursor.place.assign(topic).push_back('/');  // the first place after this topic
      return messages_[*at];
    }
    if (!verdict.next) break;
    at = order_.lower_bound(std::string_view(*verdict.next));
  }
  cursor.ended = true;
  return nullptr;
}

}  // namespace penstock::broker
