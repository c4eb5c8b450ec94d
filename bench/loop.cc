#include "bench/loop.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bench/connection.h"
#include "core/check.h"
#include "core/clock.h"

namespace penstock::bench {

Loop::Loop(size_t packet_bytes_max)
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)), receive_bytes_(std::max(kReceiveBytesMin, 2 * packet_bytes_max)) {
  CHECK(epoll_fd_ >= 0);
  receive_ = std::make_unique_for_overwrite<uint8_t[]>(receive_bytes_);
  answers_ = std::make_unique_for_overwrite<uint8_t[]>(receive_bytes_);
  send_ = std::make_unique_for_overwrite<uint8_t[]>(receive_bytes_);
  refresh_now();
}

Loop::~Loop() {
  close(epoll_fd_);
}

int64_t Loop::refresh_now() {
  return now_ns_ = core::system_clock().monotonic_ns();
}

void Loop::watch(Connection& connection, int fd) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.ptr = &connection}};
  CHECK_EQ(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event), 0);
}

void Loop::want(Connection& connection, int fd, bool readable, bool writable) {
  const uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
  epoll_event event{.events = events, .data = {.ptr = &connection}};
  CHECK_EQ(epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event), 0);
}

void Loop::turn(int64_t timeout_ns) {
  std::array<epoll_event, 512> events;
  const timespec timeout{.tv_sec = timeout_ns / core::kNsPerSecond, .tv_nsec = timeout_ns % core::kNsPerSecond};
  const int count = epoll_pwait2(epoll_fd_, events.data(), events.size(), &timeout, nullptr);
  refresh_now();
  if (count < 0) {
    CHECK_EQ(errno, EINTR);
    return;
  }
  for (int i = 0; i < count; ++i) {
    auto& connection = *static_cast<Connection*>(events[i].data.ptr);
    const uint32_t what = events[i].events;
    if (what & EPOLLOUT) connection.on_writable();
    if (what & (EPOLLIN | EPOLLERR | EPOLLHUP)) connection.on_readable();
  }
}

}  // namespace penstock::bench
