#include "tls/server_context.h"

#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/sha.h>

#include <utility>

#include "core/check.h"
#include "tls/peer_identity.h"
#include "tls/pem_file.h"
#include "tls/server_codec.h"
#include "tls/x509_text.h"

namespace penstock::tls {
namespace {

// RFC 9325, 4.2: forward secrecy and authenticated encryption only. Among them the client's order counts: whoever has
// no AES in hardware puts ChaCha20 first. The suites of TLS 1.3 are not chosen here.
constexpr char kTls12Suites[] =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-AES256-GCM-SHA384|ECDHE-ECDSA-CHACHA20-POLY1305]:"
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-AES256-GCM-SHA384|ECDHE-RSA-CHACHA20-POLY1305]";

// A client sends its chain before we know who it is: no more than this is taken.
constexpr size_t kClientChainBytesMax = 32u << 10;

constexpr uint32_t kSessionSecondsMax = 24 * 3600;
// Clients come back one connection at a time.
constexpr size_t kTicketsPerHandshake = 1;

// What a session that is resumed must agree with: whoever was let in under other rules has to show itself again.
std::array<uint8_t, SHA256_DIGEST_LENGTH> rules_digest(const ServerSettings& settings, const ChainVerifier* verifier) {
  SHA256_CTX context;
  SHA256_Init(&context);
  const uint8_t rules[] = {static_cast<uint8_t>(settings.client_certificate), static_cast<uint8_t>(settings.protocol)};
  SHA256_Update(&context, rules, sizeof rules);
  if (verifier != nullptr) SHA256_Update(&context, verifier->digest().data(), verifier->digest().size());
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256_Final(digest.data(), &context);
  return digest;
}

core::Status check_dates(const std::string& file, const X509* certificate, int64_t now_s) {
  if (unix_seconds(X509_get0_notAfter(certificate)) <= now_s) {
    return core::failure(file + ": the certificate has expired");
  }
  if (unix_seconds(X509_get0_notBefore(certificate)) > now_s) {
    return core::failure(file + ": the certificate is not valid yet");
  }
  return {};
}

std::vector<std::string> lower_case_names(const X509* certificate) {
  std::vector<std::string> names = dns_names_of(certificate);
  for (std::string& name : names) {
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return names;
}

}  // namespace

ServerContext::ServerContext(std::shared_ptr<const TicketKeys> tickets, core::Clock& clock)
    : tickets_(std::move(tickets)), clock_(&clock) {
  CHECK(tickets_ != nullptr);
}

core::Result<std::shared_ptr<const ServerContext>> ServerContext::load(const ServerSettings& settings,
                                                                       std::shared_ptr<const TicketKeys> tickets,
                                                                       core::Clock& clock) {
  if (settings.key_pairs.empty()) return core::failure("a TLS listener needs a certificate and a key");
  std::shared_ptr<ServerContext> context(new ServerContext(std::move(tickets), clock));
  context->records_per_key_max_ = settings.records_per_key_max;
  context->only_tls13_ = settings.version_min == TlsVersion::kTls13;
  RETURN_IF_ERROR(context->load_trust(settings));
  for (const KeyPairFiles& files : settings.key_pairs) RETURN_IF_ERROR(context->add_key_pair(files, settings));
  return context;
}

core::Status ServerContext::load_trust(const ServerSettings& settings) {
  if (settings.client_certificate == ClientCertificate::kNone) return {};
  if (settings.trust.ca_files.empty()) {
    return core::failure("a TLS listener that asks for certificates of clients needs an authority to check them with");
  }
  ASSIGN_OR_RETURN(verifier_,
                   ChainVerifier::load(settings.trust, ChainVerifier::Peer::kClient, *clock_, certificates_));
  return {};
}

core::Status ServerContext::add_key_pair(const KeyPairFiles& files, const ServerSettings& settings) {
  ASSIGN_OR_RETURN(const auto chain, load_certificates(files.certificate));
  X509* leaf = chain.front().get();
  RETURN_IF_ERROR(check_dates(files.certificate, leaf, now_s()));
  ASSIGN_OR_RETURN(const auto key, load_private_key(files.key));
  const std::optional<KeyKind> kind = kind_of(key.get());
  if (!kind) {
    return core::failure(files.key +
                         ": the key is of no kind that TLS clients can be expected to take; use EC (P-256, " +
                         "P-384, P-521) or RSA of at least 2048 bits");
  }
  const bool matches = X509_check_private_key(leaf, key.get()) == 1;
  ERR_clear_error();
  if (!matches) {
    return core::failure(files.key + ": the key does not belong to the first certificate of " + files.certificate);
  }
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> buffers;
  std::vector<CRYPTO_BUFFER*> wire;
  for (const auto& certificate : chain) {
    buffers.push_back(wire_form(certificate.get()));
    wire.push_back(buffers.back().get());
  }
  bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_with_buffers_method()));
  CHECK(context != nullptr);
  set_up(context.get(), settings);
  if (SSL_CTX_set_chain_and_key(context.get(), wire.data(), wire.size(), key.get(), nullptr) != 1) {
    const uint32_t error = ERR_get_error();
    ERR_clear_error();
    const char* reason = ERR_reason_error_string(error);
    return core::failure(files.certificate + ": TLS cannot use it" +
                         (reason == nullptr ? "" : std::string(": ") + reason));
  }
  contexts_.push_back(std::move(context));
  candidates_.push_back({lower_case_names(leaf), *kind});
  certificates_.push_back({CertificateUse::kServer, text_of(X509_get_subject_name(leaf)), files.certificate,
                           unix_seconds(X509_get0_notAfter(leaf))});
  return {};
}

void ServerContext::set_up(SSL_CTX* context, const ServerSettings& settings) const {
  CHECK_EQ(SSL_CTX_set_min_proto_version(context, static_cast<uint16_t>(settings.version_min)), 1);
  CHECK_EQ(SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION), 1);
  CHECK_EQ(SSL_CTX_set_strict_cipher_list(context, kTls12Suites), 1);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_max_cert_list(context, kClientChainBytesMax);
  SSL_CTX_set0_buffer_pool(context, shared_certificates());
  SSL_CTX_set_early_data_enabled(context, 0);
  // Sessions are with the clients, sealed; none are kept here.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, kTicketsPerHandshake);
  SSL_CTX_set_timeout(context, kSessionSecondsMax);
  SSL_CTX_set_session_psk_dhe_timeout(context, kSessionSecondsMax);
  const auto digest = rules_digest(settings, verifier());
  CHECK_EQ(SSL_CTX_set_session_id_context(context, digest.data(), digest.size()), 1);
  ServerCodec::answer_for(context, settings.protocol, settings.client_certificate);
}

SSL_CTX* ServerContext::context_for(const ClientOffer& offer) const {
  return contexts_[choose_certificate(candidates_, offer, only_tls13_)].get();
}

}  // namespace penstock::tls
