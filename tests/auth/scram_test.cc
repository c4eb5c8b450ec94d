#include "auth/scram.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <vector>

#include "auth/scram_users.h"
#include "tests/auth/scram_client.h"

namespace penstock::auth {
namespace {

using Outcome = AuthAnswer::Outcome;

const Sha256 kSecret = sha256(core::as_bytes("a secret of the tests"));

// The blocks of tests/golden/scram_exchanges.txt.
std::vector<std::map<std::string, std::string>> golden_exchanges() {
  std::ifstream file(std::filesystem::path(PENSTOCK_SOURCE_DIR) / "tests/golden/scram_exchanges.txt");
  std::vector<std::map<std::string, std::string>> blocks;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    if (line.empty()) {
      blocks.emplace_back();
      continue;
    }
    const size_t blank = line.find(' ');
    blocks.back()[line.substr(0, blank)] = line.substr(blank + 1);
  }
  return blocks;
}

std::shared_ptr<const ScramUsers> users_of(std::string_view text) {
  const auto users = ScramUsers::parse(text, "users");
  EXPECT_TRUE(users.has_value()) << users.error().message;
  return *users;
}

// One user, "joe", and what a client of his needs.
struct Joe {
  const Sha256 salted = salted_password("secret", "0123456789abcdef", 4096);
  const std::shared_ptr<const ScramUsers> users =
      users_of(to_line("joe", credential_of(salted, "0123456789abcdef", 4096)));

  ScramExchange exchange(std::string nonce = "server") const { return ScramExchange(users, kSecret, std::move(nonce)); }

  // What comes of joe's last message, when it repeats `binding` and `nonce`, and the rest of it is right.
  AuthAnswer finish(std::string_view binding, std::string_view nonce,
                    std::string_view first = "n,,n=joe,r=client") const {
    ScramExchange with = exchange();
    const AuthAnswer challenge = with.begin(core::as_bytes(first));
    EXPECT_EQ(challenge.outcome, Outcome::kContinue);
    const std::string without_proof = "c=" + std::string(binding) + ",r=" + std::string(nonce);
    return with.next(core::as_bytes(client_final(salted, "n=joe,r=client", challenge.data, without_proof)));
  }
};

AuthAnswer begin_with(std::string_view message) {
  static const Joe joe;
  ScramExchange exchange = joe.exchange();
  return exchange.begin(core::as_bytes(message));
}

TEST(scram, exchanges_of_an_independent_client_succeed) {
  const auto exchanges = golden_exchanges();
  ASSERT_EQ(exchanges.size(), 5u);
  for (const auto& golden : exchanges) {
    ScramExchange exchange(users_of(golden.at("user")), kSecret, golden.at("server-nonce"));
    const AuthAnswer challenge = exchange.begin(core::as_bytes(golden.at("client-first")));
    ASSERT_EQ(challenge.outcome, Outcome::kContinue) << golden.at("name") << ": " << challenge.detail;
    EXPECT_EQ(challenge.data, golden.at("server-first"));
    EXPECT_EQ(challenge.user_name, "");
    const AuthAnswer verdict = exchange.next(core::as_bytes(golden.at("client-final")));
    ASSERT_EQ(verdict.outcome, Outcome::kSuccess) << golden.at("name") << ": " << verdict.detail;
    EXPECT_EQ(verdict.data, golden.at("server-final"));
    EXPECT_EQ(verdict.user_name, golden.at("name"));
  }
}

TEST(scram, a_proof_is_good_for_one_nonce_and_one_user) {
  const auto exchanges = golden_exchanges();
  std::string lines;
  for (const auto& golden : exchanges) lines += golden.at("user") + "\n";
  const auto users = users_of(lines);
  const auto& golden = exchanges[0];
  ScramExchange replayed(users, kSecret, "another nonce!" + golden.at("server-nonce"));
  EXPECT_EQ(replayed.begin(core::as_bytes(golden.at("client-first"))).outcome, Outcome::kContinue);
  EXPECT_EQ(replayed.next(core::as_bytes(golden.at("client-final"))).outcome, Outcome::kFailure);
  ScramExchange as_another(users, kSecret, golden.at("server-nonce"));
  EXPECT_EQ(as_another.begin(core::as_bytes("n,,n=long,r=rOprNGfwEbeRWgbNEkqO")).outcome, Outcome::kContinue);
  const AuthAnswer verdict = as_another.next(core::as_bytes(golden.at("client-final")));
  EXPECT_EQ(verdict.outcome, Outcome::kFailure);
  EXPECT_STREQ(verdict.reason, "auth_wrong_password");
}

TEST(scram, no_flipped_bit_of_a_proof_is_accepted) {
  const auto golden = golden_exchanges()[0];
  const std::string& last = golden.at("client-final");
  const size_t at = last.find(",p=") + 3;
  const std::string proof = *from_base64(last.substr(at));
  for (size_t bit = 0; bit < 8 * proof.size(); ++bit) {
    ScramExchange exchange(users_of(golden.at("user")), kSecret, golden.at("server-nonce"));
    exchange.begin(core::as_bytes(golden.at("client-first")));
    std::string wrong = proof;
    wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ 1 << bit % 8);
    const AuthAnswer verdict = exchange.next(core::as_bytes(last.substr(0, at) + to_base64(core::as_bytes(wrong))));
    ASSERT_EQ(verdict.outcome, Outcome::kFailure) << bit;
    EXPECT_STREQ(verdict.reason, "auth_wrong_password");
    EXPECT_EQ(verdict.data, "");
    EXPECT_EQ(verdict.user_name, "");
  }
}

