#include "broker/transport.h"

#include <vector>

#include "broker/broker_shard.h"
#include "broker/connection.h"
#include "proxy/proxy_codec.h"
#include "tls/tls_codec.h"

namespace penstock::broker {

using core::Bytes;
using core::StreamState;

namespace {

// A block of the connection's. With the header of a frame it still fits into one record of TLS (16 KiB).
constexpr size_t kPieceBytes = OutputBlockPool::kBlockBytes - sizeof(OutputBlock);

class Collected final : public core::ByteSink {
 public:
  void take(Bytes more) override { bytes.insert(bytes.end(), more.begin(), more.end()); }
  std::vector<std::byte> bytes;
};

}  // namespace

// One call's way through the layers. What a layer gives to the one below is collected, and goes down when no call into
// that one is under way any more: received() of TLS holds WebSocket's answer on its stack. It also spares TLS a record
// of its own for the header of a frame. On the stack, and not the shard's: a packet of one connection may close
// another.
class Transport::Pass {
 public:
  explicit Pass(Transport& transport) : transport_(transport), socket_(transport) {}

  core::ByteSink& below(size_t layer) {
    if (layer == 0) return socket_;
    return collected_[layer - 1];
  }

  void up(size_t layer, Bytes bytes) {
    const TransportLayers& layers = transport_.layers_;
    if (layer == layers.count) {
      transport_.connection_->on_received(bytes);
      return;
    }
    if (transport_.state_of(layer) >= StreamState::kEnded) return;  // what follows a goodbye is not for us
    Upward upward(*this, layer + 1);
    layers.codecs[layer]->received(bytes, upward, below(layer));
  }

  // From the Connection to the top layer. What comes to a layer that cannot send is lost with its connection.
  void down(Bytes bytes) { give_to(transport_.layers_.count, bytes); }

  // Everything collected goes down to the socket.
  void lower() {
    for (size_t layer = collected_.size(); layer > 0; --layer) {
      give_to(layer, collected_[layer - 1].bytes);
      collected_[layer - 1].bytes.clear();
    }
  }

 private:
  struct Upward final : core::ByteSink {
    Upward(Pass& its_pass, size_t its_layer) : pass(its_pass), layer(its_layer) {}
    void take(Bytes bytes) override { pass.up(layer, bytes); }
    Pass& pass;
    size_t layer;
  };
  struct Socket final : core::ByteSink {
    explicit Socket(Transport& its_transport) : transport(its_transport) {}
    void take(Bytes bytes) override { transport.output_.append(transport.shard_->output_blocks(), bytes); }
    Transport& transport;
  };

  // By the one above, to the layer below it.
  void give_to(size_t above, Bytes bytes) {
    if (above == 0) return socket_.take(bytes);
    const size_t layer = above - 1;
    if (!bytes.empty() && transport_.state_of(layer) == StreamState::kOpen)
      transport_.layers_.codecs[layer]->send(bytes, below(layer));
  }

