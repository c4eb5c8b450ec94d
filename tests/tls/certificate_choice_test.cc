// Which of several certificates a client is shown.
#include "tls/certificate_choice.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "tests/tls/tls_pair.h"

namespace penstock::tls {
namespace {

// Big-endian numbers, as a ClientHello has them.
struct Numbers {
  Numbers(std::initializer_list<uint16_t> values) {
    for (const uint16_t value : values) {
      bytes.push_back(static_cast<std::byte>(value >> 8));
      bytes.push_back(static_cast<std::byte>(value & 0xff));
    }
  }
  std::vector<std::byte> bytes;
};

const Numbers kTls13{TLS1_3_VERSION};
const Numbers kEverySuite{0xc02b, 0xc02f};
const Numbers kRsaSuite{0xc030};
const Numbers kEverySignature{SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_RSA_PSS_RSAE_SHA256};
const Numbers kRsaSignature{SSL_SIGN_RSA_PSS_RSAE_SHA256};
const Numbers kP256{23};

ClientOffer modern(std::string_view name) {
  return {.server_name = name,
          .versions = kTls13.bytes,
          .cipher_suites = kEverySuite.bytes,
          .signature_algorithms = kEverySignature.bytes};
}
ClientOffer only_rsa(std::string_view name) {
  ClientOffer offer = modern(name);
  offer.signature_algorithms = kRsaSignature.bytes;
  return offer;
}

TEST(CertificateChoiceTest, takes_the_name_that_is_asked_for_before_a_wildcard_before_the_first) {
  const std::vector<Candidate> candidates = {{{"default.example"}, KeyKind::kEcP256},
                                             {{"*.example.org"}, KeyKind::kEcP256},
                                             {{"a.example.org", "b.example.org"}, KeyKind::kEcP256}};
  const auto choice = [&](std::string_view name) { return choose_certificate(candidates, modern(name), false); };
  EXPECT_EQ(choice("b.example.org"), 2u);
  EXPECT_EQ(choice("B.Example.ORG"), 2u);
  EXPECT_EQ(choice("c.example.org"), 1u);
  EXPECT_EQ(choice("x.c.example.org"), 0u);
  EXPECT_EQ(choice("example.org"), 0u);
  EXPECT_EQ(choice(".example.org"), 0u);
  EXPECT_EQ(choice("*.example.org"), 1u);
  EXPECT_EQ(choice("unknown.example"), 0u);
  EXPECT_EQ(choice(""), 0u);
}

TEST(CertificateChoiceTest, prefers_ec_and_falls_back_to_rsa_for_clients_that_know_no_ec) {
  const std::vector<Candidate> candidates = {
      {{"a.example"}, KeyKind::kRsa}, {{"a.example"}, KeyKind::kEcP256}, {{"b.example"}, KeyKind::kRsa}};
  EXPECT_EQ(choose_certificate(candidates, modern("a.example"), false), 1u);
  EXPECT_EQ(choose_certificate(candidates, only_rsa("a.example"), false), 0u);
  // Without a name: the first, and those that share a name with it.
  EXPECT_EQ(choose_certificate(candidates, modern(""), false), 1u);
  EXPECT_EQ(choose_certificate(candidates, only_rsa(""), false), 0u);
}

TEST(CertificateChoiceTest, takes_a_wildcard_that_can_be_verified_before_the_name_that_cannot) {
  const std::vector<Candidate> candidates = {
      {{"z.example"}, KeyKind::kRsa}, {{"a.example"}, KeyKind::kEcP256}, {{"*.example"}, KeyKind::kRsa}};
  EXPECT_EQ(choose_certificate(candidates, only_rsa("a.example"), false), 2u);
  const std::vector<Candidate> no_wildcard = {{{"z.example"}, KeyKind::kRsa}, {{"a.example"}, KeyKind::kEcP256}};
  EXPECT_EQ(choose_certificate(no_wildcard, only_rsa("a.example"), false), 1u);
}

TEST(CertificateChoiceTest, before_tls13_the_cipher_suites_and_curves_count_too) {
  ClientOffer offer = modern("");
  offer.versions = {};
  EXPECT_TRUE(can_verify(offer, KeyKind::kEcP256, false));
  EXPECT_TRUE(can_verify(offer, KeyKind::kRsa, false));
  offer.groups = kP256.bytes;
  EXPECT_TRUE(can_verify(offer, KeyKind::kEcP256, false));
  EXPECT_FALSE(can_verify(offer, KeyKind::kEcP384, false));
  offer.cipher_suites = kRsaSuite.bytes;
  EXPECT_FALSE(can_verify(offer, KeyKind::kEcP256, false));
  EXPECT_TRUE(can_verify(offer, KeyKind::kRsa, false));
  offer.signature_algorithms = {};
  EXPECT_TRUE(can_verify(offer, KeyKind::kRsa, false));
}

TEST(CertificateChoiceTest, in_tls13_the_curve_belongs_to_the_signature) {
  EXPECT_TRUE(can_verify(modern(""), KeyKind::kEcP256, false));
  EXPECT_FALSE(can_verify(modern(""), KeyKind::kEcP384, false));
  EXPECT_FALSE(can_verify(modern(""), KeyKind::kEcP521, false));
}

class ShownCertificateTest : public testing::Test {
 protected:
  // The common name of the certificate that such a client is shown; "none" when the handshake fails.
  std::string shown_to(const std::string& name, ClientSettings::Accepts accepts, TlsVersion version_max) {
    ClientSettings settings{.trust = {.ca_files = {files.path("ca.pem")}},
                            .server_name = name,
                            .version_max = version_max,
                            .accepts = accepts};
    TlsPair pair(server, client_with(settings));
    pair.run();
    return pair.is_open() ? pair.client.peer_identity()->common_name : "none";
  }

