#include "log/page_store.h"

#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace penstock::log {

std::string why(int32_t result) {
  return result < 0 ? std::strerror(-result) : "only a part of it";
}

uint64_t page_checksum(const QueuePage& page) {
  return XXH3_64bits(reinterpret_cast<const std::byte*>(&page) + sizeof page.checksum,
                     sizeof page - sizeof page.checksum);
}

void PageDirectory::pop_front() {
  ++head;
  first += kQueuePageEntries;
  memory_from = std::max(memory_from, first);
  if (head == slots.size()) {
    slots.clear();
    head = 0;
  } else if (head >= 64 && head * 2 >= slots.size()) {
    slots.erase(slots.begin(), slots.begin() + static_cast<ptrdiff_t>(head));
    head = 0;
  }
}

void PageFrame::complete(int32_t result) {
  store.operation_ended();
  store.read_ended(*this, result);
}

void PageStore::report(std::string what) {
  if (options_.report) options_.report(std::move(what));
}

// --- From the disk to memory.

void PageStore::load(PageDirectory& pages, QueueIndex first, PageWaiter& waiter) {
  if (make_cache_room(nullptr)) {
    start_load(pages, first, &waiter);
  } else {
    roomless_.add(waiter);
  }
}

void PageStore::start_load(PageDirectory& pages, QueueIndex first, PageWaiter* waiter) {
  PageSlot& slot = pages.slot(first);
  auto* const frame = new PageFrame(*this, PageFrame::Use::kLoading);
  frame->page.reset(new_page());
  frame->owner = &pages;
  frame->first = first;
  frame->address = slot.address();
  slot = PageSlot::frame(frame);
  if (waiter != nullptr) frame->waiters.add(*waiter);
  pages.loading.push_back(frame);
  ++loading_count_;
  start_read(*frame);
}

void PageStore::prefetch_after(PageDirectory& pages, PageFrame& frame) {
  frame.next_requested = true;
  const QueueIndex next = frame.first + kQueuePageEntries;
  if (!pages.holds(next) || pages.slot(next).kind() != PageSlot::Kind::kDisk) return;
  if (loading_count_ * 2 >= options_.cached_pages_max) return;  // those who wait come first
  if (make_cache_room(&frame)) start_load(pages, next, nullptr);
}

void PageStore::loaded(PageFrame& frame, int32_t result) {
  --loading_count_;
  WaiterList<PageWaiter> waiters = std::move(frame.waiters);
  waiters.absorb(roomless_);
  waiters.absorb(strays_);
  if (frame.owner == nullptr) {
    delete &frame;
  } else {
    PageDirectory& pages = *frame.owner;
    std::erase(pages.loading, &frame);
    const QueuePage& page = *frame.page;
    std::string damage;
    if (result != static_cast<int32_t>(kQueuePageBytes)) {
      damage = why(result);
    } else if (page.magic != kQueuePageMagic || page.checksum != page_checksum(page)) {
      damage = "wrong checksum";
    } else if (page.queue != pages.queue || page.first_index != frame.first.value() ||
               page.count != kQueuePageEntries) {
      damage = "it belongs to another place";
    }
    if (damage.empty()) {
      frame.use = PageFrame::Use::kCached;
      frame.cache_place = cached_.size();
      cached_.push_back(&frame);
    } else {
      report_damage(frame, damage);
      pages.slot(frame.first) = PageSlot::damaged();
      delete &frame;
    }
  }
  tell(waiters);
}

void PageStore::report_damage(const PageFrame& frame, const std::string& what) {
  ++damaged_pages_;
  report("queue index page of queue " + std::to_string(frame.owner->queue) + " in " +
         path_of(frame.address / pages_per_file()) + " at offset " + std::to_string(offset_in_file(frame.address)) +
         " is unreadable: " + what);
}

// A waiter may forget others while it is told, also from within another list's telling.
void PageStore::tell(WaiterList<PageWaiter>& waiters) {
  telling_.push_back(&waiters);
  waiters.drain([](PageWaiter& waiter) { waiter.on_page_ready(); });
  telling_.pop_back();
}

