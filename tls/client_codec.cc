#include "tls/client_codec.h"

#include <arpa/inet.h>

#include <string>
#include <utility>

#include "core/check.h"
#include "tls/tls_failure.h"

namespace penstock::tls {
namespace {

// RFC 6066, 3: an address is no name to ask for.
bool is_host_name(const std::string& name) {
  uint8_t bytes[16];
  return !name.empty() && inet_pton(AF_INET, name.c_str(), bytes) != 1 && inet_pton(AF_INET6, name.c_str(), bytes) != 1;
}

}  // namespace

struct ClientCodec::Callbacks {
  static ClientCodec& codec_of(const SSL* ssl) { return static_cast<ClientCodec&>(of(ssl)); }

  static ssl_verify_result_t verify_server(SSL* ssl, uint8_t* out_alert) {
    ClientCodec& codec = codec_of(ssl);
    const ChainVerifier* verifier = codec.context_->verifier();
    if (verifier == nullptr) return ssl_verify_ok;
    const Verdict verdict = verifier->verify(SSL_get0_peer_certificates(ssl), codec.context_->server_name());
    if (verdict.error == X509_V_OK) return ssl_verify_ok;
    codec.set_failure(verification_failure(verdict.error, verdict.subject));
    *out_alert = alert_of_verification(verdict.error);
    return ssl_verify_invalid;
  }

  // Returning 1 takes the reference.
  static int keep_session(SSL* ssl, SSL_SESSION* session) {
    codec_of(ssl).session_ = ClientSession(session, SSL_SESSION_free);
    return 1;
  }
};

ClientCodec::ClientCodec(std::shared_ptr<const ClientContext> context, const ClientSession& session)
    : TlsCodec(context->library_context(), Side::kClient, kRecordsPerKeyMax), context_(std::move(context)) {
  if (is_host_name(context_->server_name())) {
    CHECK_EQ(SSL_set_tlsext_host_name(ssl(), context_->server_name().c_str()), 1);
  }
  if (session != nullptr) SSL_set_session(ssl(), session.get());
}

core::StreamState ClientCodec::start(core::ByteSink& down) {
  advance_handshake(down);
  return state();
}

void ClientCodec::answer_for(SSL_CTX* context) {
  SSL_CTX_set_custom_verify(context, SSL_VERIFY_PEER, Callbacks::verify_server);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, Callbacks::keep_session);
}

}  // namespace penstock::tls
