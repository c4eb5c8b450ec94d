#include "tls/client_context.h"

#include <openssl/err.h>
#include <openssl/pool.h>

#include <utility>

#include "core/check.h"
#include "tls/client_codec.h"
#include "tls/pem_file.h"

namespace penstock::tls {
namespace {

constexpr uint16_t kEcAlgorithms[] = {SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_ECDSA_SECP384R1_SHA384};
constexpr uint16_t kRsaAlgorithms[] = {SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_RSA_PKCS1_SHA256};
constexpr char kEcSuites[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305";
constexpr char kRsaSuites[] = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305";

void accept_only(SSL_CTX* context, ClientSettings::Accepts accepts) {
  if (accepts == ClientSettings::Accepts::kAny) return;
  const bool ec = accepts == ClientSettings::Accepts::kEc;
  const std::span<const uint16_t> algorithms = ec ? std::span(kEcAlgorithms) : std::span(kRsaAlgorithms);
  CHECK_EQ(SSL_CTX_set_verify_algorithm_prefs(context, algorithms.data(), algorithms.size()), 1);
  CHECK_EQ(SSL_CTX_set_strict_cipher_list(context, ec ? kEcSuites : kRsaSuites), 1);
}

}  // namespace

ClientContext::ClientContext() : context_(SSL_CTX_new(TLS_with_buffers_method())) {
  CHECK(context_ != nullptr);
}

core::Result<std::shared_ptr<const ClientContext>> ClientContext::load(const ClientSettings& settings,
                                                                       core::Clock& clock) {
  std::shared_ptr<ClientContext> context(new ClientContext());
  context->server_name_ = settings.server_name;
  if (!settings.insecure) {
    if (settings.trust.ca_files.empty()) return core::failure("a TLS client needs an authority to check servers with");
    std::vector<CertificateInUse> ignored;
    ASSIGN_OR_RETURN(context->verifier_,
                     ChainVerifier::load(settings.trust, ChainVerifier::Peer::kServer, clock, ignored));
  }
  if (settings.key_pair) RETURN_IF_ERROR(context->load_key_pair(*settings.key_pair));
  RETURN_IF_ERROR(context->set_up(settings));
  return context;
}

core::Status ClientContext::load_key_pair(const KeyPairFiles& files) {
  ASSIGN_OR_RETURN(const auto chain, load_certificates(files.certificate));
  ASSIGN_OR_RETURN(const auto key, load_private_key(files.key));
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> buffers;
  std::vector<CRYPTO_BUFFER*> wire;
  for (const auto& certificate : chain) {
    buffers.push_back(wire_form(certificate.get()));
    wire.push_back(buffers.back().get());
  }
  const bool taken = SSL_CTX_set_chain_and_key(context_.get(), wire.data(), wire.size(), key.get(), nullptr) == 1;
  ERR_clear_error();
  if (!taken) return core::failure(files.key + ": the key does not belong to " + files.certificate);
  return {};
}

core::Status ClientContext::set_up(const ClientSettings& settings) {
  SSL_CTX* context = context_.get();
  CHECK_EQ(SSL_CTX_set_min_proto_version(context, static_cast<uint16_t>(settings.version_min)), 1);
  CHECK_EQ(SSL_CTX_set_max_proto_version(context, static_cast<uint16_t>(settings.version_max)), 1);
  SSL_CTX_set0_buffer_pool(context, shared_certificates());
  accept_only(context, settings.accepts);
  if (settings.server_name.size() > TLSEXT_MAXLEN_host_name) return core::failure("the server's name is too long");
  std::vector<uint8_t> protocols;  // each after its length
  for (const std::string& protocol : settings.application_protocols) {
    if (protocol.empty() || protocol.size() > 255) return core::failure("a name for ALPN has 1 to 255 bytes");
    protocols.push_back(static_cast<uint8_t>(protocol.size()));
    protocols.insert(protocols.end(), protocol.begin(), protocol.end());
  }
  if (!protocols.empty()) CHECK_EQ(SSL_CTX_set_alpn_protos(context, protocols.data(), protocols.size()), 0);
  ClientCodec::answer_for(context);
  return {};
}

}  // namespace penstock::tls
