// PageStore: what is behind a QueueFile. Moves full pages of queues between memory and the index files; the queues hold
// PageDirectories whose slots say where each page is. Inside of log/ only; one thread, the shard's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/check.h"
#include "log/consume_queue.h"
#include "log/waiter_list.h"

namespace penstock::log {

struct PageFrame;
using PageAddress = QueueFile::PageAddress;

// Where one full page of a queue is. Eight bytes: the whole cost in memory of 254 entries on disk.
class PageSlot {
 public:
  enum class Kind : uint8_t { kMemory, kDisk, kFrame, kDamaged };

  static PageSlot memory(QueuePage* page) { return PageSlot(reinterpret_cast<uint64_t>(page)); }
  static PageSlot disk(PageAddress address) { return PageSlot(address << 2 | 1); }
  static PageSlot frame(PageFrame* frame) { return PageSlot(reinterpret_cast<uint64_t>(frame) | 2); }
  static PageSlot damaged() { return PageSlot(3); }

  Kind kind() const { return static_cast<Kind>(bits_ & 3); }
  QueuePage* page() const { return reinterpret_cast<QueuePage*>(bits_); }
  PageAddress address() const { return bits_ >> 2; }
  PageFrame* frame() const { return reinterpret_cast<PageFrame*>(bits_ & ~uint64_t{3}); }

 private:
  explicit PageSlot(uint64_t bits) : bits_(bits) {}
  uint64_t bits_;
};
static_assert(sizeof(PageSlot) == 8);
constexpr PageAddress kPageAddressMax = PageAddress{1} << 60;

// A page for `delete`, its bytes not set: zeros that are overwritten at once would cost as much as the appends.
inline QueuePage* new_page() {
  return static_cast<QueuePage*>(::operator new(sizeof(QueuePage)));
}

uint64_t page_checksum(const QueuePage& page);
std::string why(int32_t result);  // a transfer did not move all of it

// The full pages of one queue that are still needed, oldest first.
struct PageDirectory {
  PageDirectory(uint64_t queue_id, QueueIndex first_index)
      : queue(queue_id), first(first_index), memory_from(first_index) {}

  size_t count() const { return slots.size() - head; }
  bool holds(QueueIndex index) const { return index >= first && (index - first) / kQueuePageEntries < count(); }
  PageSlot& slot(QueueIndex index) { return slots[head + (index - first) / kQueuePageEntries]; }
  QueueIndex first_of(size_t ordinal) const { return first + ordinal * kQueuePageEntries; }
  void pop_front();

  uint64_t queue;
  QueueIndex first;             // of the first entry of the oldest page
  std::vector<PageSlot> slots;  // from `head` on
  size_t head = 0;
  size_t memory_count = 0;          // of kind kMemory
  QueueIndex memory_from;           // no page before this one is of kind kMemory
  bool addresses_ordered = true;    // no page has a larger address than a later one
  size_t starved_place = SIZE_MAX;  // in PageStore::starved_
  std::vector<PageFrame*> loading;  // being read; a few
};

// One page on its way to the disk or back, or read back. Owned by the store; its operation is its own read (a write is
// that of its batch).
struct PageFrame final : core::StorageOperation {
  enum class Use : uint8_t { kWriting, kLoading, kCached };

  PageFrame(PageStore& its_store, Use its_use) : store(its_store), use(its_use) {}
  void complete(int32_t result) override;

  PageStore& store;
  std::unique_ptr<QueuePage> page;
  PageDirectory* owner = nullptr;  // null: nobody needs the page any more
  QueueIndex first;
  PageAddress address = 0;
  Use use;
  bool referenced = true;       // since the clock hand passed
  bool next_requested = false;  // the page after it was looked at for prefetch
  size_t cache_place = 0;       // in PageStore::cached_
  int tries = 0;                // to read it, that ended in an error
  size_t bytes_read = 0;
  WaiterList<PageWaiter> waiters;
};
static_assert(alignof(PageFrame) >= 4 && alignof(QueuePage) >= 4, "PageSlot keeps its kind in the lowest two bits");

// Pages with addresses in a row, all in one file, that are written together. Forgets itself.
struct PageBatch final : core::StorageOperation {
  PageBatch(PageStore& its_store, size_t pages_max);
  void complete(int32_t result) override;

  PageAddress address() const { return frames.front()->address; }
  size_t size() const { return frames.size() * kQueuePageBytes; }

  PageStore& store;
  std::vector<PageFrame*> frames;
  std::unique_ptr<std::byte[]> bytes;  // copies: a frame may lose its owner, and its page, meanwhile
};

// One index file of this process. Opened by the first operation that needs it.
struct PageFile final : core::StorageOperation {
  PageFile(PageStore& its_store, uint64_t its_number, std::string its_path)
      : store(its_store), number(its_number), path(std::move(its_path)) {}
  void complete(int32_t result) override;

  PageStore& store;
  uint64_t number;
  std::string path;
  core::FileId id = core::kNoFile;
  bool opening = false;
  bool creating = false;
  bool syncing = false;
  bool dirty = false;       // written since its last sync
  uint32_t busy_count = 0;  // pages under way
  uint64_t used_at = 0;     // PageStore::clock_ of its last use
  // Until it is open.
  std::vector<PageFrame*> parked_reads;
  std::vector<PageBatch*> parked_writes;
};

class PageStore {
 public:
  PageStore(core::Storage& storage, QueueFile::Options options, PageAddress next);
  ~PageStore();

