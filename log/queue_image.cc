// A ConsumeQueue in a checkpoint. Little-endian, no padding:
//
//   u8 version | u64 id | u64 begin | u64 end | u64 first | u32 pages | pages x u64 place | inline pages | tail
//
// `first` is the index of the first entry of the first page (of the tail, without pages). A place is a PageAddress, or
// kInline: its 254 entries stand after the places, or kLost: the page is damaged. The tail has the entries that follow
// the pages, up to `end`: fewer than a page, or exactly one.
#include <cstring>

#include "core/check.h"
#include "log/consume_queue.h"
#include "log/page_store.h"

namespace penstock::log {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kFixedBytes = 1 + 4 * 8 + 4;
constexpr uint64_t kInline = UINT64_MAX;
constexpr uint64_t kLost = UINT64_MAX - 1;
constexpr size_t kPageEntryBytes = kQueuePageEntries * sizeof(QueueEntry);
// Indexes stay far from where arithmetic wraps: 2^60 entries are more than a broker sees in a thousand years.
constexpr uint64_t kIndexMax = uint64_t{1} << 60;

template <typename T>
void put(std::vector<std::byte>& out, T value) {
  const size_t at = out.size();
  out.resize(at + sizeof value);
  core::store_le(out.data() + at, value);
}

void put_entries(std::vector<std::byte>& out, const QueueEntry* entries, size_t count) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(entries);
  out.insert(out.end(), bytes, bytes + count * sizeof(QueueEntry));
}

template <typename T>
T take(core::Bytes& in) {
  const T value = core::load_le<T>(in.data());
  in = in.subspan(sizeof value);
  return value;
}

// Null where the page is not in memory, or a file has it.
const QueuePage* page_to_inline(PageSlot slot) {
  if (slot.kind() == PageSlot::Kind::kMemory) return slot.page();
  // A write under way may still fail.
  if (slot.kind() == PageSlot::Kind::kFrame && slot.frame()->use == PageFrame::Use::kWriting) {
    return slot.frame()->page.get();
  }
  return nullptr;
}

std::unexpected<core::Error> damaged(const char* what) {
  return core::failure(std::string("consume queue in a checkpoint: ") + what);
}

}  // namespace

void ConsumeQueue::serialize(std::vector<std::byte>& out) const {
  const size_t pages = pages_ == nullptr ? 0 : pages_->count();
  // Without pages the image starts at begin: what was trimmed before it in the tail is of no use.
  const QueueIndex tail_begin = pages == 0 ? std::max(begin_, tail_first_) : tail_first_;
  const QueueIndex first = pages == 0 ? tail_begin : pages_->first;
  put(out, kVersion);
  put(out, id_);
  put(out, begin_.value());
  put(out, end_.value());
  put(out, first.value());
  put(out, static_cast<uint32_t>(pages));
  for (size_t i = 0; i < pages; ++i) {
    const PageSlot slot = pages_->slots[pages_->head + i];
    if (page_to_inline(slot) != nullptr) {
      put(out, kInline);
    } else if (slot.kind() == PageSlot::Kind::kDamaged) {
      put(out, kLost);
    } else {
      put(out, slot.kind() == PageSlot::Kind::kFrame ? slot.frame()->address : slot.address());
    }
  }
  for (size_t i = 0; i < pages; ++i) {
    const QueuePage* const page = page_to_inline(pages_->slots[pages_->head + i]);
    if (page != nullptr) put_entries(out, page->entries, kQueuePageEntries);
  }
  put_entries(out, next_ - (end_ - tail_begin), end_ - tail_begin);
}

core::Result<std::unique_ptr<ConsumeQueue>> ConsumeQueue::deserialize(core::Bytes& in, QueueFile* file) {
  if (in.size() < kFixedBytes) return damaged("cut short");
  const auto version = take<uint8_t>(in);
  if (version != kVersion) return damaged("unknown version");
  auto queue = std::make_unique<ConsumeQueue>(take<uint64_t>(in), file);
  const auto begin = take<uint64_t>(in);
  const auto end = take<uint64_t>(in);
  const auto first = take<uint64_t>(in);
  const auto pages = take<uint32_t>(in);
  if (begin > end || end > kIndexMax || first > begin) return damaged("its indexes are not in order");
  if (pages > in.size() / sizeof(uint64_t)) return damaged("cut short");
  const uint64_t page_entries = uint64_t{pages} * kQueuePageEntries;
  if (end - first < page_entries || end - first - page_entries > kQueuePageEntries) {
    return damaged("its pages do not fit its indexes");
  }
  if (begin - first >= (pages == 0 ? 1 : kQueuePageEntries)) return damaged("it begins with pages that nobody needs");
  queue->begin_ = QueueIndex(begin);
  queue->end_ = queue->tail_first_ = QueueIndex(first);
  RETURN_IF_ERROR(read_pages(in, *queue, pages));
  if (!queue->read_entries(in, end - first - page_entries)) return damaged("cut short");
  return queue;
}

core::Status ConsumeQueue::read_pages(core::Bytes& in, ConsumeQueue& queue, uint32_t count) {
  core::Bytes places = in.first(count * sizeof(uint64_t));
  in = in.subspan(places.size());
  if (count == 0) return {};
  auto pages = std::make_unique<PageDirectory>(queue.id_, queue.tail_first_);
  queue.pages_ = std::move(pages);
  uint64_t previous = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const auto place = take<uint64_t>(places);
    const QueueIndex first = queue.pages_->first_of(i);
    if (place == kLost) {
      queue.pages_->slots.push_back(PageSlot::damaged());
    } else if (place != kInline) {
      if (queue.store_ == nullptr || place >= queue.store_->next_address()) {
        return damaged("a page lies where no page was written");
      }
      // A page before it that is still in memory will get a larger address.
      if (place < previous || queue.pages_->memory_count > 0) queue.pages_->addresses_ordered = false;
      previous = place;
      queue.pages_->slots.push_back(PageSlot::disk(place));
    } else {
      if (in.size() < kPageEntryBytes) return damaged("cut short");
      auto* const page = new QueuePage{.checksum = 0,
                                       .queue = queue.id_,
                                       .first_index = first.value(),
                                       .count = kQueuePageEntries,
                                       .magic = kQueuePageMagic,
                                       .entries = {}};
      std::memcpy(static_cast<void*>(page->entries), in.data(), kPageEntryBytes);
      in = in.subspan(kPageEntryBytes);
      queue.pages_->slots.push_back(PageSlot::memory(page));
      if (queue.store_ != nullptr) queue.store_->add_resident(*queue.pages_, 1);
    }
  }
  if (queue.store_ != nullptr && queue.pages_->memory_count > 0) queue.store_->starve(*queue.pages_);
  queue.end_ = queue.tail_first_ = queue.pages_->first_of(count);
  return {};
}

bool ConsumeQueue::read_entries(core::Bytes& in, size_t count) {
  if (in.size() / sizeof(QueueEntry) < count) return false;
  for (size_t i = 0; i < count; ++i) {
    QueueEntry entry;
    std::memcpy(static_cast<void*>(&entry), in.data() + i * sizeof entry, sizeof entry);
    append(entry);
  }
  in = in.subspan(count * sizeof(QueueEntry));
  return true;
}

}  // namespace penstock::log
