// Authorities, certificates, keys and revocation lists for tests, made when they are needed. One thread.
#pragma once

#include <openssl/base.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

enum class TestKey : uint8_t { kEcP256, kEcP384, kRsa2048, kRsa1024, kEd25519 };
enum class TestUsage : uint8_t { kServer, kClient };

constexpr int64_t kDaySeconds = 86'400;

struct CertificateSpec {
  std::string common_name = {};
  std::vector<std::string> alternative_names = {};  // "DNS:broker.example", "IP:192.0.2.7", "URI:...", "email:..."
  TestUsage usage = TestUsage::kServer;
  TestKey key = TestKey::kEcP256;
  int64_t not_before_s = -kDaySeconds;  // from now on
  int64_t not_after_s = 100 * kDaySeconds;
};

struct TestCertificate {
  bssl::UniquePtr<X509> certificate;
  bssl::UniquePtr<EVP_PKEY> key;

  std::string certificate_pem() const;
  std::string key_pem() const;
  std::string encrypted_key_pem() const;  // the passphrase is "secret"
};

class TestAuthority {
 public:
  // Without an issuer its certificate is signed by itself.
  explicit TestAuthority(std::string_view common_name, const TestAuthority* issuer = nullptr);

  TestCertificate issue(const CertificateSpec& spec) const;
  // PEM.
  std::string revocation_list(const std::vector<const X509*>& revoked, int64_t next_update_s = kDaySeconds) const;
  std::string pem() const { return own_.certificate_pem(); }
  const X509* certificate() const { return own_.certificate.get(); }

 private:
  TestCertificate own_;
};

void write_text(const std::string& path, std::string_view text);

}  // namespace penstock::test
