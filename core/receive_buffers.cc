#include "core/receive_buffers.h"

#include <sys/mman.h>

#include <cerrno>

namespace penstock::core {
namespace {

void* map_anonymous(size_t bytes) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? nullptr : at;
}

}  // namespace

Result<std::unique_ptr<ReceiveBuffers>> ReceiveBuffers::create(Ring& ring, Options options) {
  std::unique_ptr<ReceiveBuffers> buffers(new ReceiveBuffers(ring, options));
  buffers->entries_bytes_ = options.count * sizeof(io_uring_buf);
  buffers->memory_bytes_ = size_t{options.count} * options.buffer_bytes;
  buffers->entries_ = static_cast<io_uring_buf_ring*>(map_anonymous(buffers->entries_bytes_));
  buffers->memory_ = static_cast<std::byte*>(map_anonymous(buffers->memory_bytes_));
  if (buffers->entries_ == nullptr || buffers->memory_ == nullptr)
    return system_error(ENOMEM, "mapping receive buffers");

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(buffers->entries_);
  registration.ring_entries = options.count;
  registration.bgid = kGroup;
  const int result = io_uring_register_buf_ring(ring.raw(), &registration, 0);
  if (result < 0) return system_error(-result, "registering receive buffers");
  io_uring_buf_ring_init(buffers->entries_);
  for (uint32_t id = 0; id < options.count; ++id) buffers->recycle(static_cast<uint16_t>(id));
  return buffers;
}

ReceiveBuffers::~ReceiveBuffers() {
  if (entries_ != nullptr) {
    io_uring_unregister_buf_ring(ring_.raw(), kGroup);
    munmap(entries_, entries_bytes_);
  }
  if (memory_ != nullptr) munmap(memory_, memory_bytes_);
}

void ReceiveBuffers::recycle(uint16_t id) {
  io_uring_buf_ring_add(entries_, buffer(id).data(), options_.buffer_bytes, id, io_uring_buf_ring_mask(options_.count),
                        0);
  io_uring_buf_ring_advance(entries_, 1);
}

}  // namespace penstock::core
