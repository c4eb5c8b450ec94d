// Enhanced authentication with SCRAM-SHA-256 against the whole broker, by clients that know the password, or do not.
#include <gtest/gtest.h>

#include <signal.h>

#include <filesystem>
#include <fstream>

#include "auth/scram_users.h"
#include "tests/auth/scram_client.h"
#include "tests/support/broker_suite.h"
#include "tests/support/reason_codes.h"

namespace penstock::test {
namespace {

using enum PropertyId;

constexpr std::string_view kMethod = "SCRAM-SHA-256";
constexpr std::string_view kSalt = "0123456789abcdef";
constexpr uint32_t kIterations = 4096;

std::string line_of(std::string_view user, std::string_view password) {
  const auth::Sha256 salted = auth::salted_password(password, kSalt, kIterations);
  return auth::to_line(user, auth::credential_of(salted, std::string(kSalt), kIterations)) + "\n";
}

// What a client says of itself, and how it answers.
struct Login {
  std::string user;
  std::string password;

  std::string first_bare() const { return "n=" + user + ",r=client-nonce"; }
  std::string first() const { return "n,," + first_bare(); }
  std::string last(std::string_view challenge) const {
    const auth::Sha256 salted = auth::salted_password(password, auth::salt_in(challenge), kIterations);
    return auth::client_final(salted, first_bare(), challenge, "c=biws,r=" + auth::nonce_in(challenge));
  }
};

class ScramUsersFile : public BrokerSuite {
 protected:
  void SetUp() override {
    if (runs_mosquitto()) GTEST_SKIP() << "about Penstock's own flags";
    std::ofstream(files_ / "users") << line_of("joe", "secret") << line_of("ann", "other");
    own_broker({"--scram-users", files_ / "users"});
  }

  static Properties with(std::string_view data) { return {{kAuthMethod, kMethod}, {kAuthBytes, data}}; }
  ConnectOptions options(const Login& login) {
    return {.client_id = id(login.user), .protocol_level = kLevel5, .properties = with(login.first())};
  }
  // CONNECT, and the server's challenge.
  TestClient begin(const Login& login, std::string& challenge) {
    TestClient client(own_broker().port());
    client.speak(kLevel5);
    client.send(connect_packet(options(login)));
    const Packet auth = client.expect(Type::kAuth);
    EXPECT_EQ(auth.reason_code, reason::kContinueAuthentication);  // [MQTT5-4.12.0-2]
    EXPECT_EQ(auth.text(kAuthMethod), kMethod);                    // [MQTT5-4.12.0-5]
    // Nothing but what it has to hold. [MQTT5-3.15.2-2] [MQTT5-3.15.2-3]
    EXPECT_EQ(auth.properties.size(), 2u);
    challenge = auth.text(kAuthBytes);
    return client;
  }
  TestClient log_in(const Login& login, Packet& connack) {
    std::string challenge;
    TestClient client = begin(login, challenge);
    client.send(auth_packet(reason::kContinueAuthentication, with(login.last(challenge))));
    connack = client.expect(Type::kConnack);
    return client;
  }

