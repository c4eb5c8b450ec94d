#include "core/ring_network.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/check.h"
#include "core/clock.h"

namespace penstock::core {
namespace {

enum class SocketOperation : uint64_t { kReceive = 0, kSend = 1 };

constexpr int kListenBacklog = 4096;
constexpr int64_t kAcceptRetryNs = 100 * kNsPerMs;
// A new connection costs its turn about as much as a hundred messages, and a storm brings thousands at once: the others
// wait for a turn of their own, so that messages do not wait for all of them.
constexpr size_t kAcceptsPerTurn = 16;
constexpr rlim_t kFileDescriptorsMax = 4096;

// Sockets get no number from here on: without the others no file could be opened any more, so whoever connects often
// enough would stop the log.
int socket_numbers_end() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT32_MAX) return INT32_MAX;
  return static_cast<int>(limit.rlim_cur - std::min(limit.rlim_cur / 4, kFileDescriptorsMax));
}

uint64_t detail_of(SocketOperation operation, SocketId id) {
  return static_cast<uint64_t>(id.value()) << 1 | static_cast<uint64_t>(operation);
}

// The user_data that Ring::prepare_socket() gave; needed to cancel.
uint64_t user_data_of(uint64_t detail) {
  return detail << 3 | 1;
}

Endpoint endpoint_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return {text, ntohs(v6.sin6_port)};
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  return {text, ntohs(v4.sin_port)};
}

struct OwnedSocket {
  ~OwnedSocket() {
    if (fd >= 0) ::close(fd);
  }
  int release() { return std::exchange(fd, -1); }
  int fd;
};

}  // namespace

class RingNetwork::Listener final : public RingOperation {
 public:
  Listener(Ring& ring, int fd, AcceptHandler& handler) : ring_(ring), fd_(fd), handler_(handler) { arm(); }
  ~Listener() {
    if (fd_ >= 0) ::close(fd_);
    close_accepted();
  }

  void complete(int32_t result, uint32_t flags) override {
    if ((flags & IORING_CQE_F_MORE) == 0) armed_ = false;
    if (result >= 0) {
      // At once, or those that wait here would take the descriptors of files.
      if (stopped_ || result >= socket_numbers_end_)
        ::close(result);
      else
        accepted_.push_back(result);
      if (!armed_) arm();
      return;
    }
    // Out of descriptors or memory: the listening queue keeps the peers; trying at once again would spin.
    retry_wanted_ = true;
  }

  // True when more of them wait for the next turn.
  bool hand_out() {
    for (size_t i = 0; i < kAcceptsPerTurn && !accepted_.empty(); ++i) {
      const int fd = accepted_.front();
      accepted_.pop_front();
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      handler_.on_accepted(SocketId(fd));
    }
    return !accepted_.empty();
  }

  void maintain(int64_t now_ns) {
    if (armed_ || stopped_ || !retry_wanted_) return;
    if (retry_at_ns_ == 0) retry_at_ns_ = now_ns + kAcceptRetryNs;
    if (now_ns < retry_at_ns_) return;
    retry_at_ns_ = 0;
    retry_wanted_ = false;
    arm();
  }

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    close_accepted();
    ::shutdown(fd_, SHUT_RDWR);
  }

 private:
  void arm() {
    if (stopped_) return;
    armed_ = true;
    io_uring_sqe* entry = ring_.prepare(*this);
    io_uring_prep_multishot_accept(entry, fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  }

  void close_accepted() {
    for (const int fd : accepted_) ::close(fd);
    accepted_.clear();
  }

  Ring& ring_;
  int fd_;
  AcceptHandler& handler_;
  std::deque<int> accepted_;  // descriptors; as many as the process may have at most
  const int socket_numbers_end_ = socket_numbers_end();
  bool armed_ = false;
  bool stopped_ = false;
  bool retry_wanted_ = false;
  int64_t retry_at_ns_ = 0;
};

RingNetwork::RingNetwork(Ring& ring) : ring_(ring) {}

Result<std::unique_ptr<RingNetwork>> RingNetwork::create(Ring& ring, ReceiveBuffers::Options options) {
  std::unique_ptr<RingNetwork> network(new RingNetwork(ring));
  ASSIGN_OR_RETURN(network->buffers_, ReceiveBuffers::create(ring, options));
  ring.set_socket_handler(network.get());
  return network;
}

RingNetwork::~RingNetwork() {
  ring_.set_socket_handler(nullptr);
}

