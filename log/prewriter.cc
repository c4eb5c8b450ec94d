#include "log/prewriter.h"

#include <algorithm>
#include <array>

#include "core/check.h"

namespace penstock::log {
namespace {

alignas(core::kDirectAlignment) const std::array<std::byte, Prewriter::kWriteBytes> zeros{};

}  // namespace

void Prewriter::advance(uint64_t append_end, const Segment& active, const Segment* next) {
  if (busy_ || ahead_bytes_ == 0) return;
  // Group commit may come up from behind: what it will write in its next writes is not worth a zero.
  skip_to(core::align_up(append_end, core::kDirectAlignment));
  if (end_ >= burst_end_) {
    // Bursts with pauses between them: each one costs the commits beside it a journal commit.
    if (end_ >= append_end + ahead_bytes_ / 2) return;
    burst_end_ = append_end + ahead_bytes_;
  }
  const Segment* segment = end_ < active.end ? &active : next;
  if (segment == nullptr || end_ >= segment->end) return;
  if (segment->recycled) {
    skip_to(segment->end);
    return;
  }
  CHECK_GE(end_, segment->begin);
  write_begin_ = end_;
  write_end_ = std::min(end_ + kWriteBytes, segment->end);
  busy_ = true;
  idle_ = false;
  storage_.write(segment->prewrite_file, write_begin_ - segment->begin,
                 core::Bytes(zeros).first(write_end_ - write_begin_), *this);
}

void Prewriter::complete(int32_t result) {
  busy_ = false;
  idle_ = true;
  // A failure costs speed only: the commit that meets the bad place will tell what is wrong with it.
  skip_to(write_end_);
  done_(result);
}

}  // namespace penstock::log
