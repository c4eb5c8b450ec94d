#include "tls/server_codec.h"

#include <openssl/bytestring.h>

#include <string_view>
#include <utility>

#include "tls/certificate_choice.h"
#include "tls/tls_failure.h"
#include "tls/x509_text.h"

namespace penstock::tls {
namespace {

core::Bytes bytes_of(const uint8_t* data, size_t count) {
  return {reinterpret_cast<const std::byte*>(data), count};
}
core::MutableBytes bytes_of(uint8_t* data, size_t count) {
  return {reinterpret_cast<std::byte*>(data), count};
}

// The name of a protocol as ALPN has it, with static lifetime.
std::string_view alpn_name(UpperProtocol protocol) {
  return protocol == UpperProtocol::kMqtt ? "mqtt" : "http/1.1";
}

}  // namespace

struct ServerCodec::Callbacks {
  static ServerCodec& codec_of(const SSL* ssl) { return static_cast<ServerCodec&>(of(ssl)); }

  static ssl_select_cert_result_t select_certificate(const SSL_CLIENT_HELLO* hello) {
    const char* name = SSL_get_servername(hello->ssl, TLSEXT_NAMETYPE_host_name);
    const ClientOffer offer = offer_of(*hello, name == nullptr ? std::string_view() : name);
    SSL_set_SSL_CTX(hello->ssl, codec_of(hello->ssl).context_->context_for(offer));
    return ssl_select_cert_success;
  }

  template <UpperProtocol protocol>
  static int select_protocol(SSL* ssl, const uint8_t** out, uint8_t* out_bytes, const uint8_t* in, unsigned in_bytes,
                             void*) {
    constexpr size_t kOfferedTextMax = 100;
    const std::string_view wanted = alpn_name(protocol);
    CBS list, name;
    CBS_init(&list, in, in_bytes);
    std::string offered;
    while (CBS_get_u8_length_prefixed(&list, &name)) {
      const std::string_view text(reinterpret_cast<const char*>(CBS_data(&name)), CBS_len(&name));
      if (text == wanted) {
        *out = CBS_data(&name);
        *out_bytes = static_cast<uint8_t>(CBS_len(&name));
        return SSL_TLSEXT_ERR_OK;
      }
      if (offered.size() < kOfferedTextMax) offered.append(offered.empty() ? "" : ", ").append(text);
    }
    codec_of(ssl).set_failure({kNoApplicationProtocol, "the client offers " + printable(offered, kOfferedTextMax) +
                                                           " and not " + std::string(wanted)});
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  static ssl_verify_result_t verify_client(SSL* ssl, uint8_t* out_alert) {
    ServerCodec& codec = codec_of(ssl);
    const Verdict verdict = codec.context_->verifier()->verify(SSL_get0_peer_certificates(ssl));
    if (verdict.error != X509_V_OK) {
      codec.set_failure(verification_failure(verdict.error, verdict.subject));
      *out_alert = alert_of_verification(verdict.error);
      return ssl_verify_invalid;
    }
    codec.session_valid_until_s_ = verdict.valid_until_s;
    return ssl_verify_ok;
  }

  static size_t ticket_overhead(SSL*) { return TicketKeys::kOverheadBytes; }

  static int seal_ticket(SSL* ssl, uint8_t* out, size_t* out_bytes, size_t out_bytes_max, const uint8_t* in,
                         size_t in_bytes) {
    const ServerCodec& codec = codec_of(ssl);
    *out_bytes = codec.context_->tickets().seal(bytes_of(in, in_bytes), codec.session_valid_until_s_,
                                                bytes_of(out, out_bytes_max));
    return 1;
  }

  static ssl_ticket_aead_result_t open_ticket(SSL* ssl, uint8_t* out, size_t* out_bytes, size_t out_bytes_max,
                                              const uint8_t* in, size_t in_bytes) {
    ServerCodec& codec = codec_of(ssl);
    const auto opened = codec.context_->tickets().open(bytes_of(in, in_bytes), bytes_of(out, out_bytes_max));
    // Of a ticket that is no good, the client gets a full handshake.
    if (!opened || opened->valid_until_s <= codec.context_->now_s()) return ssl_ticket_aead_ignore_ticket;
    codec.session_valid_until_s_ = opened->valid_until_s;
    *out_bytes = opened->session_bytes;
    return ssl_ticket_aead_success;
  }
};

ServerCodec::ServerCodec(std::shared_ptr<const ServerContext> context)
    : TlsCodec(context->standard(), Side::kServer, context->records_per_key_max()), context_(std::move(context)) {}

void ServerCodec::answer_for(SSL_CTX* context, UpperProtocol protocol, ClientCertificate client_certificate) {
  static constexpr SSL_TICKET_AEAD_METHOD kTickets = {Callbacks::ticket_overhead, Callbacks::seal_ticket,
                                                      Callbacks::open_ticket};
  SSL_CTX_set_select_certificate_cb(context, Callbacks::select_certificate);
  SSL_CTX_set_alpn_select_cb(context,
                             protocol == UpperProtocol::kMqtt ? Callbacks::select_protocol<UpperProtocol::kMqtt>
                                                              : Callbacks::select_protocol<UpperProtocol::kHttp>,
                             nullptr);
  SSL_CTX_set_ticket_aead_method(context, &kTickets);
  if (client_certificate == ClientCertificate::kNone) return;
  const int mode = client_certificate == ClientCertificate::kRequired
                       ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                       : SSL_VERIFY_PEER;
  SSL_CTX_set_custom_verify(context, mode, Callbacks::verify_client);
}

}  // namespace penstock::tls
