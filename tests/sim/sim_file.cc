#include "tests/sim/sim_file.h"

#include <algorithm>
#include <cstring>

namespace penstock::sim {
namespace {

bool all_zero(core::Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// Calls visit(page or sector, offset within it, offset within the range, bytes) for each unit that the range touches.
template <typename Visit>
void for_each_unit(uint64_t unit_bytes, uint64_t offset, uint64_t bytes, Visit visit) {
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t at = offset + done;
    const uint64_t within = at % unit_bytes;
    const uint64_t part = std::min(unit_bytes - within, bytes - done);
    visit(at / unit_bytes, within, done, part);
    done += part;
  }
}

}  // namespace

void SparseBytes::read(uint64_t offset, core::MutableBytes into) const {
  for_each_unit(kBlockBytes, offset, into.size(), [&](uint64_t page, uint64_t within, uint64_t done, uint64_t part) {
    const auto found = pages_.find(page);
    if (found == pages_.end()) {
      std::memset(into.data() + done, 0, part);
    } else {
      std::memcpy(into.data() + done, found->second->data() + within, part);
    }
  });
}

void SparseBytes::write(uint64_t offset, core::Bytes from) {
  for_each_unit(kBlockBytes, offset, from.size(), [&](uint64_t page, uint64_t within, uint64_t done, uint64_t part) {
    const core::Bytes bytes = from.subspan(done, part);
    auto found = pages_.find(page);
    if (found == pages_.end()) {
      if (all_zero(bytes)) return;
      found = pages_.emplace(page, std::make_unique<Page>()).first;
      found->second->fill(std::byte{0});
    }
    std::memcpy(found->second->data() + within, bytes.data(), part);
  });
}

void SparseBytes::cut(uint64_t size) {
  std::erase_if(pages_, [&](const auto& page) { return page.first * kBlockBytes >= size; });
  const auto last = pages_.find(size / kBlockBytes);
  if (last != pages_.end()) std::fill(last->second->begin() + size % kBlockBytes, last->second->end(), std::byte{0});
}

SparseBytes SparseBytes::copy() const {
  SparseBytes result;
  for (const auto& [number, page] : pages_) result.pages_.emplace(number, std::make_unique<Page>(*page));
  return result;
}

uint64_t SimFile::read(uint64_t offset, core::MutableBytes into) const {
  if (offset >= size_) return 0;
  const uint64_t bytes = std::min<uint64_t>(into.size(), size_ - offset);
  shown_.read(offset, into.first(bytes));
  return bytes;
}

void SimFile::note_version(uint64_t sector) {
  Version version{++stamp_, {}};
  shown_.read(sector * kSectorBytes, version.bytes);
  unsynced_[sector].push_back(version);
}

void SimFile::write(uint64_t offset, core::Bytes from, bool durable) {
  if (from.empty()) return;
  shown_.write(offset, from);
  grow(offset + from.size());
  for_each_unit(kSectorBytes, offset, from.size(), [&](uint64_t sector, uint64_t, uint64_t, uint64_t) {
    if (!durable) return note_version(sector);
    Sector bytes;
    shown_.read(sector * kSectorBytes, bytes);
    bad_sectors_.erase(sector);  // the disk puts another one in its place
    durable_.write(sector * kSectorBytes, bytes);
    unsynced_.erase(sector);
  });
  if (durable) durable_size_ = std::max(durable_size_, offset + from.size());
}

void SimFile::write_in_flight(uint64_t offset, core::Bytes from, core::SeededRandom& random) {
  for_each_unit(kSectorBytes, offset, from.size(), [&](uint64_t sector, uint64_t, uint64_t done, uint64_t part) {
    if (random.chance(1, 2)) return;
    shown_.write(offset + done, from.subspan(done, part));
    note_version(sector);
  });
  grow(offset + from.size());
}

void SimFile::grow(uint64_t size) {
  if (size <= size_) return;
  size_ = size;
  unsynced_sizes_.push_back({++stamp_, size});
}

void SimFile::forget_until(uint64_t sync_point, bool keep_durable_old, core::SeededRandom* random) {
  for (auto it = unsynced_.begin(); it != unsynced_.end();) {
    std::vector<Version>& versions = it->second;
    const auto later = std::find_if(versions.begin(), versions.end(), [&](auto& v) { return v.stamp > sync_point; });
    if (later != versions.begin() && !(keep_durable_old && random->chance(1, 2))) {
      durable_.write(it->first * kSectorBytes, std::prev(later)->bytes);
    }
    versions.erase(versions.begin(), later);
    it = versions.empty() ? unsynced_.erase(it) : std::next(it);
  }
}

void SimFile::make_durable(uint64_t sync_point) {
  forget_until(sync_point, false, nullptr);
  std::erase_if(unsynced_sizes_, [&](const Size& size) {
    if (size.stamp > sync_point) return false;
    durable_size_ = std::max(durable_size_, size.bytes);
    return true;
  });
}

void SimFile::fail_sync(uint64_t sync_point, core::SeededRandom& random) {
  forget_until(sync_point, true, &random);
}

void SimFile::crash(const CrashOdds& odds, core::SeededRandom& random) {
  for (auto& [sector, versions] : unsynced_) {
    if (!random.chance(odds.keep_of_16, 16)) continue;
    const size_t picked = random.chance(1, 2) ? versions.size() - 1 : random.below(versions.size());
    Sector& bytes = versions[picked].bytes;
    if (random.chance(odds.torn_sector_per_million, 1'000'000)) {
      Sector old;
      durable_.read(sector * kSectorBytes, old);
      std::copy_n(old.begin(), random.below(kSectorBytes), bytes.begin());
    }
    durable_.write(sector * kSectorBytes, bytes);
  }
  unsynced_.clear();
  // The size may lag behind the data: what lies beyond it is gone.
  if (!unsynced_sizes_.empty() && random.chance(odds.keep_of_16, 16)) {
    durable_size_ = std::max(durable_size_, unsynced_sizes_[random.below(unsynced_sizes_.size())].bytes);
  }
  unsynced_sizes_.clear();
  size_ = durable_size_;
  durable_.cut(size_);
  shown_ = durable_.copy();
}

void SimFile::flip_bit(uint64_t offset, unsigned bit) {
  for (SparseBytes* bytes : {&shown_, &durable_}) {
    std::byte value;
    bytes->read(offset, {&value, 1});
    value ^= std::byte{1} << (bit % 8);
    bytes->write(offset, {&value, 1});
  }
}

bool SimFile::is_bad(uint64_t offset, uint64_t bytes) const {
  const auto first = bad_sectors_.lower_bound(offset / kSectorBytes);
  return first != bad_sectors_.end() && first->first * kSectorBytes < offset + bytes;
}

uint64_t SimFile::take_blocks(uint64_t offset, uint64_t bytes, uint64_t& room) {
  const uint64_t end = offset + bytes;
  for (uint64_t block = offset / kBlockBytes; block * kBlockBytes < end; ++block) {
    if (block < held_.size() && held_[block]) continue;
    if (room == 0) return block * kBlockBytes > offset ? block * kBlockBytes - offset : 0;
    if (block >= held_.size()) held_.resize(block + 1);
    held_[block] = true;
    ++blocks_held_;
    --room;
  }
  return bytes;
}

}  // namespace penstock::sim
