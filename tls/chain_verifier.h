// ChainVerifier: whether a chain that a peer presents leads to an authority that we trust, and is neither out of date
// nor revoked. Immutable after load(); any number of threads at once.
#pragma once

#include <openssl/base.h>
#include <openssl/x509.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "tls/certificate_expiry.h"

namespace penstock::tls {

// PEM files. Every certificate in `ca_files` is an anchor, whether it is self-signed or not. With `crl_files` each leaf
// has to be covered by a list of its issuer that is not out of date; authorities below an anchor are looked up where a
// list of theirs is there.
struct TrustFiles {
  std::vector<std::string> ca_files;
  std::vector<std::string> crl_files;
};

struct Verdict {
  int error = 0;              // X509_V_OK, or another X509_V_ code
  std::string subject;        // printable: the certificate that the error is about
  int64_t valid_until_s = 0;  // when the first certificate of the verified chain expires, or a list: unix seconds
};

class ChainVerifier {
 public:
  enum class Peer : uint8_t { kClient, kServer };  // whose certificates: the key usage that they need
  using Digest = std::array<uint8_t, 32>;

  // What was loaded is added to `in_use`. The clock outlives the verifier.
  static core::Result<ChainVerifier> load(const TrustFiles& files, Peer peer, core::Clock& clock,
                                          std::vector<CertificateInUse>& in_use);

  // `chain`: the leaf first. `name`, when not empty, is a DNS name or an address for which the leaf has to stand.
  Verdict verify(const STACK_OF(CRYPTO_BUFFER) * chain, const std::string& name = {}) const;

  // Another one when any certificate or revocation list is another one.
  const Digest& digest() const { return digest_; }

 private:
  ChainVerifier(Peer peer, core::Clock& clock);

  core::Status add_authorities(const std::vector<std::string>& files, std::vector<CertificateInUse>& in_use);
  core::Status add_revocation_lists(const std::vector<std::string>& files, std::vector<CertificateInUse>& in_use);
  void set_up(X509_STORE_CTX* context, const std::string& name) const;

  bssl::UniquePtr<X509_STORE> store_;
  core::Clock* clock_;
  Digest digest_{};
  int64_t lists_valid_until_s_ = kNeverExpires;
  Peer peer_;
  bool checks_revocation_ = false;
};

}  // namespace penstock::tls
