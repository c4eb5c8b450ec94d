// The way of a PageStore's pages from memory to the disk. Pages that leave memory one after the other lie side by side
// in the index file, so they go out together: a write of 4 KiB costs the file system nearly what one of 256 KiB costs.
#include <algorithm>
#include <cstring>

#include "log/page_store.h"

namespace penstock::log {
namespace {

constexpr uint32_t kSkipDoublingsMax = 10;  // at most 1,024 filled pages pass between two tries to write

}  // namespace

PageBatch::PageBatch(PageStore& its_store, size_t pages_max)
    : store(its_store), bytes(new std::byte[pages_max * kQueuePageBytes]) {
  frames.reserve(pages_max);
}

void PageBatch::complete(int32_t result) {
  store.operation_ended();
  store.write_ended(*this, result);
}

void PageStore::add_resident(PageDirectory& pages, size_t count) {
  pages.memory_count += count;
  resident_count_ += count;
}

void PageStore::page_filled(PageDirectory& pages) {
  add_resident(pages, 1);
  if (skip_ > 0) {
    --skip_;
    starve(pages);
    return;
  }
  write_ahead(pages);
  if (write_failures_ > 0) feed_starved();
}

// After a failure one page at a time feels out whether the disk takes pages again.
size_t PageStore::writes_max() const {
  return write_failures_ > 0 ? 1 : options_.writes_max;
}

void PageStore::write_ahead(PageDirectory& pages) {
  const size_t kept = resident_count_ - writing_count_ > options_.resident_pages_max ? 0 : options_.pages_kept;
  while (pages.memory_count > kept) {
    if (writing_count_ >= writes_max()) {
      flush();
      starve(pages);
      return;
    }
    while (pages.slot(pages.memory_from).kind() != PageSlot::Kind::kMemory) pages.memory_from += kQueuePageEntries;
    add_to_batch(pages, pages.memory_from);
  }
  unstarve(pages);
  if (has_too_many()) flush();  // somebody waits for them
}

void PageStore::add_to_batch(PageDirectory& pages, QueueIndex first) {
  PageSlot& slot = pages.slot(first);
  auto* const frame = new PageFrame(*this, PageFrame::Use::kWriting);
  frame->page.reset(slot.page());
  frame->owner = &pages;
  frame->first = first;
  frame->address = next_++;
  slot = PageSlot::frame(frame);
  --pages.memory_count;
  ++writing_count_;
  frame->page->checksum = page_checksum(*frame->page);
  if (batch_ == nullptr) batch_ = std::make_unique<PageBatch>(*this, options_.batch_pages);
  std::memcpy(batch_->bytes.get() + batch_->frames.size() * kQueuePageBytes, frame->page.get(), kQueuePageBytes);
  batch_->frames.push_back(frame);
  const bool full = batch_->frames.size() == options_.batch_pages || next_ % pages_per_file() == 0;
  if (full || write_failures_ > 0) flush();
}

void PageStore::flush() {
  if (batch_ == nullptr) return;
  PageBatch* const batch = batch_.release();
  PageFile& file = file_of(batch->address());
  use(file, batch->frames.size());
  if (file.id != core::kNoFile) {
    issue(*batch, file);
  } else {
    file.parked_writes.push_back(batch);
    if (!file.opening) open(file);
  }
}

void PageStore::issue(PageBatch& batch, PageFile& file) {
  operation_started();
  storage_.write(file.id, offset_in_file(batch.address()), {batch.bytes.get(), batch.size()}, batch);
}

void PageStore::write_ended(PageBatch& ended, int32_t result) {
  const std::unique_ptr<PageBatch> batch(&ended);
  const PageAddress address = batch->address();
  const size_t count = batch->frames.size();
  PageFile& file = file_of(address);
  file.busy_count -= static_cast<uint32_t>(count);
  writing_count_ -= count;
  if (result == static_cast<int32_t>(batch->size())) {
    if (write_failures_ > 0) report("queue index pages can be written again");
    write_failures_ = 0;
    skip_ = 0;
    file.dirty = true;
    for (PageFrame* frame : batch->frames) written(*frame);
    feed_starved();
  } else {
    failed_since_sync_ = true;
    if (write_failures_++ == 0) {
      report("writing queue index pages to " + file.path + ": " + why(result) +
             "; pages stay in memory until it works again");
    }
    skip_ = 1u << std::min(write_failures_, kSkipDoublingsMax);
    for (PageFrame* frame : batch->frames) not_written(*frame);
  }
  writes_of_sync_ended(address, count);
}

void PageStore::written(PageFrame& frame) {
  --resident_count_;
  if (frame.owner != nullptr) frame.owner->slot(frame.first) = PageSlot::disk(frame.address);
  delete &frame;
}

// The page stays in memory and is tried again under a new address; its entries may be all that is left of acknowledged
// messages for their receivers, so memory grows here rather than losing them. What bounds it is that the same full disk
// makes the log refuse publishes.
void PageStore::not_written(PageFrame& frame) {
  if (frame.owner == nullptr) {
    --resident_count_;
  } else {
    PageDirectory& pages = *frame.owner;
    pages.slot(frame.first) = PageSlot::memory(frame.page.release());
    ++pages.memory_count;
    pages.memory_from = std::min(pages.memory_from, frame.first);
    pages.addresses_ordered = false;
    starve(pages);
  }
  delete &frame;
}

void PageStore::starve(PageDirectory& pages) {
  if (pages.starved_place != SIZE_MAX) return;
  pages.starved_place = starved_.size();
  starved_.push_back(&pages);
}

void PageStore::unstarve(PageDirectory& pages) {
  if (pages.starved_place == SIZE_MAX) return;
  PageDirectory* const last = starved_.back();
  starved_[pages.starved_place] = last;
  last->starved_place = pages.starved_place;
  starved_.pop_back();
  pages.starved_place = SIZE_MAX;
}

void PageStore::feed_starved() {
  while (!starved_.empty() && writing_count_ < writes_max()) {
    PageDirectory& pages = *starved_.back();
    unstarve(pages);
    write_ahead(pages);
  }
}

}  // namespace penstock::log
