// What a listener is loaded from, and what is said of files that are no good.
#include "tls/server_context.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/tls/tls_pair.h"

namespace penstock::tls {
namespace {

class ServerContextTest : public testing::Test {
 protected:
  // The message of the error, without the folder; empty when all is well.
  std::string error_for(const ServerSettings& settings) {
    const auto context = ServerContext::load(settings, std::make_shared<TicketKeys>());
    if (context.has_value()) return "";
    std::string message = context.error().message;
    const std::string folder = files.path("");
    for (size_t at; (at = message.find(folder)) != std::string::npos;) message.erase(at, folder.size());
    return message;
  }
  std::string error_for(const std::string& certificate, const std::string& key) {
    return error_for(ServerSettings{.key_pairs = {{files.path(certificate), files.path(key)}}});
  }

  TlsFiles files;
};

TEST_F(ServerContextTest, names_the_file_and_what_is_wrong_with_the_certificate) {
  files.issue("good", {.common_name = "good"});
  files.issue("other", {.common_name = "other"});
  EXPECT_EQ(error_for("good.pem", "good.key"), "");
  EXPECT_EQ(error_for("good.pem", "other.key"),
            "other.key: the key does not belong to the first certificate of good.pem");
  EXPECT_EQ(error_for("missing.pem", "good.key"), "opening missing.pem: No such file or directory");
  EXPECT_EQ(error_for("good.pem", "missing.key"), "opening missing.key: No such file or directory");
  EXPECT_EQ(error_for("good.key", "good.key"), "good.key: there is no certificate in it");
  EXPECT_EQ(error_for("good.pem", "good.pem"), "good.pem: there is no private key in it");

  test::write_text(files.path("text.pem"), "no certificate at all\n");
  EXPECT_EQ(error_for("text.pem", "good.key"), "text.pem: is not PEM (nothing in it begins with -----BEGIN)");
  test::write_text(files.path("empty.pem"), "");
  EXPECT_EQ(error_for("empty.pem", "good.key"), "empty.pem: is not PEM (nothing in it begins with -----BEGIN)");
  test::write_text(files.path("broken.pem"), files.authority.pem() +
                                                 "-----BEGIN CERTIFICATE-----\nTm8gY2VydGlmaWNhdGU=\n"
                                                 "-----END CERTIFICATE-----\n");
  EXPECT_EQ(error_for("broken.pem", "good.key"), "broken.pem: certificate number 2 in it is damaged");
}

TEST_F(ServerContextTest, does_not_start_with_a_certificate_out_of_its_time) {
  files.issue("expired", {.common_name = "x", .not_before_s = -2 * test::kDaySeconds, .not_after_s = -60});
  EXPECT_EQ(error_for("expired.pem", "expired.key"), "expired.pem: the certificate has expired");
  files.issue("early", {.common_name = "x", .not_before_s = 3600});
  EXPECT_EQ(error_for("early.pem", "early.key"), "early.pem: the certificate is not valid yet");
}

TEST_F(ServerContextTest, takes_no_key_that_is_weak_unknown_or_encrypted) {
  files.issue("weak", {.common_name = "x", .key = test::TestKey::kRsa1024});
  EXPECT_TRUE(error_for("weak.pem", "weak.key").starts_with("weak.key: the key is of no kind"))
      << error_for("weak.pem", "weak.key");
  files.issue("ed", {.common_name = "x", .key = test::TestKey::kEd25519});
  EXPECT_TRUE(error_for("ed.pem", "ed.key").starts_with("ed.key: the key is of no kind"));
  const test::TestCertificate made = files.authority.issue({.common_name = "x"});
  files.write("sealed", made);
  test::write_text(files.path("sealed.key"), made.encrypted_key_pem());
  EXPECT_EQ(error_for("sealed.pem", "sealed.key"),
            "sealed.key: the private key is encrypted; it has to be there without a passphrase");
}

TEST_F(ServerContextTest, certificate_chain_and_key_may_lie_in_one_file) {
  const test::TestAuthority intermediate("Test intermediate", &files.authority);
  const test::TestCertificate made =
      intermediate.issue({.common_name = "broker", .alternative_names = {"DNS:broker.example"}});
  test::write_text(files.path("all.pem"), made.key_pem() + made.certificate_pem() + intermediate.pem());
  const ServerSettings settings{.key_pairs = {{files.path("all.pem"), files.path("all.pem")}}};
  ASSERT_EQ(error_for(settings), "");
  TlsPair pair(server_with(settings), client_with(files.client_settings()));
  pair.run();
  EXPECT_TRUE(pair.is_open()) << pair.client.failure().detail;
}

TEST_F(ServerContextTest, names_what_is_wrong_with_authorities_and_revocation_lists) {
  ServerSettings settings = files.server_settings();
  settings.client_certificate = ClientCertificate::kRequired;
  EXPECT_EQ(error_for(settings),
            "a TLS listener that asks for certificates of clients needs an authority to check them with");
  settings.trust.ca_files = {files.path("server.key")};
  EXPECT_EQ(error_for(settings), "server.key: there is no certificate in it");
  settings.trust.ca_files = {files.path("ca.pem")};
  EXPECT_EQ(error_for(settings), "");
  settings.trust.crl_files = {files.path("ca.pem")};
  EXPECT_EQ(error_for(settings), "ca.pem: there is no revocation list in it");
  EXPECT_EQ(error_for(ServerSettings{}), "a TLS listener needs a certificate and a key");
}

TEST_F(ServerContextTest, tells_what_is_in_use_and_when_it_expires) {
  ServerSettings settings = files.server_settings();
  settings.client_certificate = ClientCertificate::kOptional;
  settings.trust = {{files.path("ca.pem")}, {files.path("crl.pem")}};
  test::write_text(files.path("crl.pem"), files.authority.revocation_list({}, 5 * test::kDaySeconds));
  const auto context = server_with(settings);
  const int64_t now_s = context->now_s();
  ASSERT_EQ(context->certificates().size(), 3u);
  const auto& authority = context->certificates()[0];
  const auto& list = context->certificates()[1];
  const auto& server = context->certificates()[2];
  EXPECT_EQ(authority.use, CertificateUse::kAuthority);
  EXPECT_EQ(authority.subject, "CN=Test root");
  EXPECT_EQ(authority.file, files.path("ca.pem"));
  EXPECT_EQ(list.use, CertificateUse::kRevocationList);
  EXPECT_EQ(list.subject, "CN=Test root");
  EXPECT_NEAR(static_cast<double>(list.not_after_s - now_s), 5.0 * test::kDaySeconds, 120.0);
  EXPECT_EQ(server.use, CertificateUse::kServer);
  EXPECT_EQ(server.subject, "CN=broker");
  EXPECT_NEAR(static_cast<double>(server.not_after_s - now_s), 100.0 * test::kDaySeconds, 120.0);
}

}  // namespace
}  // namespace penstock::tls
