// TlsCodec: TLS 1.2 and 1.3 between a socket and whoever speaks through it; what a server and a client have in common.
// No byte that passes stays with the connection once it is idle: what comes is decrypted into a buffer of the thread,
// what goes is handed down at once; of a record that has not come whole, the library keeps what is there (16 KiB at
// most).
//
// One caller at a time, on any thread. From within take() of `up`, send() and finish() may be called, but no other
// codec may be given bytes: the buffer is the same one. Renegotiation and early data are off; key updates and other
// records that bring nothing are limited by the library (32 in a row).
#pragma once

#include <openssl/base.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "core/bytes.h"
#include "core/stream_codec.h"
#include "tls/peer_identity.h"

namespace penstock::tls {

// RFC 8446, 5.5: AES-GCM keys are good for 2^24.5 records, which a busy subscriber gets in some hours.
constexpr uint32_t kRecordsPerKeyMax = 1u << 24;

class TlsCodec : public core::StreamCodec {
 public:
  ~TlsCodec() override;
  TlsCodec(const TlsCodec&) = delete;
  TlsCodec& operator=(const TlsCodec&) = delete;

  core::StreamState received(core::Bytes bytes, core::ByteSink& up, core::ByteSink& down) override;
  // Records of up to 16 KiB each.
  core::StreamState send(core::Bytes bytes, core::ByteSink& down) override;
  // close_notify; while the handshake is under way, the alert that it is given up.
  void finish(core::ByteSink& down) override;
  core::StreamState state() const override { return state_; }
  const core::StreamFailure& failure() const override { return failure_; }

  // TLS 1.3: new keys for what is sent from now on; with `of_peer`, the peer is asked for new ones of its own too.
  // send() does it by itself when it is time. In older versions: nothing.
  void update_keys(bool of_peer, core::ByteSink& down);

  // A handshake costs a thousand times what a packet does: whoever drives many gives them a budget.
  bool is_handshaking() const { return state_ == core::StreamState::kOpening; }

  // The rest once state() has been kOpen.

  // Who the peer is, when it has shown a certificate and that was verified, now or when the session that is resumed was
  // made. Made anew at each call, so that nothing of it is kept: ask once.
  std::optional<PeerIdentity> peer_identity() const;
  bool is_resumed() const;
  std::string_view application_protocol() const;  // by ALPN: "mqtt"; empty when the client offered nothing
  std::string_view server_name() const;           // the one that the client asks for; empty when none
  const char* version() const;                    // "TLSv1.3"
  const char* cipher() const;                     // "TLS_AES_128_GCM_SHA256"

 protected:
  enum class Side : uint8_t { kServer, kClient };
  // `records_per_key_max`: after so many, send() takes new keys.
  TlsCodec(SSL_CTX* context, Side side, uint32_t records_per_key_max);

  SSL* ssl() const { return ssl_.get(); }
  // The codec of a connection that the library speaks of in a callback.
  static TlsCodec& of(const SSL* ssl);
  // From within a callback that refuses the peer: why the handshake is about to fail.
  void set_failure(core::StreamFailure failure) { failure_ = std::move(failure); }
  // Goes on with the handshake as far as the bytes at hand allow.
  void advance_handshake(core::ByteSink& down);

 private:
  friend struct CodecBio;
  class Transfer;

  // Decrypts what is there. Gives it up in pieces of up to 16 KiB.
  void read_plaintext(core::ByteSink& up);
  // What a call of the library that has brought nothing means for the connection.
  core::StreamState state_after(int result);
  void note_failure();

  bssl::UniquePtr<SSL> ssl_;
  // During a call only: what is still to be read, and where goes what is written.
  core::Bytes input_;
  core::ByteSink* down_ = nullptr;
  core::StreamFailure failure_;
  uint32_t records_per_key_max_;
  uint32_t records_of_key_ = 0;  // sent with the keys of now; a few are not counted
  core::StreamState state_ = core::StreamState::kOpening;
  bool has_begun_ = false;  // bytes have come
  bool is_finished_ = false;
};

}  // namespace penstock::tls
