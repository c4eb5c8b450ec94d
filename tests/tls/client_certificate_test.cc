// Clients that show certificates: who is let in, why the others are not, and who they are.
#include <gtest/gtest.h>

#include <string>

#include "tests/tls/tls_pair.h"

namespace penstock::tls {
namespace {

using test::TestUsage;

class ClientCertificateTest : public testing::TestWithParam<TlsVersion> {
 protected:
  ClientCertificateTest() {
    settings.client_certificate = ClientCertificate::kRequired;
    settings.trust.ca_files = {files.path("ca.pem")};
  }

  // Why the server refuses a client that shows this; "let in" when it does not.
  std::string answer_to(const std::optional<KeyPairFiles>& key_pair) {
    ClientSettings client = files.client_settings();
    client.key_pair = key_pair;
    client.version_min = client.version_max = GetParam();
    pair = std::make_unique<TlsPair>(server_with(settings), client_with(client));
    pair->run();
    if (pair->server.state() == core::StreamState::kOpen) return "let in";
    EXPECT_EQ(pair->server.state(), core::StreamState::kFailed);
    EXPECT_EQ(pair->client.state(), core::StreamState::kFailed);
    EXPECT_STREQ(pair->client.failure().reason, "tls_refused_by_peer");
    return pair->server.failure().reason;
  }

  void revoke(const std::vector<const X509*>& revoked, int64_t next_update_s = test::kDaySeconds) {
    test::write_text(files.path("crl.pem"), files.authority.revocation_list(revoked, next_update_s));
    settings.trust.crl_files = {files.path("crl.pem")};
  }

