// ParentTopics: the registry of first topic levels, each with a ConsumeQueue of every message that this shard's log
// holds for it, in order of time: for message query, replay and counting. At most `count_max` have a queue of their
// own; the messages of all others share one, named "" here. One thread, the shard's.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/retention_marks.h"
#include "log/consume_queue.h"
#include "log/queue_format.h"

namespace penstock::broker {

class ParentTopics {
 public:
  explicit ParentTopics(uint32_t count_max) : count_max_(count_max) {}

  struct Parent {
    std::string name;
    bool shared = false;  // holds the messages of all parents without a queue of their own
    std::unique_ptr<log::ConsumeQueue> entries;
    RetentionMarks marks;

    void append(const log::QueueEntry& entry) {
      marks.note(entries->end(), entry);
      entries->append(entry);
    }
  };

  // The parent's own queue, made if there is none yet, or the common one. Stays for good.
  Parent& obtain(std::string_view name, log::QueueFile* file);
  Parent& adopt(Parent parent);
  // Drops entries whose records are gone.
  template <typename BeginOf>
  void retire(BeginOf&& begin_of) {
    for (auto& parent : parents_) {
      const log::QueueIndex end = parent->marks.retired_end(begin_of);
      if (end > parent->entries->begin()) parent->entries->trim(end);
    }
  }
  const std::vector<std::unique_ptr<Parent>>& parents() const { return parents_; }

  // Queue ids of parents have this bit, so that they never meet those of filters.
  static constexpr uint64_t kQueueIdBit = uint64_t{1} << 63;

 private:
  uint32_t count_max_;
  std::vector<std::unique_ptr<Parent>> parents_;
  absl::flat_hash_map<std::string_view, Parent*> by_name_;  // those with a queue of their own; keys are their names
  Parent* shared_ = nullptr;
};

}  // namespace penstock::broker
