// penstock-relay: the floor that brokers are compared with, and the ceiling that penstock-bench is measured against. It
// takes CONNECT and SUBSCRIBE at their word, and from then on copies whatever bytes a publisher sends, unread, to the
// subscribers of its first topic. QoS 0 only; keeps, checks and orders nothing. Not a broker: loopback only, runs until
// it is killed.
//
//   penstock-relay [PORT]      prints "listening on mqtt://127.0.0.1:PORT"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "protocol/encode.h"
#include "protocol/publish.h"

namespace {

using namespace penstock;
using protocol::PacketType;

constexpr size_t kChunkBytes = 256 << 10;
constexpr size_t kBacklogBytesMax = 4 << 20;  // of a subscriber; above it its publishers are not read

struct Peer;
using Route = std::vector<Peer*>;

struct Peer {
  int fd;
  bool reads = true;
  Route* route = nullptr;     // of a publisher
  std::vector<uint8_t> kept;  // before the route is known
  std::vector<uint8_t> unsent;
};

class Relay {
 public:
  explicit Relay(int listener) : epoll_(epoll_create1(EPOLL_CLOEXEC)), listener_(listener), chunk_(kChunkBytes) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
  }

  void turn() {
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      auto* peer = static_cast<Peer*>(events[i].data.ptr);
      if (peer == nullptr) {
        accept_one();
        continue;
      }
      if (events[i].events & EPOLLOUT) flush(*peer);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(*peer);
    }
    gone_.clear();  // only now: an event of this turn may still have named them
  }

 private:
  void accept_one() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto peer = std::make_unique<Peer>(Peer{.fd = fd});
    epoll_event event{.events = EPOLLIN, .data = {.ptr = peer.get()}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    peers_.emplace(peer.get(), std::move(peer));
  }

  void receive(Peer& peer) {
    if (peer.fd < 0) return;
    const ssize_t bytes = recv(peer.fd, chunk_.data(), chunk_.size(), 0);
    if (bytes < 0 && errno == EAGAIN) return;
    if (bytes <= 0) return drop(peer);
    if (peer.route != nullptr) return forward(peer, chunk_.data(), static_cast<size_t>(bytes));
    peer.kept.insert(peer.kept.end(), chunk_.data(), chunk_.data() + bytes);
    take_packets(peer);
  }

  void take_packets(Peer& peer) {
    size_t at = 0;
    protocol::PacketBytes packet;
    while (peer.fd >= 0 && peer.route == nullptr) {
      const core::Bytes rest = std::as_bytes(std::span(peer.kept)).subspan(at);
      const auto framing =
          protocol::next_packet(rest, protocol::kPacketBytesMax, protocol::ProtocolVersion::kMqtt311, packet);
      if (framing == protocol::Framing::kError) return drop(peer);
      if (framing == protocol::Framing::kNeedMore) break;
      if (packet.type == PacketType::kPublish) {
        const auto publish = protocol::decode_publish(packet);
        if (!publish.has_value()) return drop(peer);
        peer.route = &routes_[std::string(publish->topic.text())];
        break;
      }
      at += packet.packet_bytes;
      take_control(peer, packet);
    }
    if (peer.fd < 0) return;
    if (peer.route != nullptr) forward(peer, peer.kept.data() + at, peer.kept.size() - at);
    peer.kept.erase(peer.kept.begin(),
                    peer.route != nullptr ? peer.kept.end() : peer.kept.begin() + static_cast<ptrdiff_t>(at));
  }

  void take_control(Peer& peer, const protocol::PacketBytes& packet) {
    std::byte answer[16];
    size_t bytes = 0;
    if (packet.type == PacketType::kConnect) {
      bytes = protocol::encode_connack(answer, {});
    } else if (packet.type == PacketType::kPingreq) {
      bytes = protocol::encode_empty(answer, PacketType::kPingresp);
    } else if (packet.type == PacketType::kDisconnect) {
      return drop(peer);
    } else if (packet.type == PacketType::kSubscribe) {
      const auto subscribe = protocol::decode_subscribe(packet);
      if (!subscribe.has_value()) return drop(peer);
      for (const auto& request : subscribe->filters) routes_[std::string(request.filter.text())].push_back(&peer);
      const protocol::ReasonCode code = protocol::ReasonCode::kGrantedAtMostOnce;
      bytes = protocol::encode_suback(answer, subscribe->packet_id, std::span(&code, 1));
    }
    write(peer, reinterpret_cast<const uint8_t*>(answer), bytes);
  }

  void forward(Peer& from, const uint8_t* bytes, size_t size) {
    // A publisher's PINGREQ or DISCONNECT comes alone, when it has nothing to publish; it is not for the subscribers.
    if (size == 2 && bytes[0] == 0xC0 && bytes[1] == 0) return;
    if (size == 2 && bytes[0] == 0xE0 && bytes[1] == 0) return drop(from);
    for (Peer* to : *from.route) {
      write(*to, bytes, size);
      if (to->unsent.size() > kBacklogBytesMax && from.reads) {
        from.reads = false;
        watch(from);
        waiting_.push_back(&from);
      }
    }
  }

  void write(Peer& peer, const uint8_t* bytes, size_t size) {
    if (peer.fd < 0 || size == 0) return;
    ssize_t sent = 0;
    if (peer.unsent.empty()) sent = std::max<ssize_t>(0, send(peer.fd, bytes, size, MSG_NOSIGNAL));
    if (static_cast<size_t>(sent) == size) return;
    const bool first = peer.unsent.empty();
    peer.unsent.insert(peer.unsent.end(), bytes + sent, bytes + size);
    if (first) watch(peer);
  }

  void flush(Peer& peer) {
    if (peer.fd < 0 || peer.unsent.empty()) return;
    const ssize_t sent = send(peer.fd, peer.unsent.data(), peer.unsent.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    peer.unsent.erase(peer.unsent.begin(), peer.unsent.begin() + sent);
    if (!peer.unsent.empty()) return;
    watch(peer);
    for (Peer* publisher : waiting_) {
      publisher->reads = true;
      watch(*publisher);
    }
    waiting_.clear();
  }

  void watch(Peer& peer) {
    if (peer.fd < 0) return;
    const uint32_t events = (peer.reads ? EPOLLIN : 0u) | (peer.unsent.empty() ? 0u : EPOLLOUT);
    epoll_event event{.events = events, .data = {.ptr = &peer}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, peer.fd, &event);
  }

  void drop(Peer& peer) {
    close(peer.fd);
    peer.fd = -1;
    for (auto& [topic, route] : routes_) std::erase(route, &peer);
    std::erase(waiting_, &peer);
    const auto owned = peers_.find(&peer);
    gone_.push_back(std::move(owned->second));
    peers_.erase(owned);
  }

  int epoll_;
  int listener_;
  std::vector<uint8_t> chunk_;
  std::map<Peer*, std::unique_ptr<Peer>> peers_;
  std::map<std::string, Route> routes_;
  std::vector<Peer*> waiting_;
  std::vector<std::unique_ptr<Peer>> gone_;
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0));
  socklen_t bytes = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), bytes) != 0 || listen(listener, 4096) != 0) {
    std::perror("penstock-relay");
    return 1;
  }
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &bytes);
  std::printf("listening on mqtt://127.0.0.1:%u\n", ntohs(address.sin_port));
  std::fflush(stdout);
  for (Relay relay(listener);;) relay.turn();
}