  TlsFiles files;
  ServerSettings settings = files.server_settings();
  std::unique_ptr<TlsPair> pair;
};

TEST_P(ClientCertificateTest, a_client_with_a_good_one_is_let_in_and_known) {
  const test::TestCertificate made = files.authority.issue(
      {.common_name = "sensor-1",
       .alternative_names = {"DNS:sensor-1.example", "URI:urn:device:1", "email:sensor@example.org", "IP:192.0.2.7",
                             "IP:2001:db8::7", "DNS:second.example"},
       .usage = TestUsage::kClient});
  ASSERT_EQ(answer_to(files.write("client", made)), "let in");
  const auto identity = pair->server.peer_identity();
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->common_name, "sensor-1");
  EXPECT_EQ(identity->dns_names, (std::vector<std::string>{"sensor-1.example", "second.example"}));
  EXPECT_EQ(identity->uris, (std::vector<std::string>{"urn:device:1"}));
  EXPECT_EQ(identity->email_addresses, (std::vector<std::string>{"sensor@example.org"}));
  EXPECT_EQ(identity->ip_addresses, (std::vector<std::string>{"192.0.2.7", "2001:db8::7"}));
  EXPECT_EQ(identity->subject, "CN=sensor-1");
  EXPECT_EQ(identity->issuer, "CN=Test root");
  EXPECT_EQ(identity->sha256.size(), 64u);
  EXPECT_EQ(identity->serial.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_GT(identity->not_after_s, 1'700'000'000);
}

TEST_P(ClientCertificateTest, a_client_without_one_is_let_in_only_where_it_is_optional) {
  EXPECT_EQ(answer_to({}), "tls_certificate_required");
  settings.client_certificate = ClientCertificate::kOptional;
  EXPECT_EQ(answer_to({}), "let in");
  EXPECT_FALSE(pair->server.peer_identity().has_value());
}

TEST_P(ClientCertificateTest, where_it_is_optional_a_wrong_one_is_still_refused) {
  settings.client_certificate = ClientCertificate::kOptional;
  const test::TestAuthority stranger("A stranger");
  EXPECT_EQ(answer_to(files.write("client", stranger.issue({.common_name = "x", .usage = TestUsage::kClient}))),
            "tls_unknown_ca");
}

TEST_P(ClientCertificateTest, where_it_is_not_asked_for_a_client_stays_unknown) {
  settings.client_certificate = ClientCertificate::kNone;
  ASSERT_EQ(answer_to(files.issue("client", {.common_name = "sensor-1", .usage = TestUsage::kClient})), "let in");
  EXPECT_FALSE(pair->server.peer_identity().has_value());
}

TEST_P(ClientCertificateTest, one_of_an_authority_of_the_same_name_is_refused) {
  const test::TestAuthority impostor("Test root");
  const std::string answer =
      answer_to(files.write("client", impostor.issue({.common_name = "x", .usage = TestUsage::kClient})));
  EXPECT_TRUE(answer == "tls_bad_certificate" || answer == "tls_unknown_ca") << answer;
}

TEST_P(ClientCertificateTest, one_that_is_signed_by_itself_is_refused) {
  const test::TestAuthority itself("sensor-1");
  test::write_text(files.path("self.pem"), itself.pem());
  const test::TestCertificate leaf = itself.issue({.common_name = "sensor-1", .usage = TestUsage::kClient});
  EXPECT_EQ(answer_to(files.write("client", leaf, itself.pem())), "tls_unknown_ca");
}

TEST_P(ClientCertificateTest, one_out_of_its_time_is_refused_by_name) {
  EXPECT_EQ(answer_to(files.issue("client", {.common_name = "sensor-1",
                                             .usage = TestUsage::kClient,
                                             .not_before_s = -2 * test::kDaySeconds,
                                             .not_after_s = -60})),
            "tls_certificate_expired");
  EXPECT_EQ(pair->server.failure().detail, "certificate has expired: CN=sensor-1");
  EXPECT_EQ(answer_to(files.issue("client", {.common_name = "x", .usage = TestUsage::kClient, .not_before_s = 3600})),
            "tls_certificate_expired");
}

TEST_P(ClientCertificateTest, one_for_servers_is_refused) {
  EXPECT_EQ(answer_to(files.issue("client", {.common_name = "x", .usage = TestUsage::kServer})), "tls_bad_certificate");
}

TEST_P(ClientCertificateTest, one_that_was_revoked_is_refused_and_others_are_not) {
  const test::TestCertificate good = files.authority.issue({.common_name = "good", .usage = TestUsage::kClient});
  const test::TestCertificate bad = files.authority.issue({.common_name = "bad", .usage = TestUsage::kClient});
  revoke({bad.certificate.get()});
  EXPECT_EQ(answer_to(files.write("good", good)), "let in");
  EXPECT_EQ(answer_to(files.write("bad", bad)), "tls_certificate_revoked");
  EXPECT_EQ(pair->server.failure().detail, "certificate revoked: CN=bad");
}

TEST_P(ClientCertificateTest, a_revocation_list_that_is_out_of_date_lets_nobody_in) {
  const auto client = files.issue("client", {.common_name = "x", .usage = TestUsage::kClient});
  revoke({}, -60);
  EXPECT_EQ(answer_to(client), "tls_bad_certificate");
  EXPECT_NE(pair->server.failure().detail.find("CRL has expired"), std::string::npos) << pair->server.failure().detail;
}

TEST_P(ClientCertificateTest, with_lists_a_leaf_needs_one_of_its_issuer_and_an_authority_does_not) {
  const test::TestAuthority intermediate("Test intermediate", &files.authority);
  const test::TestCertificate made = intermediate.issue({.common_name = "x", .usage = TestUsage::kClient});
  const auto client = files.write("client", made, intermediate.pem());
  EXPECT_EQ(answer_to(client), "let in");
  // The root's list only: of the intermediate authority, which has signed the leaf, there is none.
  revoke({});
  EXPECT_EQ(answer_to(client), "tls_bad_certificate");
  // The intermediate's only: the root's is not needed.
  test::write_text(files.path("crl.pem"), intermediate.revocation_list({}));
  EXPECT_EQ(answer_to(client), "let in");
  test::write_text(files.path("crl.pem"), intermediate.revocation_list({made.certificate.get()}));
  EXPECT_EQ(answer_to(client), "tls_certificate_revoked");
  // An authority that was revoked takes its leaves along.
  test::write_text(files.path("crl.pem"),
                   intermediate.revocation_list({}) + files.authority.revocation_list({intermediate.certificate()}));
  EXPECT_EQ(answer_to(client), "tls_certificate_revoked");
}

TEST_P(ClientCertificateTest, an_authority_that_is_no_root_can_be_trusted_alone) {
  const test::TestAuthority intermediate("Test intermediate", &files.authority);
  test::write_text(files.path("anchor.pem"), intermediate.pem());
  settings.trust.ca_files = {files.path("anchor.pem")};
  EXPECT_EQ(answer_to(files.write("inside", intermediate.issue({.common_name = "x", .usage = TestUsage::kClient}))),
            "let in");
  EXPECT_EQ(answer_to(files.issue("outside", {.common_name = "x", .usage = TestUsage::kClient})), "tls_unknown_ca");
}

TEST_P(ClientCertificateTest, a_name_with_a_nul_inside_is_no_name) {
  ASSERT_EQ(
      answer_to(files.issue("client", {.common_name = std::string("admin\0.evil", 11), .usage = TestUsage::kClient})),
      "let in");
  EXPECT_EQ(pair->server.peer_identity()->common_name, "");
}

TEST_P(ClientCertificateTest, names_of_any_characters_come_as_they_are_and_the_subject_printable) {
  ASSERT_EQ(answer_to(files.issue("client", {.common_name = "f\xc3\xbchler\n1", .usage = TestUsage::kClient})),
            "let in");
  const auto identity = pair->server.peer_identity();
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->common_name, "f\xc3\xbchler\n1");
  for (const char c : identity->subject) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
}

TEST_P(ClientCertificateTest, a_chain_that_is_too_long_to_be_anybodys_is_refused) {
  std::vector<std::unique_ptr<test::TestAuthority>> authorities;
  std::string chain;
  const test::TestAuthority* issuer = &files.authority;
  for (int i = 0; i < 12; ++i) {
    authorities.push_back(std::make_unique<test::TestAuthority>("Authority " + std::to_string(i), issuer));
    issuer = authorities.back().get();
    chain.insert(0, issuer->pem());
  }
  EXPECT_NE(answer_to(files.write("client", issuer->issue({.common_name = "x", .usage = TestUsage::kClient}), chain)),
            "let in");
}

TEST_P(ClientCertificateTest, more_bytes_of_certificates_than_a_chain_has_are_not_taken) {
  const test::TestCertificate made = files.authority.issue({.common_name = "x", .usage = TestUsage::kClient});
  std::string chain;
  for (int i = 0; i < 120; ++i) chain += files.authority.pem();
  EXPECT_EQ(answer_to(files.write("client", made, chain)), "tls_other");
  EXPECT_EQ(pair->server.failure().detail, "excessive message size");
}

INSTANTIATE_TEST_SUITE_P(Versions, ClientCertificateTest, testing::Values(TlsVersion::kTls12, TlsVersion::kTls13),
                         [](const auto& version) { return version.param == TlsVersion::kTls12 ? "tls12" : "tls13"; });

}  // namespace
}  // namespace penstock::tls