  Transport& transport_;
  Socket socket_;
  std::array<Collected, TransportLayers::kCountMax - 1> collected_;  // [n]: by layer n + 1, for layer n
};

void Transport::attach(BrokerShard& shard, Connection& connection) {
  shard_ = &shard;
  connection_ = &connection;
  shard.network().attach(connection.socket(), *this);
}

void Transport::start() {
  flush();
  report_end();
}

bool Transport::is_open() const {
  for (size_t layer = 0; layer < layers_.count; ++layer)
    if (state_of(layer) != StreamState::kOpen) return false;
  return true;
}

void Transport::on_received(Bytes bytes) {
  if (reported_ || goodbye_said_ || closed_) return;
  connection_->note_arrival();
  const bool is_costly = layers_.costly != nullptr && layers_.costly->state() == StreamState::kOpening;
  if (is_held() || (is_costly && !shard_->take_handshake_step()))
    hold(bytes);
  else
    decode(bytes);
}

// The others are not to wait for a storm of handshakes.
void Transport::hold(Bytes bytes) {
  if (!is_held()) shard_->go_on_later(*connection_);
  held_.append(bytes);
  set_pause(kForTime, true);
}

void Transport::go_on() {
  if (goodbye_said_ || closed_) return;
  if (is_held()) {
    const HeldBytes held = std::move(held_);
    decode(held.bytes());
    set_pause(kForTime, false);
    if (peer_ended_) on_ended(peer_error_);  // that waited for what was said before it
  }
  report_end();
}

void Transport::decode(Bytes bytes) {
  Pass pass(*this);
  decoding_ = true;
  pass.up(0, bytes);
  decoding_ = false;
  pass.lower();
  if (layers_.proxy != nullptr && layers_.proxy->state() == StreamState::kOpen) forget_proxy_layer();
  report_end();
  if (goodbye_due_ && !goodbye_said_ && !say_goodbye()) close();
  flush();
  set_pause(kForAnswers, output_.waiting_bytes() >= kAnswerBytesMax);
  try_detach();
}

// To the Connection, which closes then. One that is on its way to another shard is told there.
void Transport::report_end() {
  for (size_t layer = 0; layer < layers_.count && !reported_ && !leaving_; ++layer) {
    const StreamState state = state_of(layer);
    if (state < StreamState::kEnded) continue;
    reported_ = true;
    if (state == StreamState::kFailed)
      connection_->on_layer_failed(layers_.codecs[layer]->failure());
    else
      connection_->on_ended(0);
  }
}

// Has done its work with the header: from now on it would only pass on what comes.
void Transport::forget_proxy_layer() {
  proxied_ = std::make_unique<const proxy::ProxyHeader>(layers_.proxy->header());
  layers_.proxy = nullptr;
  for (size_t layer = 1; layer < layers_.count; ++layer) layers_.codecs[layer - 1] = std::move(layers_.codecs[layer]);
  layers_.codecs[--layers_.count].reset();
}

void Transport::send(std::span<const iovec> buffers) {
  Pass pass(*this);
  for (const iovec& buffer : buffers) {
    Bytes left(static_cast<const std::byte*>(buffer.iov_base), buffer.iov_len);
    while (!left.empty()) {
      const Bytes piece = left.first(std::min(left.size(), kPieceBytes));
      layers_.packets_apart ? send_apart(piece, pass) : pass.down(piece);
      pass.lower();
      left = left.subspan(piece.size());
    }
  }
  sending_ = true;
  flush();
  // The Connection must not be told from within its own call.
  if (!is_open()) shard_->go_on_later(*connection_);
}

void Transport::send_apart(Bytes packets, Pass& pass) {
  while (!packets.empty()) {
    const size_t bytes = border_.take(packets);
    pass.down(packets.first(bytes));
    packets = packets.subspan(bytes);
  }
}

void Transport::flush() {
  if (output_.sending() || output_.waiting_bytes() == 0 || peer_ended_ || closed_ || leaving_) return;
  iovec buffers[OutputBuffer::kSendBlocksMax];
  shard_->network().send(connection_->socket(), output_.begin_send(buffers));
}

void Transport::on_sent() {
  output_.end_send(shard_->output_blocks());
  flush();
  set_pause(kForAnswers, output_.waiting_bytes() >= kAnswerBytesMax);
  try_detach();
  if (!output_.empty() || leaving_) return;
  if (goodbye_said_)
    close();
  else if (std::exchange(sending_, false))
    connection_->on_sent();
}

void Transport::on_ended(int error) {
  peer_ended_ = true;
  peer_error_ = error;
  if (goodbye_said_) close();  // nobody waits for it
  if (reported_ || is_held()) return;
  if (leaving_ && error == 0) return;  // the other shard hears of it, and after all that came before
  connection_->on_ended(error);
}

bool Transport::say_goodbye() {
  if (peer_ended_ || closed_ || leaving_) return false;
  if (decoding_) {
    goodbye_due_ = true;
    return true;
  }
  if (!std::exchange(goodbye_said_, true)) {
    // A layer that has failed has already said what it had to say, and nobody hears those above it any more.
    size_t end = 0;
    while (end < layers_.count && state_of(end) != StreamState::kFailed) ++end;
    Pass pass(*this);
    for (size_t layer = end; layer-- > 0; pass.lower()) layers_.codecs[layer]->finish(pass.below(layer));
    flush();
  }
  return !output_.empty();
}

void Transport::close() {
  if (std::exchange(closed_, true)) return;
  shard_->network().close(connection_->socket());
}

void Transport::on_closed() {
  output_.clear(shard_->output_blocks());
  connection_->on_closed();  // and this is gone
}

void Transport::detach() {
  leaving_ = true;
  set_pause(kForLeaving, true);
  try_detach();
}

// What is not yet sent goes along.
void Transport::try_detach() {
  if (!leaving_ || detaching_ || closed_ || decoding_ || output_.sending()) return;
  detaching_ = true;
  shard_->network().detach(connection_->socket());
}

void Transport::on_detached() {
  Connection& connection = *connection_;
  connection_ = nullptr;
  shard_ = nullptr;
  pauses_ = 0;
  leaving_ = detaching_ = peer_ended_ = false;
  connection.on_detached();  // from here on it may be with the other shard already
}

const core::Endpoint* Transport::peer_address() const {
  const proxy::ProxyHeader* header = proxy_header();
  return header == nullptr || header->source.host.empty() ? nullptr : &header->source;
}

std::optional<tls::PeerIdentity> Transport::peer_identity() const {
  if (layers_.tls == nullptr || layers_.tls->state() != StreamState::kOpen) return std::nullopt;
  return layers_.tls->peer_identity();
}

std::string Transport::peer_certificate_name() const {
  if (const auto identity = peer_identity()) return identity->common_name;
  const proxy::ProxyHeader* header = proxy_header();
  return header == nullptr ? std::string() : header->certificate_name;
}

// Also while the first bytes behind it are handled.
const proxy::ProxyHeader* Transport::proxy_header() const {
  if (layers_.proxy == nullptr) return proxied_.get();
  return layers_.proxy->state() == StreamState::kOpen ? &layers_.proxy->header() : nullptr;
}

void Transport::set_pause(Pause reason, bool paused) {
  const uint8_t before = pauses_;
  pauses_ = static_cast<uint8_t>(paused ? before | reason : before & ~reason);
  if ((before == 0) == (pauses_ == 0) || closed_ || detaching_) return;
  if (pauses_ != 0)
    shard_->network().pause(connection_->socket());
  else
    shard_->network().resume(connection_->socket());
}

}  // namespace penstock::broker