bool PageStore::make_cache_room(const PageFrame* kept) {
  if (cached_.size() + loading_count_ < options_.cached_pages_max) return true;
  // Clock: pages used since the hand passed get another round, so it ends within two.
  for (size_t left = 2 * cached_.size(); left > 0; --left) {
    if (hand_ >= cached_.size()) hand_ = 0;
    PageFrame& frame = *cached_[hand_];
    if (!frame.referenced && &frame != kept) {
      frame.owner->slot(frame.first) = PageSlot::disk(frame.address);
      uncache(frame);
      return true;
    }
    frame.referenced = false;
    ++hand_;
  }
  return false;
}

void PageStore::uncache(PageFrame& frame) {
  PageFrame* const last = cached_.back();
  cached_[frame.cache_place] = last;
  last->cache_place = frame.cache_place;
  cached_.pop_back();
  delete &frame;
}

// --- Pages and waiters that are not needed any more.

void PageStore::release(PageDirectory& pages, QueueIndex first) {
  const PageSlot slot = pages.slot(first);
  switch (slot.kind()) {
    case PageSlot::Kind::kMemory:
      delete slot.page();
      --pages.memory_count;
      --resident_count_;
      break;
    case PageSlot::Kind::kFrame:
      drop(slot.frame());
      break;
    case PageSlot::Kind::kDisk:
    case PageSlot::Kind::kDamaged:
      break;
  }
}

void PageStore::drop(PageFrame* frame) {
  if (frame->use == PageFrame::Use::kCached) {
    uncache(*frame);
    return;
  }
  if (frame->use == PageFrame::Use::kLoading) {
    std::erase(frame->owner->loading, frame);
    strays_.absorb(frame->waiters);
  }
  frame->owner = nullptr;  // its operation goes on
}

void PageStore::release_all(PageDirectory& pages) {
  unstarve(pages);
  for (; pages.count() > 0; pages.pop_front()) release(pages, pages.first);
}

void PageStore::forget(PageDirectory* pages, PageWaiter& waiter) {
  if (pages != nullptr) {
    for (PageFrame* frame : pages->loading) frame->waiters.remove(waiter);
  }
  roomless_.remove(waiter);
  strays_.remove(waiter);
  for (WaiterList<PageWaiter>* list : telling_) list->remove(waiter);
}

// --- Operations.

void PageStore::use(PageFile& file, size_t pages) {
  file.used_at = ++clock_;
  file.busy_count += static_cast<uint32_t>(pages);
}

void PageStore::start_read(PageFrame& frame) {
  PageFile& file = file_of(frame.address);
  use(file, 1);
  if (file.id != core::kNoFile) {
    issue(frame, file);
  } else {
    file.parked_reads.push_back(&frame);
    if (!file.opening) open(file);
  }
}

void PageStore::issue(PageFrame& frame, PageFile& file) {
  operation_started();
  const core::MutableBytes page(reinterpret_cast<std::byte*>(frame.page.get()), kQueuePageBytes);
  storage_.read(file.id, offset_in_file(frame.address) + frame.bytes_read, page.subspan(frame.bytes_read), frame);
}

void PageStore::read_ended(PageFrame& frame, int32_t result) {
  PageFile& file = file_of(frame.address);
  if (result > 0) {
    frame.bytes_read += static_cast<size_t>(result);
    // A read may give less than there is; only one that gives nothing has come to the end of the file.
    if (frame.bytes_read < kQueuePageBytes && frame.owner != nullptr) return issue(frame, file);
    result = static_cast<int32_t>(frame.bytes_read);
  }
  --file.busy_count;
  // A disk that gives nothing now may give it later; a file that is missing does not come back.
  const bool may_come = result < 0 && result != -ENOENT && frame.owner != nullptr;
  if (!may_come || ++frame.tries >= options_.read_tries_max) return loaded(frame, result);
  if (frame.tries == 1 && unread_.empty()) {
    report("queue index page in " + path_of(frame.address / pages_per_file()) + " at offset " +
           std::to_string(offset_in_file(frame.address)) + " cannot be read: " + why(result) +
           "; it is tried again every second");
  }
  unread_.push_back(&frame);
}

void PageStore::retry_reads() {
  for (PageFrame* frame : std::exchange(unread_, {})) {
    if (frame->owner == nullptr) {
      loaded(*frame, -EIO);
    } else {
      start_read(*frame);
    }
  }
}

}  // namespace penstock::log
