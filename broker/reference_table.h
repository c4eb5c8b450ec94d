// ReferenceTable: an open-addressing table of 32-bit references (indexes into somebody's array) under 32-bit hashes. It
// holds no keys: the caller compares through the reference. 8 bytes an entry. Split into parts that grow and shrink on
// their own, so that no single insert moves a table of a million. Linear probing, erasing shifts back: no tombstones.
// The hashes must be seeded, as peers choose what is hashed. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace penstock::broker {

class ReferenceTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;  // never a reference

  // The reference under `hash` for which `is_it(reference)` holds, or kNone.
  template <typename IsIt>
  uint32_t find(uint32_t hash, IsIt&& is_it) const {
    const Part& part = part_of(hash);
    if (part.count == 0) return kNone;
    for (uint32_t i = hash & part.mask;; i = (i + 1) & part.mask) {
      const Entry& entry = part.entries[i];
      if (entry.reference == kNone) return kNone;
      if (entry.hash == hash && is_it(entry.reference)) return entry.reference;
    }
  }

  // The caller has made sure that the key is not there.
  void insert(uint32_t hash, uint32_t reference);
  // It is there.
  void erase(uint32_t hash, uint32_t reference);
  void replace(uint32_t hash, uint32_t reference, uint32_t replacement);

  size_t size() const;
  size_t memory_bytes() const;

 private:
  struct Entry {
    uint32_t hash = 0;
    uint32_t reference = kNone;
  };
  struct Part {
    std::unique_ptr<Entry[]> entries;
    uint32_t mask = 0;
    uint32_t count = 0;
  };
  static constexpr int kPartBits = 6;
  static constexpr uint32_t kPartEntriesMin = 8;

  const Part& part_of(uint32_t hash) const { return parts_[hash >> (32 - kPartBits)]; }
  Part& part_of(uint32_t hash) { return parts_[hash >> (32 - kPartBits)]; }
  static uint32_t place_of(const Part& part, uint32_t hash, uint32_t reference);
  static void put(Part& part, Entry entry);
  static void resize(Part& part, uint32_t entries);

  std::array<Part, 1 << kPartBits> parts_;
};

}  // namespace penstock::broker
