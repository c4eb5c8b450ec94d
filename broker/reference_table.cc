#include "broker/reference_table.h"

#include <utility>

#include "core/check.h"

namespace penstock::broker {

void ReferenceTable::insert(uint32_t hash, uint32_t reference) {
  Part& part = part_of(hash);
  if (part.entries == nullptr) {
    resize(part, kPartEntriesMin);
  } else if ((part.count + 1) * 4ull > (part.mask + 1ull) * 3) {
    resize(part, (part.mask + 1) * 2);
  }
  put(part, {hash, reference});
  ++part.count;
}

void ReferenceTable::put(Part& part, Entry entry) {
  uint32_t i = entry.hash & part.mask;
  while (part.entries[i].reference != kNone) i = (i + 1) & part.mask;
  part.entries[i] = entry;
}

uint32_t ReferenceTable::place_of(const Part& part, uint32_t hash, uint32_t reference) {
  CHECK_GT(part.count, 0u);
  uint32_t i = hash & part.mask;
  while (part.entries[i].reference != reference) {
    CHECK_NE(part.entries[i].reference, kNone);
    i = (i + 1) & part.mask;
  }
  return i;
}

void ReferenceTable::replace(uint32_t hash, uint32_t reference, uint32_t replacement) {
  Part& part = part_of(hash);
  part.entries[place_of(part, hash, reference)].reference = replacement;
}

void ReferenceTable::erase(uint32_t hash, uint32_t reference) {
  Part& part = part_of(hash);
  uint32_t hole = place_of(part, hash, reference);
  // Moves back every following entry whose own place does not lie behind the hole, so that no probe ends too early.
  for (uint32_t i = (hole + 1) & part.mask; part.entries[i].reference != kNone; i = (i + 1) & part.mask) {
    const uint32_t home = part.entries[i].hash & part.mask;
    if (((i - home) & part.mask) >= ((i - hole) & part.mask)) {
      part.entries[hole] = part.entries[i];
      hole = i;
    }
  }
  part.entries[hole] = Entry{};
  --part.count;
  const uint32_t entries = part.mask + 1;
  if (entries > kPartEntriesMin && part.count * 8ull < entries) resize(part, entries / 2);
}

void ReferenceTable::resize(Part& part, uint32_t entries) {
  Part resized{std::make_unique<Entry[]>(entries), entries - 1, part.count};
  if (part.entries != nullptr) {
    for (uint32_t i = 0; i <= part.mask; ++i) {
      if (part.entries[i].reference != kNone) put(resized, part.entries[i]);
    }
  }
  part = std::move(resized);
}

size_t ReferenceTable::size() const {
  size_t total = 0;
  for (const Part& part : parts_) total += part.count;
  return total;
}

size_t ReferenceTable::memory_bytes() const {
  size_t total = sizeof *this;
  for (const Part& part : parts_) {
    if (part.entries != nullptr) total += (part.mask + size_t{1}) * sizeof(Entry);
  }
  return total;
}

}  // namespace penstock::broker