  const Login joe_{"joe", "secret"};
  TempDir files_;
};

BROKER_SUITE_ON(ScramUsersFile, Scram, kLevel5);

TEST_P(Scram, lets_in_who_knows_the_password) {
  Packet connack;
  TestClient client = log_in(joe_, connack);
  EXPECT_EQ(connack.reason_code, reason::kSuccess);
  EXPECT_EQ(connack.text(kAuthMethod), kMethod);  // [MQTT5-4.12.0-5]
  EXPECT_TRUE(connack.text(kAuthBytes).starts_with("v=")) << "the server's own proof";
  client.subscribe("a", 1);
  client.publish("a", "m", 1);
  client.expect_message("a", "m");
}

TEST_P(Scram, refuses_a_wrong_password_and_a_stranger_alike) {
  for (const Login& login : {Login{"joe", "wrong"}, Login{"nobody", "secret"}}) {
    Packet connack;
    TestClient client = log_in(login, connack);
    EXPECT_EQ(connack.reason_code, reason::kNotAuthorized) << login.user;  // [MQTT5-4.12.0-4]
    client.expect_closed();
  }
}

TEST_P(Scram, refuses_who_does_not_authenticate) {
  TestClient old(own_broker().port());
  EXPECT_EQ(old.connect({.client_id = id("old"), .protocol_level = kLevel311}).return_code, 5);
  old.expect_closed();
  TestClient fresh(own_broker().port());
  EXPECT_EQ(fresh.connect({.client_id = id("new"), .protocol_level = kLevel5}).reason_code, reason::kNotAuthorized);
  fresh.expect_closed();
}

TEST_P(Scram, sends_no_challenge_larger_than_what_the_client_takes) {
  std::string challenge;
  begin(joe_, challenge);
  TestClient client(own_broker().port());
  client.speak(kLevel5);
  ConnectOptions small = options(joe_);
  small.properties.push_back({kMaximumPacketSize, static_cast<uint32_t>(challenge.size())});
  client.send(connect_packet(small));
  EXPECT_EQ(client.expect(Type::kConnack).reason_code, reason::kPacketTooLarge);  // [MQTT5-3.1.2-24]
  client.expect_closed();
}

TEST_P(Scram, ends_a_conversation_that_leaves_its_course) {
  std::string challenge;
  TestClient other_method = begin(joe_, challenge);
  other_method.send(auth_packet(reason::kContinueAuthentication, {{kAuthMethod, "PLAIN"}, {kAuthBytes, "x"}}));
  other_method.expect_closed();
  TestClient too_soon = begin(joe_, challenge);
  too_soon.send(publish_packet("a", "m"));
  too_soon.expect_closed();
  TestClient leaves = begin(joe_, challenge);
  leaves.send(disconnect_packet());
  leaves.expect_closed();
}

TEST_P(Scram, reads_its_users_again_on_sighup) {
  Packet connack;
  TestClient before = log_in(joe_, connack);
  const std::string tool = std::filesystem::path(broker_binary()).parent_path() / "penstock-passwd";
  const Finished made = run_program({"/bin/sh", "-c", "echo new secret | " + tool + " max"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  std::ofstream(files_ / "users") << made.out;
  kill(own_broker().pid(), SIGHUP);
  ASSERT_TRUE(own_broker().says("users were read again"));
  log_in({"max", "new secret"}, connack);
  EXPECT_EQ(connack.reason_code, reason::kSuccess);
  log_in(joe_, connack);
  EXPECT_EQ(connack.reason_code, reason::kNotAuthorized);
  before.send(pingreq_packet());
  before.expect(Type::kPingresp);
  // Nonsense changes nothing.
  std::ofstream(files_ / "users") << "joe:secret\n";
  kill(own_broker().pid(), SIGHUP);
  ASSERT_TRUE(own_broker().says("the users of before stay"));
  log_in({"max", "new secret"}, connack);
  EXPECT_EQ(connack.reason_code, reason::kSuccess);
}

TEST_P(Scram, authenticates_again_on_a_connection_that_lives) {
  Packet connack;
  TestClient client = log_in(joe_, connack);
  for (int round = 0; round < 2; ++round) {
    client.send(auth_packet(reason::kReauthenticate, with(joe_.first())));
    const Packet challenge = client.expect(Type::kAuth);
    EXPECT_EQ(challenge.reason_code, reason::kContinueAuthentication);
    const std::string last = joe_.last(challenge.text(kAuthBytes));
    client.send(auth_packet(reason::kContinueAuthentication, with(last)));
    EXPECT_EQ(client.expect(Type::kAuth).reason_code, reason::kSuccess);
  }
  client.expect_quiet();
}

TEST_P(Scram, closes_a_connection_that_fails_to_authenticate_again_or_is_somebody_else_then) {
  for (const Login& login : {Login{"joe", "wrong"}, Login{"ann", "other"}}) {
    Packet connack;
    TestClient client = log_in(joe_, connack);
    client.send(auth_packet(reason::kReauthenticate, with(login.first())));
    const std::string last = login.last(client.expect(Type::kAuth).text(kAuthBytes));
    client.send(auth_packet(reason::kContinueAuthentication, with(last)));
    client.expect_disconnect(reason::kNotAuthorized);  // [MQTT5-4.12.1-2]
  }
}

}  // namespace
}  // namespace penstock::test
