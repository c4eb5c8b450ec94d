#include "broker/post_office.h"

namespace penstock::broker {

PostOffice::PostOffice(ShardIndex shards_count)
    : shards_count_(shards_count), sleeping_(shards_count), checkpointed_us_(shards_count) {
  boxes_.resize(size_t{shards_count} * shards_count);
  for (ShardIndex from = 0; from < shards_count; ++from)
    for (ShardIndex to = 0; to < shards_count; ++to)
      if (from != to) boxes_[size_t{from} * shards_count + to] = std::make_unique<core::Mailbox<Mail>>(kMailboxItems);
}

bool PostOffice::has_mail(ShardIndex shard) {
  for (ShardIndex from = 0; from < shards_count_; ++from)
    if (from != shard && !box(from, shard).empty()) return true;
  return false;
}

PostCounter::PostCounter(PostOffice& office, ShardIndex shard, std::function<void(ShardIndex)> wake)
    : office_(office),
      shard_(shard),
      wake_(std::move(wake)),
      backlog_(office.shards_count()),
      posted_(office.shards_count()) {}

bool PostCounter::has_room(size_t items) {
  if (backlog_count_ > 0) return false;
  for (ShardIndex to = 0; to < office_.shards_count(); ++to)
    if (to != shard_ && office_.box(shard_, to).room() < items) return false;
  return true;
}

void PostCounter::post(ShardIndex to, Mail mail) {
  mail.from = shard_;
  posted_[to] = true;
  if (backlog_[to].empty() && office_.box(shard_, to).push(std::move(mail))) return;
  backlog_[to].push_back(std::move(mail));
  ++backlog_count_;
}

void PostCounter::end_turn() {
  for (ShardIndex to = 0; to < office_.shards_count(); ++to) {
    if (to == shard_) continue;
    auto& waiting = backlog_[to];
    while (!waiting.empty() && office_.box(shard_, to).push(std::move(waiting.front()))) {
      waiting.pop_front();
      --backlog_count_;
      posted_[to] = true;
    }
    if (!posted_[to]) continue;
    posted_[to] = false;
    if (office_.must_wake(to)) wake_(to);
  }
}

}  // namespace penstock::broker
