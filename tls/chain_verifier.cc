#include "tls/chain_verifier.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pool.h>
#include <openssl/sha.h>
#include <openssl/stack.h>

#include <algorithm>

#include "core/check.h"
#include "tls/pem_file.h"
#include "tls/x509_text.h"

namespace penstock::tls {
namespace {

constexpr int kAuthoritiesMax = 8;  // between a leaf and its anchor; a chain that is longer is nobody's

// A digest over digests: adds one thing to it.
void add_to_digest(ChainVerifier::Digest& digest, const uint8_t* bytes, size_t count) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, digest.data(), digest.size());
  SHA256_Update(&context, bytes, count);
  SHA256_Final(digest.data(), &context);
}

// Of an authority that publishes no list, whoever set up the broker may have none: that refuses nobody. Of a leaf, a
// list that is missing does (depth 0).
int forgive_missing_list_of_authority(int ok, X509_STORE_CTX* context) {
  if (ok != 0) return ok;
  return X509_STORE_CTX_get_error(context) == X509_V_ERR_UNABLE_TO_GET_CRL &&
                 X509_STORE_CTX_get_error_depth(context) > 0
             ? 1
             : 0;
}

bool is_address(const std::string& name) {
  uint8_t bytes[16];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 || inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

// All of `chain` as X509, the leaf first; empty when one of them is no certificate.
bssl::UniquePtr<STACK_OF(X509)> parse(const STACK_OF(CRYPTO_BUFFER) * chain) {
  bssl::UniquePtr<STACK_OF(X509)> certificates(sk_X509_new_null());
  CHECK(certificates != nullptr);
  for (size_t i = 0; i < sk_CRYPTO_BUFFER_num(chain); ++i) {
    bssl::UniquePtr<X509> certificate(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(chain, i)));
    if (!certificate) return {};
    CHECK(bssl::PushToStack(certificates.get(), std::move(certificate)));
  }
  return certificates;
}

int64_t first_expiry(const STACK_OF(X509) * chain) {
  int64_t first = kNeverExpires;
  for (size_t i = 0; i < sk_X509_num(chain); ++i) {
    first = std::min(first, unix_seconds(X509_get0_notAfter(sk_X509_value(chain, i))));
  }
  return first;
}

}  // namespace

ChainVerifier::ChainVerifier(Peer peer, core::Clock& clock) : store_(X509_STORE_new()), clock_(&clock), peer_(peer) {
  CHECK(store_ != nullptr);
}

core::Result<ChainVerifier> ChainVerifier::load(const TrustFiles& files, Peer peer, core::Clock& clock,
                                                std::vector<CertificateInUse>& in_use) {
  ChainVerifier verifier(peer, clock);
  RETURN_IF_ERROR(verifier.add_authorities(files.ca_files, in_use));
  RETURN_IF_ERROR(verifier.add_revocation_lists(files.crl_files, in_use));
  return verifier;
}

core::Status ChainVerifier::add_authorities(const std::vector<std::string>& files,
                                            std::vector<CertificateInUse>& in_use) {
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(const auto certificates, load_certificates(file));
    for (const auto& certificate : certificates) {
      if (X509_STORE_add_cert(store_.get(), certificate.get()) != 1) {
        return core::failure(file + ": the authority " + text_of(X509_get_subject_name(certificate.get())) +
                             " cannot be used");
      }
      const auto wire = wire_form(certificate.get());
      add_to_digest(digest_, CRYPTO_BUFFER_data(wire.get()), CRYPTO_BUFFER_len(wire.get()));
      in_use.push_back({CertificateUse::kAuthority, text_of(X509_get_subject_name(certificate.get())), file,
                        unix_seconds(X509_get0_notAfter(certificate.get()))});
    }
  }
  return {};
}

core::Status ChainVerifier::add_revocation_lists(const std::vector<std::string>& files,
                                                 std::vector<CertificateInUse>& in_use) {
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(const auto lists, load_revocation_lists(file));
    for (const auto& list : lists) {
      if (X509_STORE_add_crl(store_.get(), list.get()) != 1) {
        return core::failure(file + ": the revocation list of " + text_of(X509_CRL_get_issuer(list.get())) +
                             " cannot be used");
      }
      uint8_t* der = nullptr;
      const int bytes = i2d_X509_CRL(list.get(), &der);
      CHECK_GT(bytes, 0);
      add_to_digest(digest_, der, static_cast<size_t>(bytes));
      OPENSSL_free(der);
      const ASN1_TIME* next = X509_CRL_get0_nextUpdate(list.get());
      const int64_t next_s = next == nullptr ? kNeverExpires : unix_seconds(next);
      in_use.push_back({CertificateUse::kRevocationList, text_of(X509_CRL_get_issuer(list.get())), file, next_s});
      lists_valid_until_s_ = std::min(lists_valid_until_s_, next_s);
      checks_revocation_ = true;
    }
  }
  return {};
}

void ChainVerifier::set_up(X509_STORE_CTX* context, const std::string& name) const {
  CHECK_EQ(X509_STORE_CTX_set_default(context, peer_ == Peer::kClient ? "ssl_client" : "ssl_server"), 1);
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context);
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
  if (checks_revocation_) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  CHECK_EQ(X509_VERIFY_PARAM_set_flags(rules, flags), 1);
  X509_VERIFY_PARAM_set_depth(rules, kAuthoritiesMax);
  X509_STORE_CTX_set_time(context, 0, clock_->wall_us() / core::kUsPerSecond);
  X509_STORE_CTX_set_verify_cb(context, forgive_missing_list_of_authority);
  if (name.empty()) return;
  // A name that the library does not take stays in force as one that no certificate has.
  if (is_address(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size());
  }
}

Verdict ChainVerifier::verify(const STACK_OF(CRYPTO_BUFFER) * chain, const std::string& name) const {
  Verdict verdict{.error = X509_V_ERR_UNSPECIFIED};
  const auto certificates = parse(chain);
  if (certificates != nullptr && sk_X509_num(certificates.get()) > 0) {
    const bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
    CHECK(context != nullptr);
    X509* leaf = sk_X509_value(certificates.get(), 0);
    CHECK_EQ(X509_STORE_CTX_init(context.get(), store_.get(), leaf, certificates.get()), 1);
    set_up(context.get(), name);
    if (X509_verify_cert(context.get()) == 1) {
      verdict.error = X509_V_OK;
      verdict.valid_until_s = std::min(lists_valid_until_s_, first_expiry(X509_STORE_CTX_get0_chain(context.get())));
    } else {
      // Never success: a failure that left no code.
      const int error = X509_STORE_CTX_get_error(context.get());
      if (error != X509_V_OK) verdict.error = error;
      const X509* culprit = X509_STORE_CTX_get_current_cert(context.get());
      verdict.subject = printable(text_of(X509_get_subject_name(culprit != nullptr ? culprit : leaf)));
    }
  }
  // The library would take an error that is left here for one of the connection.
  ERR_clear_error();
  return verdict;
}

}  // namespace penstock::tls
