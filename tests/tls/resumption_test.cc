// Sessions that a client resumes: when it may, when it has to show itself anew, and who it is then.
#include <gtest/gtest.h>

#include <string>

#include "tests/tls/tls_pair.h"

namespace penstock::tls {
namespace {

using test::TestUsage;

// Real time and a distance to it.
class ShiftedClock final : public core::Clock {
 public:
  int64_t monotonic_ns() override { return core::system_clock().monotonic_ns(); }
  int64_t wall_us() override { return core::system_clock().wall_us() + shift_s * core::kUsPerSecond; }
  int64_t shift_s = 0;
};

class ResumptionTest : public testing::TestWithParam<TlsVersion> {
 protected:
  ResumptionTest() {
    settings.client_certificate = ClientCertificate::kRequired;
    settings.trust.ca_files = {files.path("ca.pem")};
    client_settings = files.client_settings();
    client_settings.version_min = client_settings.version_max = GetParam();
    client_settings.key_pair = files.issue(
        "client", {.common_name = "sensor-1", .usage = TestUsage::kClient, .not_after_s = 10 * test::kDaySeconds});
    client = client_with(client_settings);
  }

  ServerPointer load() { return server_with(settings, tickets, clock); }

  // Connects with the newest session; keeps the one that comes of it. "resumed", "full", or why it failed.
  std::string connect(const ServerPointer& server) {
    TlsPair pair(server, client, session);
    pair.run();
    if (!pair.is_open()) return pair.server.failure().reason;
    pair.client.send(core::as_bytes("hello"), pair.to_server);
    pair.run();
    EXPECT_EQ(pair.server_up.text, "hello");
    if (pair.client.session() != nullptr) session = pair.client.session();
    identity = pair.server.peer_identity();
    EXPECT_EQ(pair.client.is_resumed(), pair.server.is_resumed());
    return pair.server.is_resumed() ? "resumed" : "full";
  }

