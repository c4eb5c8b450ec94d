// The image of a ConsumeQueue in a checkpoint: any bytes either give a queue whose indexes are in order and which can
// be written again, or an error. Pages on disk stay out of it: the queue may only name pages that were written, here
// none.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "log/consume_queue.h"

using penstock::core::Bytes;
using penstock::log::ConsumeQueue;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes in(reinterpret_cast<const std::byte*>(data), size);
  const auto queue = ConsumeQueue::deserialize(in, nullptr);
  if (!queue) return 0;
  if ((*queue)->begin() > (*queue)->end()) std::abort();
  std::vector<std::byte> image;
  (*queue)->serialize(image);
  Bytes again_in(image);
  const auto again = ConsumeQueue::deserialize(again_in, nullptr);
  if (!again || !again_in.empty()) std::abort();
  if ((*again)->begin() != (*queue)->begin() || (*again)->end() != (*queue)->end()) std::abort();
  std::vector<std::byte> image_again;
  (*again)->serialize(image_again);
  if (image != image_again) std::abort();
  return 0;
}
