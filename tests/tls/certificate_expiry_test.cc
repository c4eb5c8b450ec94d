#include "tls/certificate_expiry.h"

#include <gtest/gtest.h>

namespace penstock::tls {
namespace {

constexpr int64_t kDay = 86'400;
constexpr int64_t kNotAfter = 1'800'000'000;

CertificateInUse server_certificate() {
  return {CertificateUse::kServer, "CN=broker", "/etc/broker.pem", kNotAfter};
}

// The thresholds that are warned of when it is asked once a day, from `first` days before the end to `last`.
std::vector<int> warned_days(const CertificateInUse& certificate, int first, int last) {
  ExpiryWarned warned;
  std::vector<int> days;
  for (int before = first; before >= last; --before) {
    for (const auto& warning : expiry_warnings(kNotAfter - before * kDay, {{certificate}}, warned)) {
      days.push_back(warning.days_before);
    }
  }
  return days;
}

TEST(CertificateExpiryTest, warns_once_at_each_threshold) {
  EXPECT_EQ(warned_days(server_certificate(), 60, -5), (std::vector<int>{30, 14, 7, 1, 0}));
}

TEST(CertificateExpiryTest, a_late_start_warns_of_the_nearest_threshold_only) {
  EXPECT_EQ(warned_days(server_certificate(), 5, 2), (std::vector<int>{7}));
  EXPECT_EQ(warned_days(server_certificate(), -3, -5), (std::vector<int>{0}));
}

TEST(CertificateExpiryTest, a_revocation_list_is_warned_of_when_it_is_over) {
  CertificateInUse list = server_certificate();
  list.use = CertificateUse::kRevocationList;
  EXPECT_EQ(warned_days(list, 60, -5), (std::vector<int>{0}));
  list.not_after_s = kNeverExpires;
  EXPECT_EQ(warned_days(list, 60, -5), (std::vector<int>{}));
}

TEST(CertificateExpiryTest, a_certificate_that_was_renewed_starts_anew) {
  ExpiryWarned warned;
  CertificateInUse certificate = server_certificate();
  EXPECT_EQ(expiry_warnings(kNotAfter - 6 * kDay, {{certificate}}, warned).size(), 1u);
  certificate.not_after_s += 90 * kDay;
  EXPECT_EQ(expiry_warnings(kNotAfter - 6 * kDay, {{certificate}}, warned).size(), 0u);
  EXPECT_EQ(warned.size(), 0u);
  EXPECT_EQ(expiry_warnings(kNotAfter + 84 * kDay, {{certificate}}, warned).size(), 1u);
}

TEST(CertificateExpiryTest, one_certificate_of_two_listeners_is_warned_of_once) {
  ExpiryWarned warned;
  const std::vector<CertificateInUse> both(2, server_certificate());
  const auto warnings = expiry_warnings(kNotAfter - 6 * kDay, both, warned);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(to_string(warnings[0]), "certificate CN=broker (/etc/broker.pem) expires in less than 7 days");
}

}  // namespace
}  // namespace penstock::tls