  TlsFiles files;
  ServerSettings settings = files.server_settings();
  ClientSettings client_settings;
  ShiftedClock clock;
  std::shared_ptr<TicketKeys> tickets = std::make_shared<TicketKeys>();
  ClientPointer client;
  ClientSession session;
  std::optional<PeerIdentity> identity;
};

TEST_P(ResumptionTest, a_client_that_resumes_is_known_as_before) {
  const ServerPointer server = load();
  ASSERT_EQ(connect(server), "full");
  const auto before = identity;
  ASSERT_TRUE(before.has_value());
  EXPECT_EQ(before->common_name, "sensor-1");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(connect(server), "resumed");
    EXPECT_EQ(identity, before);
  }
}

TEST_P(ResumptionTest, a_client_without_a_certificate_resumes_without_one) {
  settings.client_certificate = ClientCertificate::kNone;
  const ServerPointer server = load();
  EXPECT_EQ(connect(server), "full");
  EXPECT_EQ(connect(server), "resumed");
  EXPECT_FALSE(identity.has_value());
}

TEST_P(ResumptionTest, sessions_survive_a_reload_of_certificates) {
  EXPECT_EQ(connect(load()), "full");
  files.issue("server", {.common_name = "renewed", .alternative_names = {"DNS:broker.example"}});
  EXPECT_EQ(connect(load()), "resumed");
  EXPECT_EQ(identity->common_name, "sensor-1");
}

TEST_P(ResumptionTest, sessions_are_good_for_one_period_of_keys_after_their_own) {
  const ServerPointer server = load();
  EXPECT_EQ(connect(server), "full");
  tickets->rotate();
  const ClientSession old = session;
  EXPECT_EQ(connect(server), "resumed");
  tickets->rotate();
  session = old;
  EXPECT_EQ(connect(server), "full");
}

TEST_P(ResumptionTest, other_keys_of_tickets_mean_a_full_handshake) {
  EXPECT_EQ(connect(load()), "full");
  tickets = std::make_shared<TicketKeys>();
  EXPECT_EQ(connect(load()), "full");
}

TEST_P(ResumptionTest, other_authorities_mean_a_full_handshake) {
  EXPECT_EQ(connect(load()), "full");
  const test::TestAuthority another("Another root");
  test::write_text(files.path("ca2.pem"), another.pem());
  settings.trust.ca_files.push_back(files.path("ca2.pem"));
  EXPECT_EQ(connect(load()), "full");
  settings.trust.ca_files = {files.path("ca2.pem")};
  EXPECT_EQ(connect(load()), "tls_unknown_ca");
}

TEST_P(ResumptionTest, a_client_that_was_revoked_since_cannot_resume) {
  const test::TestCertificate made = files.authority.issue({.common_name = "bad", .usage = TestUsage::kClient});
  client_settings.key_pair = files.write("bad", made);
  client = client_with(client_settings);
  test::write_text(files.path("crl.pem"), files.authority.revocation_list({}));
  settings.trust.crl_files = {files.path("crl.pem")};
  EXPECT_EQ(connect(load()), "full");
  EXPECT_EQ(connect(load()), "resumed");
  test::write_text(files.path("crl.pem"), files.authority.revocation_list({made.certificate.get()}));
  EXPECT_EQ(connect(load()), "tls_certificate_revoked");
}

TEST_P(ResumptionTest, a_session_ends_with_the_revocation_list_that_let_it_in) {
  test::write_text(files.path("crl.pem"), files.authority.revocation_list({}, 2 * test::kDaySeconds));
  settings.trust.crl_files = {files.path("crl.pem")};
  const ServerPointer server = load();
  EXPECT_EQ(connect(server), "full");
  EXPECT_EQ(connect(server), "resumed");
  clock.shift_s = 3 * test::kDaySeconds;
  EXPECT_EQ(connect(server), "tls_bad_certificate");
}

TEST_P(ResumptionTest, a_session_from_when_nothing_was_asked_for_does_not_let_in_later) {
  settings.client_certificate = ClientCertificate::kNone;
  EXPECT_EQ(connect(load()), "full");
  settings.client_certificate = ClientCertificate::kOptional;
  EXPECT_EQ(connect(load()), "full");
  EXPECT_TRUE(identity.has_value());
  settings.client_certificate = ClientCertificate::kRequired;
  EXPECT_EQ(connect(load()), "full");
  EXPECT_TRUE(identity.has_value());
}

TEST_P(ResumptionTest, a_session_ends_with_the_certificate_of_its_client) {
  const ServerPointer server = load();
  EXPECT_EQ(connect(server), "full");
  const ClientSession first = session;
  EXPECT_EQ(connect(server), "resumed");
  const ClientSession second = session;
  clock.shift_s = 11 * test::kDaySeconds;
  session = first;
  EXPECT_EQ(connect(server), "tls_certificate_expired");
  // What was given to a resumed session lives no longer either.
  session = second;
  EXPECT_EQ(connect(server), "tls_certificate_expired");
}

TEST_P(ResumptionTest, a_ticket_that_was_damaged_means_a_full_handshake) {
  const ServerPointer server = load();
  EXPECT_EQ(connect(server), "full");
  uint8_t* bytes = nullptr;
  size_t count = 0;
  ASSERT_EQ(SSL_SESSION_to_bytes(session.get(), &bytes, &count), 1);
  const uint8_t* ticket = nullptr;
  size_t ticket_bytes = 0;
  SSL_SESSION_get0_ticket(session.get(), &ticket, &ticket_bytes);
  std::string text(reinterpret_cast<const char*>(bytes), count);
  OPENSSL_free(bytes);
  const size_t at = text.find(std::string(reinterpret_cast<const char*>(ticket), ticket_bytes));
  ASSERT_NE(at, std::string::npos);
  text[at + ticket_bytes / 2] ^= 1;
  session = ClientSession(
      SSL_SESSION_from_bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size(), client->library_context()),
      SSL_SESSION_free);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(connect(server), "full");
}

TEST_P(ResumptionTest, a_listener_of_another_protocol_resumes_nothing) {
  EXPECT_EQ(connect(load()), "full");
  settings.protocol = UpperProtocol::kHttp;
  EXPECT_EQ(connect(load()), "full");
}

INSTANTIATE_TEST_SUITE_P(Versions, ResumptionTest, testing::Values(TlsVersion::kTls12, TlsVersion::kTls13),
                         [](const auto& version) { return version.param == TlsVersion::kTls12 ? "tls12" : "tls13"; });

}  // namespace
}  // namespace penstock::tls
