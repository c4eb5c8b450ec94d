#include "tests/bench/lying_broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "core/check.h"
#include "protocol/encode.h"
#include "protocol/packet_framer.h"

namespace penstock::bench {
namespace {

using protocol::PacketType;

// A lie in each round of this many messages. No divisor of the tests' message counts: never the last one.
constexpr uint64_t kRound = 47;

}  // namespace

LyingBroker::LyingBroker(Lie lie) : lie_(lie) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof address;
  CHECK_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), bytes), 0);
  CHECK_EQ(listen(listener_, 16), 0);
  CHECK_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &bytes), 0);
  port_ = ntohs(address.sin_port);
  stop_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { serve(); });
}

LyingBroker::~LyingBroker() {
  const uint64_t one = 1;
  CHECK_EQ(write(stop_, &one, sizeof one), static_cast<ssize_t>(sizeof one));
  thread_.join();
  for (const Peer& peer : peers_) close(peer.fd);
  close(listener_);
  close(stop_);
}

void LyingBroker::serve() {
  while (true) {
    std::vector<pollfd> waits{{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Peer& peer : peers_) waits.push_back({peer.fd, POLLIN, 0});
    poll(waits.data(), waits.size(), -1);
    if (waits[0].revents != 0) return;
    for (size_t i = waits.size(); i-- > 2;) {
      if (waits[i].revents == 0 || receive(i - 2)) continue;
      if (peers_[i - 2].fd == subscriber_) subscriber_ = -1;
      close(peers_[i - 2].fd);
      peers_.erase(peers_.begin() + static_cast<ptrdiff_t>(i - 2));
    }
    if (waits[1].revents != 0) peers_.push_back({accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), {}});
  }
}

bool LyingBroker::receive(size_t index) {
  Peer& peer = peers_[index];
  std::array<uint8_t, 4096> chunk;
  const ssize_t bytes = recv(peer.fd, chunk.data(), chunk.size(), 0);
  if (bytes <= 0) return false;
  peer.kept.insert(peer.kept.end(), chunk.data(), chunk.data() + bytes);
  size_t at = 0;
  protocol::PacketBytes packet;
  while (protocol::next_packet(std::as_bytes(std::span(peer.kept)).subspan(at), protocol::kPacketBytesMax,
                               protocol::ProtocolVersion::kMqtt311, packet) == protocol::Framing::kPacket) {
    if (packet.type == PacketType::kDisconnect) return false;
    take(index, peer.kept.data() + at, packet.packet_bytes);
    at += packet.packet_bytes;
  }
  peer.kept.erase(peer.kept.begin(), peer.kept.begin() + static_cast<ptrdiff_t>(at));
  return true;
}

void LyingBroker::take(size_t index, const uint8_t* packet, size_t bytes) {
  const int fd = peers_[index].fd;
  const auto type = static_cast<PacketType>(packet[0] >> 4);
  if (type == PacketType::kConnect) {
    const uint8_t connack[] = {0x20, 2, 0, static_cast<uint8_t>(lie_ == Lie::kRefuseConnect ? 5 : 0)};
    return write_all(fd, connack, sizeof connack);
  }
  if (type == PacketType::kSubscribe) {
    subscriber_ = fd;
    const uint8_t suback[] = {0x90, 3, packet[2], packet[3], 1};
    return write_all(fd, suback, sizeof suback);
  }
  if (type != PacketType::kPublish) return;
  const bool lies = lie_ != Lie::kNone && ++publishes_ % kRound == 0;
  lies_told_ += lies;
  const size_t id_at = 4 + (size_t{packet[2]} << 8 | packet[3]);
  const uint8_t puback[] = {0x40, 2, packet[id_at], packet[id_at + 1]};
  if (!lies || lie_ != Lie::kKeepAck) write_all(fd, puback, sizeof puback);
  std::vector<uint8_t> message(packet, packet + bytes);
  if (!lies) {
    forward(message.data(), bytes);
    if (!held_.empty()) forward(held_.data(), held_.size());
    held_.clear();
    return;
  }
  if (lie_ == Lie::kDropOne) return;
  if (lie_ == Lie::kSwapTwo) return held_.swap(message);
  if (lie_ == Lie::kSpoilPayload) message.back() ^= 1;
  if (lie_ == Lie::kCloseOnIt) {
    shutdown(subscriber_, SHUT_RDWR);
    subscriber_ = -1;
  }
  forward(message.data(), bytes);
  if (lie_ == Lie::kRepeatWithDup) message[0] |= 8;
  if (lie_ == Lie::kRepeatOne || lie_ == Lie::kRepeatWithDup) forward(message.data(), bytes);
}

void LyingBroker::forward(const uint8_t* packet, size_t bytes) {
  if (subscriber_ >= 0) write_all(subscriber_, packet, bytes);
}

void LyingBroker::write_all(int fd, const uint8_t* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
}

}  // namespace penstock::bench