namespace {

// A socket bound to the endpoint.
Result<int> bound_socket(const Endpoint& endpoint, bool share_port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string name = to_string(endpoint);
  const int failed = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (failed != 0) return failure("listening on " + name + ": " + gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> address(found, &freeaddrinfo);

  OwnedSocket socket{::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (socket.fd < 0) return system_error(errno, "opening a socket for", name);
  const int on = 1;
  setsockopt(socket.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (share_port) setsockopt(socket.fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (address->ai_family == AF_INET6) setsockopt(socket.fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(socket.fd, address->ai_addr, address->ai_addrlen) != 0) return system_error(errno, "listening on", name);
  return socket.release();
}

}  // namespace

Status check_not_taken(const Endpoint& endpoint) {
  auto probe = bound_socket(endpoint, false);
  if (!probe.has_value()) return std::unexpected(probe.error());
  ::close(*probe);
  return {};
}

Result<Endpoint> RingNetwork::listen(const Endpoint& endpoint, AcceptHandler& handler) {
  ASSIGN_OR_RETURN(const int fd, bound_socket(endpoint, true));
  OwnedSocket socket{fd};
  if (::listen(socket.fd, kListenBacklog) != 0) return system_error(errno, "listening on", to_string(endpoint));
  sockaddr_storage bound{};
  socklen_t bound_bytes = sizeof bound;
  getsockname(socket.fd, reinterpret_cast<sockaddr*>(&bound), &bound_bytes);
  listeners_.push_back(std::make_unique<Listener>(ring_, socket.release(), handler));
  return endpoint_of(bound);
}

void RingNetwork::stop_listening() {
  for (auto& listener : listeners_) listener->stop();
}

RingNetwork::Socket& RingNetwork::socket_of(SocketId id) {
  CHECK_GE(id.value(), 0);
  if (static_cast<size_t>(id.value()) >= sockets_.size()) sockets_.resize(static_cast<size_t>(id.value()) * 2 + 64);
  return sockets_[static_cast<size_t>(id.value())];
}

void RingNetwork::attach(SocketId id, StreamHandler& handler) {
  Socket& socket = socket_of(id);
  CHECK(socket.handler == nullptr);
  socket = Socket{.handler = &handler, .receive_wanted = true};
  arm_receive(id, socket);
}

void RingNetwork::arm_receive(SocketId id, Socket& socket) {
  socket.receive_armed = true;
  io_uring_sqe* entry = ring_.prepare_socket(detail_of(SocketOperation::kReceive, id));
  io_uring_prep_recv_multishot(entry, id.value(), nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = ReceiveBuffers::kGroup;
}

void RingNetwork::cancel_receive(SocketId id, Socket& socket) {
  if (!socket.receive_armed || socket.cancel_pending) return;
  socket.cancel_pending = true;
  io_uring_prep_cancel64(ring_.prepare_unobserved(), user_data_of(detail_of(SocketOperation::kReceive, id)), 0);
}

void RingNetwork::pause(SocketId id) {
  Socket& socket = socket_of(id);
  socket.receive_wanted = false;
  cancel_receive(id, socket);
}

void RingNetwork::resume(SocketId id) {
  Socket& socket = socket_of(id);
  if (socket.closing || socket.detaching || socket.ended) return;
  socket.receive_wanted = true;
  if (!socket.receive_armed) arm_receive(id, socket);
}

RingNetwork::SendHeader& RingNetwork::next_send_header() {
  if (send_headers_used_ == send_headers_.size()) send_headers_.emplace_back();
  return send_headers_[send_headers_used_++];
}

void RingNetwork::send(SocketId id, std::span<const iovec> buffers) {
  Socket& socket = socket_of(id);
  CHECK(!socket.sending && !socket.closing && !socket.detaching);
  CHECK(!buffers.empty());
  CHECK_LE(buffers.size(), kSendBuffersMax);
  socket.sending = true;
  size_t bytes = 0;
  for (const iovec& buffer : buffers) bytes += buffer.iov_len;
  CHECK_LE(bytes, size_t{INT32_MAX});
  socket.send_bytes = static_cast<uint32_t>(bytes);
  // MSG_WAITALL: the kernel goes on after a short send, so there is one completion per send.
  constexpr int kFlags = MSG_NOSIGNAL | MSG_WAITALL;
  io_uring_sqe* entry = ring_.prepare_socket(detail_of(SocketOperation::kSend, id));
  if (buffers.size() == 1) {
    io_uring_prep_send(entry, id.value(), buffers[0].iov_base, buffers[0].iov_len, kFlags);
    return;
  }
  SendHeader& header = next_send_header();
  std::memcpy(header.buffers, buffers.data(), buffers.size_bytes());
  header.header = msghdr{};
  header.header.msg_iov = header.buffers;
  header.header.msg_iovlen = buffers.size();
  io_uring_prep_sendmsg(entry, id.value(), &header.header, kFlags);
}

PeerState RingNetwork::peer_state(SocketId id) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(id.value(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {.closed = true};
  return {.closed = info.tcpi_state != TCP_ESTABLISHED,
          .last_received_ns = system_clock().monotonic_ns() - info.tcpi_last_data_recv * kNsPerMs};
}

Endpoint RingNetwork::peer_address(SocketId id) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(id.value(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  return endpoint_of(peer);
}

void RingNetwork::close(SocketId id) {
  Socket& socket = socket_of(id);
  CHECK(socket.handler != nullptr);
  if (socket.closing) return;
  socket.closing = true;
  socket.receive_wanted = false;
  // Ends a pending receive and a pending send; their completions then let it settle.
  if (socket.receive_armed || socket.sending) ::shutdown(id.value(), SHUT_RDWR);
  cancel_receive(id, socket);
  defer(id, socket);
}

void RingNetwork::detach(SocketId id) {
  Socket& socket = socket_of(id);
  CHECK(!socket.sending && !socket.closing);
  socket.detaching = true;
  socket.receive_wanted = false;
  cancel_receive(id, socket);
  defer(id, socket);
}

void RingNetwork::defer(SocketId id, Socket& socket) {
  if (socket.deferred) return;
  socket.deferred = true;
  deferred_.push_back(id);
}

void RingNetwork::end(Socket& socket, int error) {
  if (socket.ended || socket.closing || socket.detaching) return;
  socket.ended = true;
  socket.receive_wanted = false;
  socket.handler->on_ended(error);
}

// Gives the socket up when nothing of it is with the kernel any more.
void RingNetwork::settle(SocketId id, Socket& socket) {
  if ((!socket.closing && !socket.detaching) || socket.receive_armed || socket.sending) return;
  StreamHandler* handler = socket.handler;
  const bool closing = socket.closing;
  socket = Socket{};
  if (closing) {
    ::close(id.value());
    handler->on_closed();
  } else {
    handler->on_detached();
  }
}

bool RingNetwork::maintain(int64_t now_ns) {
  // Headers of the last turn: its poll() has handed them to the kernel.
  send_headers_used_ = 0;
  bool called = false;
  settling_.swap(deferred_);
  for (const SocketId id : settling_) {
    Socket& socket = socket_of(id);
    socket.deferred = false;
    called = true;
    settle(id, socket);
  }
  settling_.clear();
  for (auto& listener : listeners_) {
    listener->maintain(now_ns);
    called = listener->hand_out() || called;
  }
  return called || !deferred_.empty();
}

void RingNetwork::on_socket_completion(uint64_t detail, int32_t result, uint32_t flags) {
  const SocketId id(static_cast<int32_t>(detail >> 1));
  if (static_cast<SocketOperation>(detail & 1) == SocketOperation::kSend)
    on_send(id, result);
  else
    on_receive(id, result, flags);
}

void RingNetwork::on_receive(SocketId id, int32_t result, uint32_t flags) {
  if ((flags & IORING_CQE_F_MORE) == 0) {
    Socket& socket = socket_of(id);
    socket.receive_armed = false;
    socket.cancel_pending = false;
  }
  if (result > 0) {
    CHECK((flags & IORING_CQE_F_BUFFER) != 0);
    const uint16_t buffer = static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
    if (!socket_of(id).closing)
      socket_of(id).handler->on_received(buffers_->buffer(buffer).first(static_cast<size_t>(result)));
    buffers_->recycle(buffer);
  } else {
    if ((flags & IORING_CQE_F_BUFFER) != 0) buffers_->recycle(static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT));
    // ENOBUFS: every buffer is on its way to us; ECANCELED: pause, detach or close. Neither is the peer's end.
    if (result != -ENOBUFS && result != -ECANCELED) end(socket_of(id), -result);
  }
  Socket& socket = socket_of(id);
  if (socket.receive_wanted && !socket.receive_armed && !socket.ended) arm_receive(id, socket);
  settle(id, socket);
}

void RingNetwork::on_send(SocketId id, int32_t result) {
  Socket& socket = socket_of(id);
  socket.sending = false;
  if (!socket.closing) {
    if (result == static_cast<int32_t>(socket.send_bytes))
      socket.handler->on_sent();
    else
      end(socket, result < 0 ? -result : EPIPE);
  }
  settle(id, socket_of(id));
}

}  // namespace penstock::core
