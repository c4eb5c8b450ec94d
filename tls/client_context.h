// ClientContext: what a TLS client goes by, for the load generator and for tests. Immutable; any number of threads.
#pragma once

#include <openssl/base.h>
#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "tls/chain_verifier.h"
#include "tls/server_context.h"

namespace penstock::tls {

struct ClientSettings {
  TrustFiles trust;                      // for the certificate of the server; not needed when `insecure`
  std::optional<KeyPairFiles> key_pair;  // shown when the server asks for a certificate
  std::string server_name;               // a DNS name or an address, asked for and checked; empty: neither
  bool insecure = false;                 // takes any server
  TlsVersion version_min = TlsVersion::kTls12;
  TlsVersion version_max = TlsVersion::kTls13;
  std::vector<std::string> application_protocols;  // offered by ALPN, the best first; empty: none
  enum class Accepts : uint8_t { kAny, kEc, kRsa } accepts = Accepts::kAny;  // the keys of servers
};

class ClientContext {
 public:
  // The clock outlives the context.
  static core::Result<std::shared_ptr<const ClientContext>> load(const ClientSettings& settings,
                                                                 core::Clock& clock = core::system_clock());

  // For codecs.
  SSL_CTX* library_context() const { return context_.get(); }
  const ChainVerifier* verifier() const { return verifier_ ? &*verifier_ : nullptr; }  // none: takes any server
  const std::string& server_name() const { return server_name_; }

 private:
  ClientContext();
  core::Status load_key_pair(const KeyPairFiles& files);
  core::Status set_up(const ClientSettings& settings);

  bssl::UniquePtr<SSL_CTX> context_;
  std::optional<ChainVerifier> verifier_;
  std::string server_name_;
};

}  // namespace penstock::tls
