// What a Connection asks of its socket: of the network, or of the Transport that stands in between.
#include "broker/broker_shard.h"
#include "broker/connection.h"
#include "tls/peer_identity.h"

namespace penstock::broker {

// A stream of bytes that loses nothing and keeps the order: TCP, perhaps with layers in it. [MQTT5-4.2.0-1]
void Connection::attach() {
  if (transport_ == nullptr)
    shard_.network().attach(socket_, *this);
  else
    transport_->attach(shard_, *this);
}

void Connection::pause_receiving() {
  if (receive_paused_) return;
  receive_paused_ = true;
  if (transport_ == nullptr)
    shard_.network().pause(socket_);
  else
    transport_->pause();
}

void Connection::resume_receiving() {
  receive_paused_ = false;
  if (transport_ == nullptr)
    shard_.network().resume(socket_);
  else
    transport_->resume();
}

void Connection::send_through_transport() {
  iovec buffers[OutputBuffer::kSendBlocksMax];
  transport_->send(output_.begin_send(buffers));
  output_.end_send(shard_.output_blocks());  // it has its own copy
}

void Connection::close_socket() {
  shard_.timers().stop(*this);
  if (transport_ == nullptr)
    shard_.network().close(socket_);
  else
    transport_->close();
}

core::Endpoint Connection::peer_address() const {
  const core::Endpoint* told = transport_ == nullptr ? nullptr : transport_->peer_address();
  return told != nullptr ? *told : shard_.network().peer_address(socket_);
}

std::optional<tls::PeerIdentity> Connection::peer_identity() const {
  if (transport_ == nullptr) return std::nullopt;
  return transport_->peer_identity();
}

std::string Connection::peer_certificate_name() const {
  return transport_ == nullptr ? std::string() : transport_->peer_certificate_name();
}

void Connection::note_arrival() {
  last_received_ns_ = shard_.now_ns();
}

void Connection::on_layer_failed(const core::StreamFailure& failure) {
  if (state_ == State::kClosing) return;
  shard_.report_layer_failure(*this, failure);
  close(CloseReason::kLayerFailed);
}

}  // namespace penstock::broker
