#include "log/consume_queue.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "log/page_store.h"

namespace penstock::log {
namespace {

// Of a queue without a file: its pages are in memory, or were lost before a checkpoint was made.
void free_in_memory(PageSlot slot) {
  if (slot.kind() == PageSlot::Kind::kMemory) delete slot.page();
}

}  // namespace

QueueFile::QueueFile(core::Storage& storage, Options options, PageAddress next)
    : store_(std::make_unique<PageStore>(storage, std::move(options), next)) {}
QueueFile::~QueueFile() = default;
QueueFile::PageAddress QueueFile::next_address() const {
  return store_->next_address();
}
bool QueueFile::is_behind() const {
  return store_->is_behind();
}
void QueueFile::flush() {
  store_->feed_starved();
  store_->flush();
  store_->retry_reads();
}
void QueueFile::sync(bool& done, bool& failed) {
  store_->sync(done, failed);
}
void QueueFile::retire(PageAddress keep) {
  store_->retire(keep);
}
bool QueueFile::idle() const {
  return store_->idle();
}
uint64_t QueueFile::damaged_pages() const {
  return store_->damaged_pages();
}

ConsumeQueue::ConsumeQueue(uint64_t id, QueueFile* file)
    : id_(id), store_(file == nullptr ? nullptr : file->store_.get()) {}

ConsumeQueue::~ConsumeQueue() {
  drop_all_pages();
  free_tail();
}

// --- The page in progress: a block that grows by 4, and at 254 entries is the image of a page.

void ConsumeQueue::make_room() {
  const size_t capacity = tail_capacity();
  if (capacity == kQueuePageEntries) {
    push_page(take_full_page());
    take_block(kQueuePageEntries);
  } else if (capacity == 0) {
    take_block(pages_ == nullptr ? kSmallest : kQueuePageEntries);
  } else {
    QueueEntry* const old = tail();
    take_block(std::min(capacity * 4, kQueuePageEntries));
    std::copy_n(old, capacity, next_ - capacity);
    if (capacity >= kLarge && store_ != nullptr) store_->remove_large_block();
    delete[] old;
  }
}

// Points next_ and limit_ into a new block, past the entries that the page in progress has (the caller copies them).
void ConsumeQueue::take_block(size_t capacity) {
  QueueEntry* const block = capacity == kQueuePageEntries ? new_page()->entries : new QueueEntry[capacity];
  if (capacity >= kLarge && store_ != nullptr) store_->add_large_block();
  next_ = block + (end_ - tail_first_);
  limit_ = block + capacity;
}

// The page in progress, complete but for its checksum, which is filled in when it is written. Leaves no block.
QueuePage* ConsumeQueue::take_full_page() {
  auto* const page = reinterpret_cast<QueuePage*>(reinterpret_cast<std::byte*>(tail()) - offsetof(QueuePage, entries));
  page->queue = id_;
  page->first_index = tail_first_.value();
  page->count = kQueuePageEntries;
  page->magic = kQueuePageMagic;
  if (store_ != nullptr) store_->remove_large_block();
  tail_first_ = end_;
  next_ = limit_ = nullptr;
  return page;
}

void ConsumeQueue::free_tail() {
  const size_t capacity = tail_capacity();
  if (capacity == 0) return;
  if (capacity == kQueuePageEntries) {
    delete reinterpret_cast<QueuePage*>(reinterpret_cast<std::byte*>(tail()) - offsetof(QueuePage, entries));
  } else {
    delete[] tail();
  }
  if (capacity >= kLarge && store_ != nullptr) store_->remove_large_block();
  next_ = limit_ = nullptr;
}

void ConsumeQueue::push_page(QueuePage* page) {
  if (pages_ == nullptr) pages_ = std::make_unique<PageDirectory>(id_, QueueIndex(page->first_index));
  pages_->slots.push_back(PageSlot::memory(page));
  if (store_ != nullptr) store_->page_filled(*pages_);
}

// --- Reading.

ConsumeQueue::Peek ConsumeQueue::peek_page(QueueIndex index, std::span<const QueueEntry>& out, PageWaiter& waiter) {
  CHECK(index >= begin_ && index < end_);
  const PageSlot slot = pages_->slot(index);
  const size_t place = (index - pages_->first) % kQueuePageEntries;
  const QueueIndex first = index + (0 - static_cast<uint64_t>(place));
  switch (slot.kind()) {
    case PageSlot::Kind::kMemory:
      out = std::span(slot.page()->entries).subspan(place);
      return Peek::kReady;
    case PageSlot::Kind::kDamaged:
      return Peek::kGone;
    case PageSlot::Kind::kDisk:
      store_->load(*pages_, first, waiter);
      return Peek::kPending;
    case PageSlot::Kind::kFrame:
      break;
  }
  PageFrame& frame = *slot.frame();
  if (frame.use == PageFrame::Use::kLoading) {
    frame.waiters.add(waiter);
    return Peek::kPending;
  }
  out = std::span(frame.page->entries).subspan(place);
  if (frame.use == PageFrame::Use::kCached) {
    frame.referenced = true;
    if (!frame.next_requested) store_->prefetch_after(*pages_, frame);
  }
  return Peek::kReady;
}

QueueIndex ConsumeQueue::page_end(QueueIndex index) const {
  if (index >= tail_first_) return end_;
  return pages_->first_of((index - pages_->first) / kQueuePageEntries + 1);
}

void ConsumeQueue::forget(PageWaiter& waiter) {
  if (store_ != nullptr) store_->forget(pages_.get(), waiter);
}

QueueIndex ConsumeQueue::lower_bound_in_memory(uint64_t arrival) const {
  // The pages at the end that lie in memory.
  size_t ordinal = pages_ == nullptr ? 0 : pages_->count();
  const auto page_in_memory = [&](size_t at) -> const QueuePage* {
    const PageSlot slot = pages_->slots[pages_->head + at];
    if (slot.kind() == PageSlot::Kind::kMemory) return slot.page();
    if (slot.kind() != PageSlot::Kind::kFrame || slot.frame()->use == PageFrame::Use::kLoading) return nullptr;
    return slot.frame()->page.get();
  };
  while (ordinal > 0 && page_in_memory(ordinal - 1) != nullptr) --ordinal;
  const bool whole = ordinal == 0;

  QueueIndex low = pages_ == nullptr ? tail_first_ : pages_->first_of(ordinal);
  low = std::max(low, begin_);
  const QueueIndex memory_begin = low;
  QueueIndex high = end_;
  while (low < high) {
    const QueueIndex middle = low + (high - low) / 2;
    const QueueEntry& entry = middle >= tail_first_ ? *(next_ - (end_ - middle))
                                                    : page_in_memory((middle - pages_->first) / kQueuePageEntries)
                                                          ->entries[(middle - pages_->first) % kQueuePageEntries];
    if (entry.arrival() < arrival) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == memory_begin && !whole ? begin_ : low;
}

// --- Letting go.

void ConsumeQueue::trim(QueueIndex begin) {
  CHECK(begin >= begin_ && begin <= end_);
  begin_ = begin;
  if (begin_ == end_) {
    drained();
  } else if (pages_ != nullptr) {
    drop_pages();
  }
}

void ConsumeQueue::drop_pages() {
  while (pages_->count() > 0 && pages_->first_of(1) <= begin_) {
    if (store_ != nullptr) {
      store_->release(*pages_, pages_->first);
    } else {
      free_in_memory(pages_->slot(pages_->first));
    }
    pages_->pop_front();
  }
  if (pages_->count() == 0) drop_all_pages();
}

void ConsumeQueue::drop_all_pages() {
  if (pages_ == nullptr) return;
  if (store_ != nullptr) {
    store_->release_all(*pages_);
  } else {
    for (; pages_->count() > 0; pages_->pop_front()) free_in_memory(pages_->slot(pages_->first));
  }
  pages_.reset();
}

// An empty queue starts its page anew where it is, so one whose cursors keep up never fills a page. It keeps its block
// if it made good use of it: allocating for each message would cost more than all the rest of append().
void ConsumeQueue::drained() {
  drop_all_pages();
  const size_t capacity = tail_capacity();
  const size_t used = end_ - tail_first_;
  const bool too_large = capacity > kSmallest && used <= capacity / 4;
  const bool spared = capacity < kLarge || store_ == nullptr || store_->spares_large_blocks();
  if (too_large || !spared) {
    free_tail();
  } else {
    next_ -= used;
  }
  tail_first_ = end_;
}

// --- For people and checkpoints.

size_t ConsumeQueue::memory_bytes() const {
  size_t bytes = sizeof *this + tail_capacity() * sizeof(QueueEntry);
  if (pages_ != nullptr) {
    bytes += sizeof *pages_ + pages_->slots.capacity() * sizeof(PageSlot) + pages_->memory_count * kQueuePageBytes;
  }
  return bytes;
}

uint64_t ConsumeQueue::oldest_page() const {
  uint64_t oldest = UINT64_MAX;
  if (pages_ == nullptr) return oldest;
  for (size_t i = pages_->head; i < pages_->slots.size(); ++i) {
    const PageSlot slot = pages_->slots[i];
    if (slot.kind() == PageSlot::Kind::kDisk) oldest = std::min(oldest, slot.address());
    if (slot.kind() == PageSlot::Kind::kFrame) oldest = std::min(oldest, slot.frame()->address);
    if (oldest != UINT64_MAX && pages_->addresses_ordered) break;
  }
  return oldest;
}

}  // namespace penstock::log
