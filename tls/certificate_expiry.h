// When what a listener uses runs out: a list for a metric, and what to warn of. Pure: who calls gives the time.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::tls {

enum class CertificateUse : uint8_t { kServer, kAuthority, kRevocationList };

struct CertificateInUse {
  CertificateUse use = CertificateUse::kServer;
  std::string subject;  // of a revocation list: its issuer
  std::string file;
  int64_t not_after_s = 0;  // unix seconds; of a revocation list: when the next one is due, or kNeverExpires

  bool operator==(const CertificateInUse&) const = default;
};

constexpr int64_t kNeverExpires = INT64_MAX;

struct ExpiryWarning {
  CertificateInUse certificate;
  int days_before = 0;  // the threshold that was reached: 30, 14, 7, 1, or 0 when the time is over
};

// The least threshold that a warning was given for, by certificate. Starts empty; belongs to whoever asks now and then.
using ExpiryWarned = std::map<std::string, int, std::less<>>;

// What has reached a threshold that `warned` has not seen yet, one warning for each certificate, the least threshold of
// those reached. `warned` then holds it, and forgets what is not in use any more: a certificate that was renewed starts
// anew. Revocation lists, which live for days, are warned of only when they are over.
std::vector<ExpiryWarning> expiry_warnings(int64_t now_s, std::span<const CertificateInUse> certificates,
                                           ExpiryWarned& warned);

// "certificate CN=broker (/etc/penstock/broker.pem) expires in less than 7 days"
std::string to_string(const ExpiryWarning& warning);

}  // namespace penstock::tls
