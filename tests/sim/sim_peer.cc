#include "tests/sim/sim_peer.h"

#include <algorithm>

#include "core/check.h"

namespace penstock::sim {

SimPeer::SimPeer(SimHub& hub, std::string name, WireOptions wire) : hub_(hub), name_(std::move(name)), wire_(wire) {}

SimPeer::~SimPeer() {
  drop_connection();
}

void SimPeer::drop_connection() {
  self_.reset();
  if (connection_) {
    connection_->peer = nullptr;
    hub_.reset(connection_);
  }
  connection_.reset();
  woken_ = false;
  slow_read_scheduled_ = false;
}

void SimPeer::connect(uint16_t port) {
  drop_connection();
  self_ = std::make_shared<SimPeer*>(this);
  outgoing_.clear();
  received_.clear();
  received_bytes_ = 0;
  finishing_ = finished_ = was_reset_ = false;
  cut_sending_at_ = cut_receiving_at_ = UINT64_MAX;
  state_ = State::kConnecting;
  hub_.connect(*this, port, wire_);
}

void SimPeer::connected(const ConnectionPointer& connection) {
  connection_ = connection;
  connection_->to_broker.cut_at = cut_sending_at_;
  connection_->to_peer.cut_at = cut_receiving_at_;
  state_ = State::kConnected;
  wake();
}

void SimPeer::refused() {
  state_ = State::kRefused;
  if (on_change) on_change();
}

void SimPeer::send(core::Bytes bytes) {
  CHECK(!finishing_);
  outgoing_.append(core::as_text(bytes));
  push();
}

void SimPeer::push() {
  if (!connection_ || finished_) return;
  const size_t taken = connection_->to_broker.put(core::as_bytes(outgoing_));
  outgoing_.erase(0, taken);
  if (finishing_ && outgoing_.empty()) {
    finished_ = true;
    connection_->to_broker.finish();
  }
  hub_.move(connection_, true);
}

void SimPeer::finish() {
  finishing_ = true;
  push();
}

void SimPeer::close() {
  finish();
  read_all();  // what still comes is taken and forgotten by the next connect()
}

void SimPeer::reset() {
  drop_connection();
  state_ = State::kEnded;
}

void SimPeer::vanish() {
  if (connection_) connection_->silent = true;
}

void SimPeer::cut_after_sending(uint64_t bytes) {
  cut_sending_at_ = bytes;
  if (connection_) connection_->to_broker.cut_at = bytes;
}

void SimPeer::cut_after_receiving(uint64_t bytes) {
  cut_receiving_at_ = bytes;
  if (connection_) connection_->to_peer.cut_at = bytes;
}

void SimPeer::read_slowly(size_t bytes, int64_t every_ns) {
  read_bytes_max_ = bytes;
  read_every_ns_ = every_ns;
  schedule_slow_read();
}

void SimPeer::read_all() {
  read_bytes_max_ = SIZE_MAX;
  read_every_ns_ = 0;
  wake();
}

void SimPeer::schedule_slow_read() {
  if (slow_read_scheduled_ || !self_ || read_every_ns_ == 0) return;
  slow_read_scheduled_ = true;
  hub_.world_.after(read_every_ns_, [this, weak = std::weak_ptr(self_)] {
    if (weak.expired()) return;
    slow_read_scheduled_ = false;
    wake();
  });
}

void SimPeer::wake() {
  if (woken_ || !self_) return;
  woken_ = true;
  hub_.world_.within(1'000, 100'000, [this, weak = std::weak_ptr(self_)] {
    if (!weak.expired()) serve();
  });
}

void SimPeer::serve() {
  woken_ = false;
  if (!connection_) return;
  const ConnectionPointer connection = connection_;
  push();
  bool changed = false;
  if (read_bytes_max_ > 0 && !slow_read_scheduled_) {
    const std::string taken = connection->to_peer.take(read_bytes_max_);
    received_ += taken;
    received_bytes_ += taken.size();
    changed = !taken.empty();
    if (changed) hub_.world_.trace("peer received", name_, connection->id.value(), static_cast<int64_t>(taken.size()));
    if (changed && !connection->silent) hub_.tell_broker(connection);  // room for more
    if (connection->to_peer.arrived() > 0) schedule_slow_read();
  }
  if (connection->to_peer.ended()) {
    end();
    changed = true;
  } else if (state_ == State::kConnected && !changed && received_bytes_ == 0) {
    changed = true;  // the connection was made
  }
  if (changed && on_change) on_change();
}

// The broker's end is gone. Ours goes too, as that of a client that has nobody to talk to.
void SimPeer::end() {
  hub_.world_.trace("peer sees the end", name_, connection_->id.value());
  was_reset_ = connection_->to_peer.broken();
  connection_->peer = nullptr;
  connection_->to_broker.finish();
  hub_.move(connection_, true);
  connection_.reset();
  self_.reset();
  state_ = State::kEnded;
}

}  // namespace penstock::sim