  TlsFiles files;
  ServerPointer server =
      server_with({.key_pairs = {files.issue("a-ec", {.common_name = "a ec", .alternative_names = {"DNS:a.example"}}),
                                 files.issue("a-rsa", {.common_name = "a rsa",
                                                       .alternative_names = {"DNS:a.example"},
                                                       .key = test::TestKey::kRsa2048}),
                                 files.issue("wild", {.common_name = "wild", .alternative_names = {"DNS:*.b.example"}}),
                                 files.issue("old", {.common_name = "old.example"}),
                                 files.issue("p384", {.common_name = "p384",
                                                      .alternative_names = {"DNS:p384.example"},
                                                      .key = test::TestKey::kEcP384})}});
};

TEST_F(ShownCertificateTest, follows_the_name_and_the_kinds_of_keys_that_the_client_takes) {
  using Accepts = ClientSettings::Accepts;
  for (const TlsVersion version : {TlsVersion::kTls12, TlsVersion::kTls13}) {
    EXPECT_EQ(shown_to("a.example", Accepts::kAny, version), "a ec");
    EXPECT_EQ(shown_to("a.example", Accepts::kEc, version), "a ec");
    EXPECT_EQ(shown_to("a.example", Accepts::kRsa, version), "a rsa");
    EXPECT_EQ(shown_to("x.b.example", Accepts::kAny, version), "wild");
    EXPECT_EQ(shown_to("p384.example", Accepts::kAny, version), "p384");
    EXPECT_EQ(shown_to("", Accepts::kAny, version), "a ec");
    EXPECT_EQ(shown_to("", Accepts::kRsa, version), "a rsa");
    EXPECT_EQ(shown_to("x.b.example", Accepts::kRsa, version), "none");
  }
}

TEST_F(ShownCertificateTest, takes_the_common_name_where_there_is_no_alternative_name) {
  TlsPair pair(server, client_with({.server_name = "old.example", .insecure = true}));
  pair.run();
  EXPECT_EQ(pair.client.peer_identity()->common_name, "old.example");
}

}  // namespace
}  // namespace penstock::tls