  // --- For queues.
  // The newest page of `pages` got full: perhaps the time to write its oldest.
  void page_filled(PageDirectory& pages);
  // A page that is on disk is wanted.
  void load(PageDirectory& pages, QueueIndex first, PageWaiter& waiter);
  void prefetch_after(PageDirectory& pages, PageFrame& frame);
  // The oldest page of `pages` is not needed any more. The slot's content is given back; the slot stays.
  void release(PageDirectory& pages, QueueIndex first);
  void release_all(PageDirectory& pages);
  void add_resident(PageDirectory& pages, size_t count);  // pages taken from a checkpoint
  // Full pages of `pages` are in memory, and perhaps more than should be.
  void starve(PageDirectory& pages);
  void forget(PageDirectory* pages, PageWaiter& waiter);

  // Blocks of 64 and more entries that queues hold. Beyond the limit an empty queue gives its block back.
  void add_large_block() { ++large_blocks_; }
  void remove_large_block() { --large_blocks_; }
  bool spares_large_blocks() const { return large_blocks_ <= kLargeBlocksSpared; }

  // --- For QueueFile.
  void flush();
  void feed_starved();
  void retry_reads();
  PageAddress next_address() const { return next_; }
  // Not while the disk refuses them: whoever waits for it would wait for ever.
  bool is_behind() const { return has_too_many() && writing_count_ > 0 && write_failures_ == 0; }
  void sync(bool& done, bool& failed);
  void retire(PageAddress keep);
  bool idle() const { return idle_; }
  uint64_t damaged_pages() const { return damaged_pages_; }

 private:
  friend struct PageFrame;
  friend struct PageFile;
  friend struct PageBatch;
  struct Sync;
  struct Removal;

  uint64_t pages_per_file() const { return options_.file_bytes / kQueuePageBytes; }
  uint64_t offset_in_file(PageAddress address) const { return address % pages_per_file() * kQueuePageBytes; }
  std::string path_of(uint64_t number) const;

  bool has_too_many() const { return resident_count_ > 2 * options_.resident_pages_max; }
  void write_ahead(PageDirectory& pages);
  void add_to_batch(PageDirectory& pages, QueueIndex first);
  size_t writes_max() const;
  void use(PageFile& file, size_t pages);
  void start_read(PageFrame& frame);
  void issue(PageFrame& frame, PageFile& file);
  void issue(PageBatch& batch, PageFile& file);
  PageFile& file_of(PageAddress address);
  void open(PageFile& file);
  void opened(PageFile& file, int32_t result);
  void close(PageFile& file);
  void close_unused_files();
  void find_existing();
  void read_ended(PageFrame& frame, int32_t result);
  void write_ended(PageBatch& batch, int32_t result);
  void writes_of_sync_ended(PageAddress first, size_t count);
  void written(PageFrame& frame);
  void not_written(PageFrame& frame);
  void loaded(PageFrame& frame, int32_t result);
  void unstarve(PageDirectory& pages);
  void start_load(PageDirectory& pages, QueueIndex first, PageWaiter* waiter);
  void report_damage(const PageFrame& frame, const std::string& what);
  void tell(WaiterList<PageWaiter>& waiters);
  bool make_cache_room(const PageFrame* kept);
  void uncache(PageFrame& frame);
  void drop(PageFrame* frame);
  void operation_started();
  void operation_ended();
  void continue_sync();
  void sync_step_ended(int32_t result);
  void file_ended(PageFile& file, int32_t result);
  void report(std::string what);

  core::Storage& storage_;
  QueueFile::Options options_;
  PageAddress next_;
  std::map<uint64_t, std::unique_ptr<PageFile>> files_;  // by number; those in use
  std::set<uint64_t> existing_;                          // numbers of files in the directory
  bool names_changed_ = true;                            // since the directory was synced (by this process)
  uint64_t clock_ = 0;
  size_t under_way_ = 0;  // operations with the storage
  bool idle_ = true;      // under_way_ == 0; a flag for run_until

  static constexpr size_t kLargeBlocksSpared = 4096;
  size_t large_blocks_ = 0;
  size_t resident_count_ = 0;         // full pages in memory, those being written included
  size_t writing_count_ = 0;          // pages in batches
  std::unique_ptr<PageBatch> batch_;  // not yet with the storage
  uint32_t write_failures_ = 0;       // in a row
  uint32_t skip_ = 0;                 // filled pages to let pass before the next try after a failure
  bool failed_since_sync_ = false;
  std::vector<PageDirectory*> starved_;  // have pages to write, but no write may start now

  std::vector<PageFrame*> cached_;
  size_t hand_ = 0;  // of the clock over cached_
  size_t loading_count_ = 0;
  std::vector<PageFrame*> unread_;   // the disk answered with an error; they are read again
  WaiterList<PageWaiter> roomless_;  // nothing could be evicted for them
  WaiterList<PageWaiter> strays_;    // of pages that were released while they were read
  std::vector<WaiterList<PageWaiter>*> telling_;
  uint64_t damaged_pages_ = 0;

  std::unique_ptr<Sync> sync_;
};

}  // namespace penstock::log
