// RetainedStore: the retained message of every topic, as one shard sees it. Each shard has its own table; the messages
// in it are shared. Shards see updates in different orders and still agree, because the newest by (wall time, log,
// sequence) wins everywhere. A removal leaves a tombstone for a bounded time, so that an older update that comes late
// does not bring the message back. One thread, the shard's.
//
// Topics also lie in order (level by level), so that a wildcard filter visits only the parts of the order in which it
// can match, and a cursor is a place in that order: it survives every change between two slices.
#pragma once

#include <absl/container/btree_set.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "broker/paged_vector.h"
#include "broker/reference_table.h"
#include "broker/retained_message.h"
#include "protocol/topic_filter.h"
#include "protocol/topic_name.h"

namespace penstock::broker {

// Where a walk over the messages that match one filter has come to.
struct RetainedCursor {
  std::string place;  // no topic before this is left to visit
  bool ended = false;
};

// Orders slots by their topics, level by level: "/" comes before every other character, so that the topics below a
// level follow it at once. Reads the topics through the table.
struct ByTopic {
  using is_transparent = void;
  static bool comes_before(std::string_view a, std::string_view b);
  std::string_view topic(uint32_t slot) const { return (*messages)[slot]->topic; }
  bool operator()(uint32_t a, uint32_t b) const { return comes_before(topic(a), topic(b)); }
  bool operator()(uint32_t a, std::string_view b) const { return comes_before(topic(a), b); }
  bool operator()(std::string_view a, uint32_t b) const { return comes_before(a, topic(b)); }

  const PagedVector<RetainedPointer>* messages = nullptr;
};

class RetainedStore {
 public:
  struct Options {
    size_t tombstones_max = 65'536;
    size_t tombstone_bytes_max = 16u << 20;
    int64_t tombstone_us = int64_t{10} * 60 * 1'000'000;  // how long mail of an older message may be under way
  };
  RetainedStore() : RetainedStore(0, Options{}) {}
  // `seed`: from core::Random, so that no peer can choose topics that collide.
  RetainedStore(uint64_t seed, Options options);
  RetainedStore(const RetainedStore&) = delete;
  RetainedStore& operator=(const RetainedStore&) = delete;

  // Stores the message, or removes by it. False when something newer for its topic is already here.
  bool apply(RetainedPointer message);

  // The newest checkpoint of every shard knows what is as old as this: removals that are older by tombstone_us may be
  // forgotten. Before, a checkpoint could bring the removed message back.
  void settle(int64_t wall_us);

  // The message of exactly this topic, or null.
  RetainedPointer find(protocol::TopicName topic) const;

  // The next message that matches, in the order of topics, or null: then cursor.ended tells that nothing is left, and
  // otherwise `budget` is used up. Every place looked at takes one from `budget`. Always the same filter for one
  // cursor. A message that is stored between two calls is seen if its topic is still ahead.
  RetainedPointer next(protocol::TopicFilter filter, RetainedCursor& cursor, uint32_t& budget) const;

  // For checkpoints: every message, and every tombstone (is_removal()), which belongs into a checkpoint as well.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (uint32_t slot = 0; slot < messages_.size(); ++slot) {
      if (messages_[slot]) visit(*messages_[slot]);
    }
  }
  // The same in slices: a message keeps its slot while its topic is retained; null is a free slot.
  uint32_t slot_end() const { return messages_.size(); }
  const RetainedPointer& at(uint32_t slot) const { return messages_[slot]; }

  size_t size() const { return order_.size(); }  // without tombstones
  size_t tombstones_count() const { return tombstones_count_; }
  int64_t newest_us() const { return newest_us_; }         // of all that was ever stored or removed here
  size_t message_bytes() const { return message_bytes_; }  // of what size() counts

 private:
  struct Tombstone {
    RetainedPointer message;
    uint32_t slot;
  };

  uint32_t hash_of(std::string_view topic) const;
  uint32_t slot_of(std::string_view topic) const;
  uint32_t new_slot();
  void put(uint32_t slot, RetainedPointer message);
  void drop_tombstones();

  uint64_t seed_;
  Options options_;
  PagedVector<RetainedPointer> messages_;
  std::vector<uint32_t> free_slots_;
  ReferenceTable by_topic_;
  absl::btree_set<uint32_t, ByTopic> order_;
  std::deque<Tombstone> tombstones_;  // oldest first; some may have been replaced since
  int64_t newest_us_ = 0;             // wall time of the newest message seen
  int64_t settled_us_ = 0;            // the age of a tombstone is measured from here
  size_t tombstone_bytes_ = 0;
  size_t tombstones_count_ = 0;
  size_t message_bytes_ = 0;
};

}  // namespace penstock::broker
