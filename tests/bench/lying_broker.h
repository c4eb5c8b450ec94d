// LyingBroker: a broker for one publisher and one subscriber that spoils what it forwards in one chosen way, to show
// that the generator sees it. One thread of its own, ended by the destructor.
#pragma once

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace penstock::bench {

enum class Lie : uint8_t {
  kNone,
  kDropOne,        // the message of each round is not forwarded, but acknowledged
  kRepeatOne,      // forwarded twice
  kRepeatWithDup,  // forwarded twice, the second time with the DUP flag
  kSwapTwo,        // forwarded after its follower
  kSpoilPayload,   // one bit of its last byte flipped
  kKeepAck,        // not acknowledged
  kCloseOnIt,      // the subscriber's connection is closed instead
  kRefuseConnect,  // CONNACK with "not authorized"
};

class LyingBroker {
 public:
  explicit LyingBroker(Lie lie);
  ~LyingBroker();

  uint16_t port() const { return port_; }
  uint64_t lies_told() const { return lies_told_; }  // after the clients are gone

 private:
  void serve();
  bool receive(size_t index);
  void take(size_t index, const uint8_t* packet, size_t bytes);
  void forward(const uint8_t* packet, size_t bytes);
  void write_all(int fd, const uint8_t* bytes, size_t size);

  struct Peer {
    int fd;
    std::vector<uint8_t> kept;
  };

  const Lie lie_;
  int listener_ = -1;
  int stop_ = -1;  // eventfd
  uint16_t port_ = 0;
  std::vector<Peer> peers_;
  int subscriber_ = -1;
  uint64_t publishes_ = 0;
  uint64_t lies_told_ = 0;
  std::vector<uint8_t> held_;  // kSwapTwo
  std::thread thread_;
};

}  // namespace penstock::bench
