// Loop: one thread's epoll with the buffers that all its connections share: one large receive buffer that packets are
// parsed in, and one for the acknowledgements that parsing produces. So an idle connection owns no buffer, and a busy
// one reads and answers thousands of packets with two system calls. Owned and run by one worker thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/random.h"

namespace penstock::bench {

class Connection;

class Loop {
 public:
  // A packet of up to `packet_bytes_max` can be received.
  explicit Loop(size_t packet_bytes_max);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Waits at most `timeout_ns` for something to happen (0: not at all), and serves all that did.
  void turn(int64_t timeout_ns);

  // When the bytes now being parsed were read; else when the last turn woke up.
  int64_t now_ns() const { return now_ns_; }
  int64_t refresh_now();

  void watch(Connection& connection, int fd);
  // Changes what is waited for. With neither, only errors are.
  void want(Connection& connection, int fd, bool readable, bool writable);

  // The receive buffer; a connection puts the bytes that it kept from last time in front.
  std::span<uint8_t> receive_buffer() { return {receive_.get(), receive_bytes_}; }
  size_t receive_bytes() const { return receive_bytes_; }

  // For acknowledgements of one batch of packets. Never longer than what was received: every answer is shorter than
  // the packet it answers.
  uint8_t* answers() { return answers_.get(); }

  // Masks of WebSocket frames. They hide nothing here: nobody runs scripts of strangers.
  core::Random& masks() { return masks_; }

  // For building packets; as large as the receive buffer.
  std::span<uint8_t> send_buffer() { return {send_.get(), receive_bytes_}; }

 private:
  static constexpr size_t kReceiveBytesMin = 256 << 10;

  int epoll_fd_;
  int64_t now_ns_ = 0;
  size_t receive_bytes_;
  std::unique_ptr<uint8_t[]> receive_;
  std::unique_ptr<uint8_t[]> answers_;
  std::unique_ptr<uint8_t[]> send_;
  core::SeededRandom masks_{core::system_random().next_u64()};
};

}  // namespace penstock::bench
