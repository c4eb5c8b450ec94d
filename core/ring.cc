#include "core/ring.h"

#include <cerrno>
#include <string>

#include "core/check.h"
#include "core/clock.h"

namespace penstock::core {
namespace {

// The low bits of user_data tell the kind; pointers are at least 8-aligned.
constexpr uint64_t kKindMask = 7;
constexpr uint64_t kOperation = 0;
constexpr uint64_t kSocket = 1;
constexpr uint64_t kWake = 2;
constexpr uint64_t kUnobserved = 3;

std::unexpected<Error> explain_setup_failure(int error) {
  if (error == EPERM || error == ENOSYS || error == EACCES)
    return std::unexpected(
        Error{error,
              "io_uring is not available here (" + std::string(error == ENOSYS ? "ENOSYS" : "EPERM") +
                  "): allow it with 'sysctl kernel.io_uring_disabled=0', or in a container with a seccomp profile that "
                  "permits io_uring_setup, io_uring_enter and io_uring_register"});
  if (error == EINVAL)
    return std::unexpected(Error{error, "io_uring of this kernel is too old: Penstock needs Linux 6.1 or newer"});
  if (error == ENOMEM)
    return std::unexpected(Error{error, "no memory for io_uring: raise the locked-memory limit (ulimit -l)"});
  return system_error(error, "setting up io_uring");
}

}  // namespace

Result<std::unique_ptr<Ring>> Ring::create(const Options& options) {
  std::unique_ptr<Ring> ring(new Ring());
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
  params.cq_entries = options.completion_entries;
  const int result = io_uring_queue_init_params(options.submission_entries, &ring->ring_, &params);
  if (result < 0) return explain_setup_failure(-result);
  ring->initialised_ = true;
  return ring;
}

Ring::~Ring() {
  if (initialised_) io_uring_queue_exit(&ring_);
}

io_uring_sqe* Ring::next_entry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  while (entry == nullptr) {
    submit();
    entry = io_uring_get_sqe(&ring_);
  }
  return entry;
}

io_uring_sqe* Ring::prepare(RingOperation& operation) {
  io_uring_sqe* entry = next_entry();
  io_uring_sqe_set_data64(entry, reinterpret_cast<uint64_t>(&operation) | kOperation);
  return entry;
}

io_uring_sqe* Ring::prepare_socket(uint64_t detail) {
  io_uring_sqe* entry = next_entry();
  io_uring_sqe_set_data64(entry, detail << 3 | kSocket);
  return entry;
}

io_uring_sqe* Ring::prepare_unobserved() {
  io_uring_sqe* entry = next_entry();
  io_uring_sqe_set_data64(entry, kUnobserved);
  return entry;
}

void Ring::submit() {
  ++enters_;
  const int result = io_uring_submit(&ring_);
  if (result > 0) submissions_ += static_cast<uint64_t>(result);
  // EBUSY and EAGAIN mean that completions must be reaped first; poll() does that.
  if (result < 0) CHECK(result == -EBUSY || result == -EAGAIN || result == -EINTR);
}

void Ring::wait(int64_t timeout_ns) {
  io_uring_cqe* first = nullptr;
  __kernel_timespec timeout{};
  if (timeout_ns > 0) {
    timeout.tv_sec = timeout_ns / kNsPerSecond;
    timeout.tv_nsec = timeout_ns % kNsPerSecond;
  }
  ++enters_;
  submissions_ += io_uring_sq_ready(&ring_);
  // With DEFER_TASKRUN completions are produced only inside the enter call, so it is made even without waiting.
  if (timeout_ns == 0) {
    io_uring_submit_and_get_events(&ring_);
  } else {
    io_uring_submit_and_wait_timeout(&ring_, &first, 1, timeout_ns > 0 ? &timeout : nullptr, nullptr);
  }
}

size_t Ring::dispatch() {
  size_t dispatched = 0;
  // The completions of this turn only: handlers may cause new ones, which belong to the next turn.
  uint32_t ready = io_uring_cq_ready(&ring_);
  while (ready-- > 0) {
    io_uring_cqe* completion = nullptr;
    if (io_uring_peek_cqe(&ring_, &completion) != 0) break;
    const io_uring_cqe copy = *completion;
    io_uring_cqe_seen(&ring_, completion);
    hand_over(copy);
    ++dispatched;
  }
  return dispatched;
}

void Ring::hand_over(const io_uring_cqe& completion) {
  switch (completion.user_data & kKindMask) {
    case kOperation:
      reinterpret_cast<RingOperation*>(completion.user_data)->complete(completion.res, completion.flags);
      return;
    case kSocket:
      CHECK(socket_handler_ != nullptr);
      socket_handler_->on_socket_completion(completion.user_data >> 3, completion.res, completion.flags);
      return;
    case kWake:
    case kUnobserved:
      return;
  }
  CHECK(false);
}

void Ring::wake(int target_fd) {
  io_uring_sqe* entry = prepare_unobserved();
  const uint64_t data = entry->user_data;
  io_uring_prep_msg_ring(entry, target_fd, 0, kWake, 0);
  entry->user_data = data;
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

}  // namespace penstock::core