TEST(scram, a_user_that_does_not_exist_is_asked_like_any_other_and_always_the_same) {
  const Joe joe;
  const auto challenge = [&](std::string_view name, const Sha256& secret) {
    ScramExchange exchange(joe.users, secret, "server");
    return exchange.begin(core::as_bytes("n,,n=" + std::string(name) + ",r=client")).data;
  };
  const std::string nobody = challenge("nobody", kSecret);
  EXPECT_EQ(nobody.size(), challenge("joe", kSecret).size());
  EXPECT_TRUE(nobody.starts_with("r=clientserver,s="));
  EXPECT_TRUE(nobody.ends_with(",i=4096"));
  EXPECT_EQ(challenge("nobody", kSecret), nobody);
  EXPECT_NE(challenge("nobody2", kSecret), nobody);
  EXPECT_NE(challenge("nobody", sha256(core::as_bytes("another secret"))), nobody);

  ScramExchange exchange(joe.users, kSecret, "server");
  exchange.begin(core::as_bytes("n,,n=nobody,r=client"));
  const AuthAnswer verdict =
      exchange.next(core::as_bytes(client_final(joe.salted, "n=nobody,r=client", nobody, "c=biws,r=clientserver")));
  EXPECT_EQ(verdict.outcome, Outcome::kFailure);
  EXPECT_EQ(verdict.data, "");
  EXPECT_STREQ(verdict.reason, "auth_unknown_user");
  EXPECT_EQ(verdict.detail, "there is no user \"nobody\"");
}

