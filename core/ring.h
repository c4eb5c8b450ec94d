// Ring: one io_uring, the only way in which a shard waits. RingNetwork and RingStorage submit on it; poll() submits
// everything that is prepared, waits, and hands each completion to its owner. Created and used by one thread only
// (SINGLE_ISSUER, DEFER_TASKRUN); only wake() may be called for it from another ring's thread.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>

#include "core/result.h"

namespace penstock::core {

// Owner of completions. It must live until its last completion arrived.
class RingOperation {
 public:
  // `result` and `flags` as in io_uring_cqe.
  virtual void complete(int32_t result, uint32_t flags) = 0;

 protected:
  ~RingOperation() = default;
};

// Receives the completions of kind kSocket; `detail` is what was packed into user_data.
class RingSocketHandler {
 public:
  virtual void on_socket_completion(uint64_t detail, int32_t result, uint32_t flags) = 0;

 protected:
  ~RingSocketHandler() = default;
};

class Ring {
 public:
  struct Options {
    uint32_t submission_entries = 1024;
    uint32_t completion_entries = 16384;
  };

  // Fails with a remedy in the message where io_uring is forbidden or the kernel is older than 6.1.
  static Result<std::unique_ptr<Ring>> create(const Options& options);
  ~Ring();
  Ring(const Ring&) = delete;

  // A submission to fill in; never null (submits what is prepared when the queue is full).
  io_uring_sqe* prepare(RingOperation& operation);
  io_uring_sqe* prepare_socket(uint64_t detail);  // detail < 2^61
  io_uring_sqe* prepare_unobserved();             // no completion unless it fails, and that one is ignored

  void set_socket_handler(RingSocketHandler* handler) { socket_handler_ = handler; }

  // Submits, and waits at most `timeout_ns` for a completion (0: does not wait; < 0: for ever).
  void wait(int64_t timeout_ns);
  // Hands every completion that is there to its owner; returns how many.
  size_t dispatch();
  size_t poll(int64_t timeout_ns) {
    wait(timeout_ns);
    return dispatch();
  }

  // Makes a poll() of the ring `target_fd` return. Completions of wake-ups are dropped there.
  void wake(int target_fd);
  int fd() const { return ring_.ring_fd; }
  io_uring* raw() { return &ring_; }

  uint64_t enters() const { return enters_; }  // io_uring_enter calls, for metrics
  uint64_t submissions() const { return submissions_; }

 private:
  Ring() = default;
  io_uring_sqe* next_entry();
  void submit();
  void hand_over(const io_uring_cqe& completion);

  io_uring ring_{};
  bool initialised_ = false;
  RingSocketHandler* socket_handler_ = nullptr;
  uint64_t enters_ = 0;
  uint64_t submissions_ = 0;
};

}  // namespace penstock::core
