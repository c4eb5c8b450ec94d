// Fuzz target: what lies on the disk, read as a record, a segment header and a sparse index. None may read out of
// bounds, and a record that counts as valid must have all its views inside itself.
#include <cstdint>
#include <cstdlib>
#include <memory>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "log/record_format.h"
#include "log/segment_format.h"
#include "log/segment_index.h"

using namespace penstock;

namespace {

void check(const std::byte* at, uint64_t bytes) {
  if (log::check_record(at, bytes) != log::RecordCheck::kValid) return;
  const log::RecordView view(at);
  const auto inside = [&](const void* begin, size_t size) {
    const auto* first = static_cast<const std::byte*>(begin);
    if (first < at || first + size > at + bytes) std::abort();
  };
  inside(view.publisher().data(), view.publisher().size());
  inside(view.topic().data(), view.topic().size());
  inside(view.properties().data(), view.properties().size());
  inside(view.payload().data(), view.payload().size());
  inside(view.wire().data(), view.wire().size());
  if (core::load_be16(view.topic_wire().data()) != view.topic().size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of exactly this size on the heap, aligned as records are: ASan sees one byte too far.
  const std::unique_ptr<std::byte[]> copy(new std::byte[size]);
  if (size != 0) std::memcpy(copy.get(), data, size);
  check(copy.get(), size);
  if (size > sizeof(log::RecordHeader)) {
    // With a right checksum, so that what lies behind that gate is reached too.
    const uint64_t bytes = std::min<uint64_t>(core::load_le<uint32_t>(copy.get()), size);
    if (bytes > sizeof(log::RecordHeader)) {
      const uint64_t sum = XXH3_64bits_withSeed(copy.get() + 16, bytes - 16, core::load_le<uint64_t>(copy.get()));
      core::store_le(copy.get() + offsetof(log::RecordHeader, checksum), sum);
      check(copy.get(), size);
    }
  }
  (void)log::decode_segment_header({copy.get(), size});
  if (const auto index = log::SegmentIndex::parse({copy.get(), size}, log::Sequence(1))) {
    (void)index->before_sequence(log::Sequence(7));
    (void)index->before_time(7);
  }
  return 0;
}