// Their StoredKey is 32 zeros: whoever knew what hashes to that would be nobody all the same.
TEST(scram, a_user_that_does_not_exist_has_the_shape_of_most_users) {
  const Sha256 key{};
  const auto line = [&](const char* name, size_t salt_bytes, uint32_t iterations) {
    return to_line(name, {std::string(salt_bytes, 's'), iterations, key, key}) + "\n";
  };
  const auto users = users_of(line("a", 20, 4096) + line("b", 40, 10'000) + line("c", 40, 10'000));
  EXPECT_EQ(users->usual_shape(), (ScramShape{40, 10'000}));
  ScramExchange exchange(users, kSecret, "server");
  const std::string challenge = exchange.begin(core::as_bytes("n,,n=nobody,r=client")).data;
  const size_t salt = challenge.find(",s=") + 3;
  EXPECT_EQ(from_base64(challenge.substr(salt, challenge.find(",i=") - salt))->size(), 40u);
  EXPECT_TRUE(challenge.ends_with(",i=10000"));
}

TEST(scram, the_client_repeats_header_and_nonce) {
  const Joe joe;
  EXPECT_EQ(joe.finish("biws", "clientserver").outcome, Outcome::kSuccess);
  EXPECT_EQ(joe.finish("eSws", "clientserver", "y,,n=joe,r=client").outcome, Outcome::kSuccess);
  EXPECT_EQ(joe.finish("biws", "clientserver", "y,,n=joe,r=client").outcome, Outcome::kFailure);
  EXPECT_EQ(joe.finish("eSws", "clientserver").outcome, Outcome::kFailure);
  EXPECT_EQ(joe.finish("", "clientserver").outcome, Outcome::kFailure);
  EXPECT_EQ(joe.finish("biws", "client").outcome, Outcome::kFailure);
  EXPECT_EQ(joe.finish("biws", "clientserverx").outcome, Outcome::kFailure);
  EXPECT_EQ(joe.finish("biws", "Clientserver").outcome, Outcome::kFailure);
}

TEST(scram, refuses_a_first_message_that_is_malformed) {
  for (const char* message : {
           "",
           "n",
           "n,",
           "n,,",
           "n,n=joe,r=client",
           "x,,n=joe,r=client",
           "N,,n=joe,r=client",
           "n,joe,n=joe,r=client",
           "n,a=,n=joe,r=client",
           "n,,r=client",
           "n,,n=,r=client",
           "n,,n=joe",
           "n,,n=joe,",
           "n,,n=joe,r=",
           "n,,n=joe,r=cli ent",
           "n,,n=joe,r=cli\xc3\xa9nt",
           "n,,r=client,n=joe",
           "n,,n=jo=e,r=client",
           "n,,n=joe=,r=client",
           "n,,n=joe=2c,r=client",
           "n,,n=jo\te,r=client",
           "n,,n=\xff,r=client",
           "n,,n=joe,r=client,",
           "n,,n=joe,r=client,x",
           "n,,n=joe,r=client,x=",
           "n,,n=joe,r=client,1=x",
           "n,,n=joe,r=client,x=1,,y=2",
           "n,,m=must,n=joe,r=client",
       }) {
    const AuthAnswer answer = begin_with(message);
    EXPECT_EQ(answer.outcome, Outcome::kFailure) << message;
    EXPECT_STREQ(answer.reason, "auth_malformed") << message;
    EXPECT_NE(answer.detail, "") << message;
  }
  EXPECT_EQ(begin_with(std::string_view("n,,n=j\0e,r=client", 17)).outcome, Outcome::kFailure);
}

TEST(scram, knows_the_bounds_of_a_message) {
  const auto message = [](size_t name_bytes, size_t nonce_bytes) {
    return "n,,n=" + std::string(name_bytes, 'u') + ",r=" + std::string(nonce_bytes, 'c');
  };
  EXPECT_EQ(begin_with(message(256, 256)).outcome, Outcome::kContinue);
  EXPECT_EQ(begin_with(message(257, 1)).outcome, Outcome::kFailure);
  EXPECT_EQ(begin_with(message(1, 257)).outcome, Outcome::kFailure);
  const std::string padding = message(1, 1) + ",x=";
  EXPECT_EQ(begin_with(padding + std::string(2'048 - padding.size(), 'x')).outcome, Outcome::kContinue);
  EXPECT_EQ(begin_with(padding + std::string(2'049 - padding.size(), 'x')).outcome, Outcome::kFailure);
}

TEST(scram, refuses_channel_binding_and_acting_as_another) {
  EXPECT_STREQ(begin_with("p=tls-unique,,n=joe,r=client").reason, "auth_channel_binding");
  EXPECT_STREQ(begin_with("p=tls-exporter,,n=joe,r=client").reason, "auth_channel_binding");
  EXPECT_STREQ(begin_with("n,a=admin,n=joe,r=client").reason, "auth_other_identity");
  EXPECT_EQ(begin_with("n,a=joe,n=joe,r=client").outcome, Outcome::kContinue);
}

TEST(scram, refuses_a_last_message_that_is_malformed) {
  const Joe joe;
  const std::string good_proof = ",p=" + std::string(43, 'A') + "=";
  for (const std::string& message :
       {std::string(), std::string(","), std::string("c=biws,r=clientserver"), std::string("c=biws,r=clientserver,p="),
        std::string("c=biws,r=clientserver,p=AAAA"), "c=biws,r=clientserver" + good_proof + ",x=1",
        "c=biws,r=clientserver" + good_proof + "=", "r=clientserver,c=biws" + good_proof, "c=biws" + good_proof,
        "r=clientserver" + good_proof, "c=biws,r=" + good_proof, "c=biws,r=clientserver," + good_proof,
        "c=biws,r=clientserver,x" + good_proof, "c=biws,r=clientserver,p=" + std::string(42, 'A') + "B="}) {
    ScramExchange exchange = joe.exchange();
    exchange.begin(core::as_bytes("n,,n=joe,r=client"));
    const AuthAnswer verdict = exchange.next(core::as_bytes(message));
    EXPECT_EQ(verdict.outcome, Outcome::kFailure) << message;
    EXPECT_STREQ(verdict.reason, "auth_malformed") << message;
  }
}

TEST(scram, each_exchange_of_an_authenticator_has_a_nonce_of_its_own) {
  const Joe joe;
  core::SeededRandom random(1);
  const ScramAuthenticator authenticator(joe.users, core::as_bytes("sixteen bytes or more"), random);
  EXPECT_EQ(authenticator.method(), "SCRAM-SHA-256");
  std::set<std::string> challenges;
  for (int i = 0; i < 100; ++i) {
    const auto exchange = authenticator.start();
    const AuthAnswer challenge = exchange->begin(core::as_bytes("n,,n=joe,r=client"));
    challenges.insert(challenge.data);
    const std::string without_proof = "c=biws,r=" + nonce_in(challenge.data);
    const std::string last = client_final(joe.salted, "n=joe,r=client", challenge.data, without_proof);
    EXPECT_EQ(exchange->next(core::as_bytes(last)).outcome, Outcome::kSuccess);
  }
  EXPECT_EQ(challenges.size(), 100u);
}

TEST(scram, shows_hostile_names_as_plain_characters) {
  const Joe joe;
  ScramExchange exchange = joe.exchange();
  const std::string name = "\xe2\x80\xae\"evil";
  const AuthAnswer challenge = exchange.begin(core::as_bytes("n,,n=" + name + ",r=client"));
  const std::string last = client_final(joe.salted, "n=" + name + ",r=client", challenge.data, "c=biws,r=clientserver");
  EXPECT_EQ(exchange.next(core::as_bytes(last)).detail, "there is no user \"???\"evil\"");
}

}  // namespace
}  // namespace penstock::auth
