// ConsumeQueue: an ordered index into logs, 16 bytes an entry. Newest entries lie in memory; when more than a few full
// pages are there and a cursor (or retention) still needs them, the oldest goes to the shard's QueueFile by an
// asynchronous write and leaves memory. A queue whose cursors keep up is never written. So a backlog costs memory only
// for its page directory: 8 bytes per 254 entries. One thread, the shard's. Derived data: on any doubt it is dropped
// and rebuilt from the log.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/result.h"
#include "core/storage.h"
#include "log/position.h"
#include "log/queue_format.h"

namespace penstock::log {

class PageStore;
struct PageDirectory;

// Told once when a page that was not in memory is there (or cannot be read); then ask again.
class PageWaiter {
 public:
  virtual void on_page_ready() = 0;

 protected:
  ~PageWaiter() = default;
};

// The index files of one shard: full pages of all its queues, appended in the order in which they leave memory, in
// files `queue-<n>.pages` of `file_bytes`; plus a bounded cache of pages read back. A million queues share these few
// files. Outlives its queues.
class QueueFile {
 public:
  using PageAddress = uint64_t;  // page ordinal over all files of this shard; never reused

  struct Options {
    std::string directory;  // exists
    uint64_t file_bytes = 64u << 20;
    size_t cached_pages_max = 1024;        // of pages read back
    size_t writes_max = 256;               // pages being written at once; beyond that they stay in memory longer
    size_t batch_pages = 64;               // pages that are written together; fewer when flush() says so
    size_t pages_kept = 8;                 // full pages of one queue that stay in memory, not written
    size_t resident_pages_max = 16 << 10;  // full pages of all queues in memory: beyond that pages_kept counts as 0
    size_t files_open_max = 32;
    int read_tries_max = 1;  // of a page that the disk answers with an error; then it counts as lost
    bool read_only = false;  // for tools that look at a running broker's files: queues are not appended to
    std::function<void(std::string)> report;  // what an operator must know: damage, failed writes; once each
  };

  QueueFile(core::Storage& storage, Options options, PageAddress next);
  // Waits until no operation is under way.
  ~QueueFile();

  PageAddress next_address() const;
  // Queues have grown faster than pages are written: more than twice resident_pages_max are in memory. Who makes them
  // grow has to wait; it lasts until writes that are under way have ended.
  bool is_behind() const;
  // Pages that wait for others to be written with go out now, and those that the disk did not give are read again. To
  // be called about once a second.
  void flush();
  // Everything written so far is synced, then `done` is set (from the storage's poll). For a checkpoint: call it after
  // the last serialize(). `failed` is set when a page could not be written since the last call: it stays in memory.
  void sync(bool& done, bool& failed);
  // Removes files whose pages all lie before `keep`.
  void retire(PageAddress keep);
  // No operation is under way.
  bool idle() const;
  // Pages found damaged or unreadable.
  uint64_t damaged_pages() const;

 private:
  friend class ConsumeQueue;
  std::unique_ptr<PageStore> store_;
};

class ConsumeQueue {
 public:
  // `file` null: everything stays in memory (tests, and queues that the caller bounds otherwise).
  ConsumeQueue(uint64_t id, QueueFile* file);
  ~ConsumeQueue();
  ConsumeQueue(ConsumeQueue&&) = delete;

  uint64_t id() const { return id_; }
  QueueIndex begin() const { return begin_; }
  QueueIndex end() const { return end_; }
  bool empty() const { return begin_ == end_; }

  void append(QueueEntry entry) {
    if (next_ == limit_) [[unlikely]]
      make_room();
    *next_++ = entry;
    ++end_;
  }

  enum class Peek : uint8_t { kReady, kPending, kGone };
  // Entry at `index` in [begin, end). kPending: a read was started (or joined); the waiter is told. kGone: the page is
  // unreadable or damaged (counted and reported by the QueueFile): skip to page_end(index) or rebuild.
  Peek peek(QueueIndex index, QueueEntry& out, PageWaiter& waiter) {
    std::span<const QueueEntry> run;
    const Peek peek = peek_run(index, run, waiter);
    if (peek == Peek::kReady) out = run.front();
    return peek;
  }
  // The same for as many entries from `index` on as lie side by side in memory. They stay until the queue is changed or
  // peeked at again.
  Peek peek_run(QueueIndex index, std::span<const QueueEntry>& out, PageWaiter& waiter) {
    if (index < tail_first_) [[unlikely]]
      return peek_page(index, out, waiter);
    const size_t count = end_ - index;
    out = {next_ - count, count};
    return Peek::kReady;
  }
  // One past the last entry of the page that holds `index`.
  QueueIndex page_end(QueueIndex index) const;
  // A waiter about to be destroyed.
  void forget(PageWaiter& waiter);

  // Nobody needs entries before `begin` any more (begin() <= begin <= end()).
  void trim(QueueIndex begin);
  // First entry whose arrival is at least `arrival`, by bisection over what is in memory; begin() if it lies on disk.
  QueueIndex lower_bound_in_memory(uint64_t arrival) const;

  size_t memory_bytes() const;
  // Oldest page address that this queue still uses; UINT64_MAX when none. For QueueFile::retire.
  uint64_t oldest_page() const;

  // For the checkpoint: begin, end, page directory, and all entries that are not in a page on disk.
  void serialize(std::vector<std::byte>& out) const;
  // Takes one queue off the front of `in`. `file` must be at or past the next_address() of the time of serialize().
  static core::Result<std::unique_ptr<ConsumeQueue>> deserialize(core::Bytes& in, QueueFile* file);

 private:
  static constexpr size_t kSmallest = 4;
  static constexpr size_t kLarge = 64;
  void make_room();
  void take_block(size_t capacity);
  void free_tail();
  QueuePage* take_full_page();
  void push_page(QueuePage* page);
  void drop_pages();
  void drop_all_pages();
  void drained();
  static core::Status read_pages(core::Bytes& in, ConsumeQueue& queue, uint32_t count);
  bool read_entries(core::Bytes& in, size_t count);
  QueueEntry* tail() const { return next_ - (end_ - tail_first_); }
  size_t tail_capacity() const { return next_ == nullptr ? 0 : static_cast<size_t>(limit_ - tail()); }
  Peek peek_page(QueueIndex index, std::span<const QueueEntry>& out, PageWaiter& waiter);

  // One cache line; the rest is allocated when it is needed.
  uint64_t id_;
  QueueIndex begin_{0};
  QueueIndex end_{0};
  QueueIndex tail_first_{0};     // of the first entry of the page in progress
  QueueEntry* next_ = nullptr;   // where the next entry goes, in a block of 4, 16, 64 or (a QueuePage) 254 entries
  QueueEntry* limit_ = nullptr;  // one past the block
  PageStore* store_;
  std::unique_ptr<PageDirectory> pages_;  // full pages that are still needed; null when there is none
};
static_assert(sizeof(ConsumeQueue) <= 64);

}  // namespace penstock::log
