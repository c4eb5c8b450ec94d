#include "tls/peer_identity.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pool.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tls/x509_text.h"

namespace penstock::tls {
namespace {

// A name with a NUL inside is one name for us and a shorter one for whoever reads it as a C string: it counts as none.
void add_text(std::vector<std::string>& names, const ASN1_STRING* text) {
  const std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                         static_cast<size_t>(ASN1_STRING_length(text)));
  if (!name.empty() && name.find('\0') == std::string::npos) names.push_back(name);
}

void add_address(std::vector<std::string>& addresses, const ASN1_STRING* address) {
  const int bytes = ASN1_STRING_length(address);
  if (bytes != 4 && bytes != 16) return;
  char text[INET6_ADDRSTRLEN];
  if (inet_ntop(bytes == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text, sizeof text) != nullptr) {
    addresses.emplace_back(text);
  }
}

void add_alternative_names(PeerIdentity& identity, const X509* certificate) {
  const bssl::UniquePtr<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return;
  for (const GENERAL_NAME* name : names.get()) {
    switch (name->type) {
      case GEN_DNS:
        add_text(identity.dns_names, name->d.dNSName);
        break;
      case GEN_URI:
        add_text(identity.uris, name->d.uniformResourceIdentifier);
        break;
      case GEN_EMAIL:
        add_text(identity.email_addresses, name->d.rfc822Name);
        break;
      case GEN_IPADD:
        add_address(identity.ip_addresses, name->d.iPAddress);
        break;
      default:
        break;
    }
  }
}

std::string serial_of(const X509* certificate) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  return hex_of(ASN1_STRING_get0_data(serial), static_cast<size_t>(ASN1_STRING_length(serial)));
}

}  // namespace

std::optional<PeerIdentity> identity_of(const CRYPTO_BUFFER* der) {
  const uint8_t* bytes = CRYPTO_BUFFER_data(der);
  const bssl::UniquePtr<X509> certificate(d2i_X509(nullptr, &bytes, static_cast<long>(CRYPTO_BUFFER_len(der))));
  if (!certificate) {
    ERR_clear_error();
    return {};
  }
  PeerIdentity identity;
  identity.common_name = common_name_of(certificate.get());
  add_alternative_names(identity, certificate.get());
  identity.subject = text_of(X509_get_subject_name(certificate.get()));
  identity.issuer = text_of(X509_get_issuer_name(certificate.get()));
  identity.serial = serial_of(certificate.get());
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(CRYPTO_BUFFER_data(der), CRYPTO_BUFFER_len(der), digest);
  identity.sha256 = hex_of(digest, sizeof digest);
  identity.not_after_s = unix_seconds(X509_get0_notAfter(certificate.get()));
  // The library keeps errors per thread, and would take one that is left here for one of the next connection.
  ERR_clear_error();
  return identity;
}

std::vector<std::string> dns_names_of(const X509* certificate) {
  PeerIdentity identity;
  add_alternative_names(identity, certificate);
  const bool has_names = !identity.dns_names.empty() || !identity.ip_addresses.empty() || !identity.uris.empty() ||
                         !identity.email_addresses.empty();
  if (has_names) return identity.dns_names;
  const std::string common_name = common_name_of(certificate);
  if (common_name.empty()) return {};
  return {common_name};
}

}  // namespace penstock::tls
