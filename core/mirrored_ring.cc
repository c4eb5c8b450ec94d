#include "core/mirrored_ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <utility>

#include "core/check.h"

namespace penstock::core {
namespace {

// Maps `file` over both halves of the reserved range.
bool map_twice(int file, std::byte* range, uint64_t bytes) {
  for (uint64_t half = 0; half < 2; ++half) {
    void* at = range + half * bytes;
    if (mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != at) return false;
  }
  return true;
}

}  // namespace

Result<MirroredRing> MirroredRing::create(uint64_t bytes) {
  CHECK(std::has_single_bit(bytes));
  const int file = memfd_create("penstock-ring", MFD_CLOEXEC);
  if (file < 0) return system_error(errno, "creating memory for a ring");
  if (ftruncate(file, static_cast<off_t>(bytes)) != 0) {
    const int error = errno;
    ::close(file);
    return system_error(error, "sizing memory for a ring");
  }
  void* range = mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED || !map_twice(file, static_cast<std::byte*>(range), bytes)) {
    const int error = errno;
    if (range != MAP_FAILED) munmap(range, 2 * bytes);
    ::close(file);
    return system_error(error, "mapping memory for a ring");
  }
  ::close(file);  // the mappings keep it
  MirroredRing ring;
  ring.data_ = static_cast<std::byte*>(range);
  ring.bytes_ = bytes;
  return ring;
}

MirroredRing::MirroredRing(MirroredRing&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

MirroredRing& MirroredRing::operator=(MirroredRing&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MirroredRing::~MirroredRing() {
  if (data_ != nullptr) munmap(data_, 2 * bytes_);
}

}  // namespace penstock::core
