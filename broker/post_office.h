// PostOffice: the mailboxes between all shards of a broker, and how a sleeping shard is woken. Made before the shards;
// each shard sends and drains only its own boxes.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "broker/mail.h"
#include "core/mailbox.h"

namespace penstock::broker {

class PostOffice {
 public:
  static constexpr size_t kMailboxItems = 4096;

  explicit PostOffice(ShardIndex shards_count);

  ShardIndex shards_count() const { return shards_count_; }
  core::Mailbox<Mail>& box(ShardIndex from, ShardIndex to) { return *boxes_[size_t{from} * shards_count_ + to]; }

  // The shard is about to wait: whoever posts to it from now on must wake it. It then looks at its boxes once more.
  void set_sleeping(ShardIndex shard, bool sleeping) {
    sleeping_[shard].value.store(sleeping, std::memory_order_seq_cst);
  }
  // True once per sleep: the caller then wakes it.
  bool must_wake(ShardIndex shard) {
    return sleeping_[shard].value.load(std::memory_order_seq_cst) &&
           sleeping_[shard].value.exchange(false, std::memory_order_seq_cst);
  }
  bool has_mail(ShardIndex shard);

  // RetainedStore::newest_us() in the newest checkpoint that the shard has written in this life; 0: none yet.
  std::atomic<int64_t>& checkpointed_us(ShardIndex shard) { return checkpointed_us_[shard]; }
  std::atomic<uint32_t>& connections_count() { return connections_count_; }  // of all shards

 private:
  struct alignas(64) Flag {
    std::atomic<bool> value{false};
  };
  ShardIndex shards_count_;
  std::vector<std::unique_ptr<core::Mailbox<Mail>>> boxes_;
  std::vector<Flag> sleeping_;
  std::vector<std::atomic<int64_t>> checkpointed_us_;
  alignas(64) std::atomic<uint32_t> connections_count_{0};
};

// One shard's counter at the post office. Control mail that finds its box full waits here, in order; while any does,
// has_room() is false and the shard handles no packets, so the wait is bounded by what one packet causes.
class PostCounter {
 public:
  PostCounter(PostOffice& office, ShardIndex shard, std::function<void(ShardIndex)> wake);

  // Room for at least `items` to every shard.
  bool has_room(size_t items);
  void post(ShardIndex to, Mail mail);
  // Sends what waits, and wakes the shards that got mail since the last call. Once per turn.
  void end_turn();
  // Hands over what arrived, at most a box full per sender, as long as has_room() says so. Another sender is the first
  // each time.
  template <typename Function, typename HasRoom>
  void drain(Function&& consume, HasRoom&& has_room) {
    for (ShardIndex i = 0; i < office_.shards_count(); ++i) {
      const auto from = static_cast<ShardIndex>((first_ + i) % office_.shards_count());
      if (from == shard_) continue;
      core::Mailbox<Mail>& box = office_.box(from, shard_);
      for (size_t count = 0; count < PostOffice::kMailboxItems && has_room(); count += kDrainedAtATime)
        if (box.drain(kDrainedAtATime, consume) < kDrainedAtATime) break;
    }
    first_ = static_cast<ShardIndex>((first_ + 1) % office_.shards_count());
  }
  PostOffice& office() { return office_; }
  bool has_backlog() const { return backlog_count_ > 0; }

 private:
  static constexpr size_t kDrainedAtATime = 64;

  PostOffice& office_;
  ShardIndex shard_;
  ShardIndex first_ = 0;
  std::function<void(ShardIndex)> wake_;
  std::vector<std::deque<Mail>> backlog_;  // by receiver
  size_t backlog_count_ = 0;
  std::vector<bool> posted_;
};

}  // namespace penstock::broker
