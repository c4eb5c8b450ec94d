#include "tls/tls_codec.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/check.h"
#include "tls/codec_bio.h"
#include "tls/tls_failure.h"

namespace penstock::tls {
namespace {

using core::StreamState;

constexpr size_t kRecordBytesMax = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr size_t kCountMax = 1u << 20;       // of records in one send(), for the count of them
constexpr size_t kWriteBytesMax = 1u << 30;  // the library takes an int

// One for all connections of a thread: what it holds is dead when `up` has taken it.
core::MutableBytes scratch() {
  // Aligned as whatever the linker puts behind it: mold 1.10 lets the read-only part of a program (RELRO) begin here,
  // and where that is in another page than what follows, the program cannot be loaded ("cannot apply additional memory
  // protection after relocation").
  alignas(64) static thread_local std::array<std::byte, kRecordBytesMax> buffer;
  return buffer;
}

}  // namespace

// What the library reads and writes during one call. Calls may lie in each other: `up` of one may lead to send().
class TlsCodec::Transfer {
 public:
  Transfer(TlsCodec& codec, core::Bytes input, core::ByteSink& down)
      : codec_(codec), outer_down_(std::exchange(codec.down_, &down)) {
    if (!input.empty()) codec.input_ = input;
  }
  ~Transfer() { codec_.down_ = outer_down_; }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

 private:
  TlsCodec& codec_;
  core::ByteSink* outer_down_;
};

TlsCodec::TlsCodec(SSL_CTX* context, Side side, uint32_t records_per_key_max)
    : ssl_(SSL_new(context)), records_per_key_max_(records_per_key_max) {
  CHECK(ssl_ != nullptr);
  // What is only needed for a handshake goes when it is done.
  SSL_set_shed_handshake_config(ssl(), 1);
  if (side == Side::kServer) {
    SSL_set_accept_state(ssl());
  } else {
    SSL_set_connect_state(ssl());
  }
  BIO* bio = make_codec_bio(*this).release();
  SSL_set_bio(ssl(), bio, bio);
}

TlsCodec::~TlsCodec() = default;

TlsCodec& TlsCodec::of(const SSL* ssl) {
  return codec_behind(SSL_get_rbio(ssl));
}

StreamState TlsCodec::received(core::Bytes bytes, core::ByteSink& up, core::ByteSink& down) {
  CHECK(state_ == StreamState::kOpening || state_ == StreamState::kOpen);
  // Whoever gave the handshake up waits for the end of the connection only.
  if (bytes.empty() || (is_finished_ && is_handshaking())) return state_;
  if (!std::exchange(has_begun_, true) && !begins_like_tls(bytes)) {
    // An alert would be no word of a language that this peer speaks.
    failure_ = not_tls_failure(bytes);
    return state_ = StreamState::kFailed;
  }
  const Transfer transfer(*this, bytes, down);
  if (is_handshaking()) advance_handshake(down);
  if (state_ == StreamState::kOpen) read_plaintext(up);
  input_ = {};
  return state_;
}

void TlsCodec::advance_handshake(core::ByteSink& down) {
  const Transfer transfer(*this, {}, down);
  const int result = SSL_do_handshake(ssl());
  if (result != 1) {
    state_ = state_after(result);
    if (state_ != StreamState::kEnded) return;
    failure_ = {kClosedEarly, "the peer said goodbye during the handshake"};
    state_ = StreamState::kFailed;
    return;
  }
  state_ = StreamState::kOpen;
  // The library keeps the tickets of TLS 1.3 until something is written.
  SSL_write(ssl(), "", 0);
  ERR_clear_error();
}

void TlsCodec::read_plaintext(core::ByteSink& up) {
  const core::MutableBytes buffer = scratch();
  for (;;) {
    // Small records of one packet each come in one piece.
    size_t used = 0;
    int result = 1;
    while (used < buffer.size()) {
      result = SSL_read(ssl(), buffer.data() + used, static_cast<int>(buffer.size() - used));
      if (result <= 0) break;
      used += static_cast<size_t>(result);
    }
    // Before `up`, from within which the library may be called again.
    const StreamState next = result > 0 ? StreamState::kOpen : state_after(result);
    if (used > 0) up.take(buffer.first(used));
    if (state_ != StreamState::kOpen) return;
    state_ = next;
    if (result <= 0) return;
  }
}

StreamState TlsCodec::state_after(int result) {
  switch (SSL_get_error(ssl(), result)) {
    case SSL_ERROR_WANT_READ:
      CHECK(input_.empty());
      return state_;
    case SSL_ERROR_ZERO_RETURN:
      return StreamState::kEnded;
    default:
      note_failure();
      return StreamState::kFailed;
  }
}

void TlsCodec::note_failure() {
  core::StreamFailure failure = take_failure();
  // A callback that refused the peer knows better, and the first failure is the cause of the next one.
  if (failure_.reason[0] == '\0') failure_ = std::move(failure);
}

StreamState TlsCodec::send(core::Bytes bytes, core::ByteSink& down) {
  CHECK(state_ == StreamState::kOpen);
  CHECK(!is_finished_);
  if (records_of_key_ >= records_per_key_max_) update_keys(true, down);
  records_of_key_ += static_cast<uint32_t>(std::min((bytes.size() + kRecordBytesMax - 1) / kRecordBytesMax, kCountMax));
  const Transfer transfer(*this, {}, down);
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size(), kWriteBytesMax);
    const int result = SSL_write(ssl(), bytes.data(), static_cast<int>(count));
    if (result <= 0) {
      note_failure();
      return state_ = StreamState::kFailed;
    }
    bytes = bytes.subspan(static_cast<size_t>(result));
  }
  return state_;
}

void TlsCodec::update_keys(bool of_peer, core::ByteSink& down) {
  CHECK(state_ == StreamState::kOpen);
  records_of_key_ = 0;
  if (SSL_version(ssl()) < TLS1_3_VERSION) return;
  const Transfer transfer(*this, {}, down);
  SSL_key_update(ssl(), of_peer ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
  SSL_write(ssl(), "", 0);  // sends it
  ERR_clear_error();
}

void TlsCodec::finish(core::ByteSink& down) {
  CHECK(state_ != StreamState::kFailed);
  if (std::exchange(is_finished_, true)) return;
  const Transfer transfer(*this, {}, down);
  if (!is_handshaking()) {
    SSL_shutdown(ssl());
  } else if (has_begun_) {
    SSL_send_fatal_alert(ssl(), SSL_AD_USER_CANCELLED);
  }
  ERR_clear_error();
}

std::optional<PeerIdentity> TlsCodec::peer_identity() const {
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(ssl());
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) return {};
  return identity_of(sk_CRYPTO_BUFFER_value(chain, 0));
}

bool TlsCodec::is_resumed() const {
  return SSL_session_reused(ssl()) == 1;
}

std::string_view TlsCodec::application_protocol() const {
  const uint8_t* protocol = nullptr;
  unsigned bytes = 0;
  SSL_get0_alpn_selected(ssl(), &protocol, &bytes);
  return {reinterpret_cast<const char*>(protocol), bytes};
}

std::string_view TlsCodec::server_name() const {
  const char* name = SSL_get_servername(ssl(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string_view() : std::string_view(name);
}

const char* TlsCodec::version() const {
  return SSL_get_version(ssl());
}

const char* TlsCodec::cipher() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl());
  return cipher == nullptr ? "" : SSL_CIPHER_standard_name(cipher);
}

}  // namespace penstock::tls
