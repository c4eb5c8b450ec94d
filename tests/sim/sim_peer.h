// SimPeer: the far end of a connection to the broker, driven by a test: sends bytes, keeps what it receives, and
// behaves as badly as asked: reads slowly or never, cuts at any byte, vanishes without a word. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tests/sim/sim_connection.h"

namespace penstock::sim {

class SimPeer {
 public:
  enum class State : uint8_t { kIdle, kConnecting, kConnected, kEnded, kRefused };

  SimPeer(SimHub& hub, std::string name, WireOptions wire = {});
  ~SimPeer();  // as reset()
  SimPeer(const SimPeer&) = delete;

  const std::string& name() const { return name_; }
  State state() const { return state_; }
  bool connected() const { return state_ == State::kConnected; }
  // Of a connection that the far end ended: by a reset, and not by a FIN behind all that was sent.
  bool was_reset() const { return was_reset_; }

  // From any state; an earlier connection is reset. Bytes of the earlier one are forgotten.
  void connect(uint16_t port);
  // Queued here while the connection is not made or its buffers are full.
  void send(core::Bytes bytes);
  void send(std::string_view bytes) { send(core::as_bytes(bytes)); }
  size_t unsent() const { return outgoing_.size(); }
  // Received and not yet taken.
  const std::string& received() const { return received_; }
  std::string take_received() { return std::exchange(received_, {}); }
  uint64_t received_bytes() const { return received_bytes_; }

  void close();   // sends what is queued, then FIN; takes nothing more
  void finish();  // FIN for our direction only: goes on receiving
  void reset();   // RST, now
  void vanish();  // half-open: not a byte passes any more in either direction, and the broker is not told
  void cut_after_sending(uint64_t bytes);    // the connection breaks when the broker has been given so many bytes of it
  void cut_after_receiving(uint64_t bytes);  // the other direction; both count from the start of the connection

  void stop_reading() { read_bytes_max_ = 0; }
  void read_slowly(size_t bytes, int64_t every_ns);
  void read_all();

  // Called after bytes came, the connection was made, refused or ended. May call anything here but the destructor.
  std::function<void()> on_change;

 private:
  friend class SimHub;
  friend class SimNetwork;
  void connected(const ConnectionPointer& connection);
  void refused();
  void wake();
  void serve();
  void push();
  void end();
  void drop_connection();
  void schedule_slow_read();

  SimHub& hub_;
  std::string name_;
  WireOptions wire_;
  State state_ = State::kIdle;
  std::shared_ptr<SimPeer*> self_;  // of the present connection: a late event of an old one finds it gone
  ConnectionPointer connection_;
  std::string outgoing_;
  std::string received_;
  uint64_t received_bytes_ = 0;
  bool finishing_ = false;
  bool finished_ = false;
  bool woken_ = false;
  bool was_reset_ = false;
  size_t read_bytes_max_ = SIZE_MAX;  // per read
  int64_t read_every_ns_ = 0;
  bool slow_read_scheduled_ = false;
  uint64_t cut_sending_at_ = UINT64_MAX;
  uint64_t cut_receiving_at_ = UINT64_MAX;
};

}  // namespace penstock::sim
