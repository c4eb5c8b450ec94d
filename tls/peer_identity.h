// PeerIdentity: who a client is by its certificate. Taken from a certificate that was verified; what is in it was
// chosen by whoever signed it.
#pragma once

#include <openssl/base.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace penstock::tls {

struct PeerIdentity {
  std::string common_name;  // the first of the subject; empty when there is none
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;
  std::vector<std::string> email_addresses;
  std::vector<std::string> ip_addresses;  // "192.0.2.7", "2001:db8::7"
  std::string subject;                    // RFC 2253: "CN=sensor-1,O=Acme"
  std::string issuer;                     // RFC 2253
  std::string serial;                     // hex, lower case
  std::string sha256;                     // fingerprint of the certificate: 64 hex digits, lower case
  int64_t not_after_s = 0;                // unix seconds

  bool operator==(const PeerIdentity&) const = default;
};

// Nothing when these bytes are no certificate.
std::optional<PeerIdentity> identity_of(const CRYPTO_BUFFER* certificate);

// The DNS names for which a server's certificate stands: those of the subject alternative name, and only where there
// are none of any kind the common name. May hold wildcards.
std::vector<std::string> dns_names_of(const X509* certificate);

}  // namespace penstock::tls
