// SimFile: one file of the simulated disk, twice: as the kernel shows it now, and as it lies on the platter. Between
// the two are versions of 512-byte sectors that were written and not yet synced; a crash picks one of them, or the old
// one, for each sector. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/bytes.h"
#include "core/random.h"

namespace penstock::sim {

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kBlockBytes = 4096;  // unit of allocation

// Bytes with holes that read as zeros and take no memory.
class SparseBytes {
 public:
  void read(uint64_t offset, core::MutableBytes into) const;
  void write(uint64_t offset, core::Bytes from);
  void cut(uint64_t size);  // zeros from there on
  SparseBytes copy() const;

 private:
  using Page = std::array<std::byte, kBlockBytes>;
  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages_;
};

// How a crash treats what was not synced.
struct CrashOdds {
  uint64_t keep_of_16 = 8;               // of 16 unsynced sectors so many have reached the disk
  uint32_t torn_sector_per_million = 0;  // a kept sector is half old and half new
};

class SimFile {
 public:
  explicit SimFile(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }  // the current one, for the trace
  void set_path(std::string path) { path_ = std::move(path); }

  uint64_t size() const { return size_; }
  // Fills what lies within the size; the rest of `into` is not touched. Returns the number of bytes.
  uint64_t read(uint64_t offset, core::MutableBytes into) const;
  void write(uint64_t offset, core::Bytes from, bool durable);
  // A write that the crash caught under way: each of its sectors has, or has not, got somewhere.
  void write_in_flight(uint64_t offset, core::Bytes from, core::SeededRandom& random);
  void grow(uint64_t size);

  // What a sync that starts now covers.
  uint64_t sync_point() const { return stamp_; }
  void make_durable(uint64_t sync_point);
  // As Linux does it: the pages are marked clean although they are not on the disk; no later sync writes them.
  void fail_sync(uint64_t sync_point, core::SeededRandom& random);
  void crash(const CrashOdds& odds, core::SeededRandom& random);
  bool dirty() const { return !unsynced_.empty() || !unsynced_sizes_.empty(); }

  // In what is shown and on the disk alike.
  void flip_bit(uint64_t offset, unsigned bit);
  void set_bad(uint64_t offset) { bad_sectors_.emplace(offset / kSectorBytes, true); }
  bool is_bad(uint64_t offset, uint64_t bytes) const;

  // Blocks of the disk that this file holds; allocating takes from `room` (blocks) and stops when it is gone.
  // Returns how many bytes from `offset` on are backed now.
  uint64_t take_blocks(uint64_t offset, uint64_t bytes, uint64_t& room);
  uint64_t blocks() const { return blocks_held_; }

 private:
  using Sector = std::array<std::byte, kSectorBytes>;
  struct Version {
    uint64_t stamp;
    Sector bytes;
  };
  struct Size {
    uint64_t stamp;
    uint64_t bytes;
  };

  void note_version(uint64_t sector);
  void forget_until(uint64_t sync_point, bool keep_durable_old, core::SeededRandom* random);

  std::string path_;
  uint64_t size_ = 0;
  uint64_t durable_size_ = 0;
  SparseBytes shown_;
  SparseBytes durable_;
  uint64_t stamp_ = 0;
  std::map<uint64_t, std::vector<Version>> unsynced_;  // by sector; versions from old to new
  std::vector<Size> unsynced_sizes_;
  std::map<uint64_t, bool> bad_sectors_;
  std::vector<bool> held_;
  uint64_t blocks_held_ = 0;
};

}  // namespace penstock::sim
