#include "tls/certificate_expiry.h"

#include <optional>

namespace penstock::tls {
namespace {

constexpr int kDaysBefore[] = {0, 1, 7, 14, 30};  // the least first
constexpr int64_t kSecondsPerDay = 86'400;

std::optional<int> reached_threshold(int64_t now_s, const CertificateInUse& certificate) {
  for (const int days : kDaysBefore) {
    if (days > 0 && certificate.use == CertificateUse::kRevocationList) break;
    if (certificate.not_after_s <= now_s + days * kSecondsPerDay) return days;
  }
  return {};
}

std::string key_of(const CertificateInUse& certificate) {
  return certificate.file + '\n' + certificate.subject + '\n' + std::to_string(certificate.not_after_s);
}

}  // namespace

std::vector<ExpiryWarning> expiry_warnings(int64_t now_s, std::span<const CertificateInUse> certificates,
                                           ExpiryWarned& warned) {
  std::vector<ExpiryWarning> warnings;
  ExpiryWarned still;
  for (const CertificateInUse& certificate : certificates) {
    std::string key = key_of(certificate);
    if (still.contains(key)) continue;  // two listeners with the same certificate
    const auto before = warned.find(key);
    const std::optional<int> reached = reached_threshold(now_s, certificate);
    if (reached && (before == warned.end() || *reached < before->second)) {
      warnings.push_back({certificate, *reached});
      still.emplace(std::move(key), *reached);
    } else if (before != warned.end()) {
      still.emplace(std::move(key), before->second);
    }
  }
  warned = std::move(still);
  return warnings;
}

std::string to_string(const ExpiryWarning& warning) {
  const CertificateInUse& certificate = warning.certificate;
  std::string text = certificate.use == CertificateUse::kServer      ? "certificate "
                     : certificate.use == CertificateUse::kAuthority ? "authority "
                                                                     : "revocation list of ";
  text += certificate.subject + " (" + certificate.file + ")";
  if (warning.days_before == 0) {
    return text + (certificate.use == CertificateUse::kRevocationList ? " is out of date" : " has expired");
  }
  return text + " expires in less than " + std::to_string(warning.days_before) +
         (warning.days_before == 1 ? " day" : " days");
}

}  // namespace penstock::tls
