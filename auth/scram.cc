#include "auth/scram.h"

#include <array>
#include <utility>

#include "auth/base64.h"
#include "auth/scram_message.h"
#include "core/check.h"
#include "core/printable.h"

namespace penstock::auth {
namespace {

constexpr const char* kMalformed = "auth_malformed";
constexpr const char* kUnknownUser = "auth_unknown_user";
constexpr const char* kWrongProof = "auth_wrong_password";
constexpr size_t kSecretBytesMin = 16;

AuthAnswer refuse(const char* reason, std::string detail) {
  return {.outcome = AuthAnswer::Outcome::kFailure, .reason = reason, .detail = std::move(detail)};
}

// As random as a real one to whoever does not know the secret, and the same for the same name.
std::string made_up_salt(const Sha256& secret, std::string_view user_name, size_t salt_bytes) {
  std::string salt;
  for (char block = 1; salt.size() < salt_bytes; ++block) {
    const std::string text = std::string("salt") + block + std::string(user_name);
    salt += core::as_text(hmac_sha256(secret, text));
  }
  salt.resize(salt_bytes);
  return salt;
}

// Whether `proof` was made by someone who knows what `stored_key` is the hash of (RFC 5802, 3).
bool proves(const Sha256& proof, const Sha256& stored_key, std::string_view messages) {
  Sha256 client_key = hmac_sha256(stored_key, messages);
  for (size_t i = 0; i < client_key.size(); ++i) client_key[i] ^= proof[i];
  return equal_secrets(sha256(client_key), stored_key);
}

}  // namespace

ScramExchange::ScramExchange(std::shared_ptr<const ScramUserLookup> users, const Sha256& secret, std::string nonce)
    : users_(std::move(users)), secret_(secret), nonce_(std::move(nonce)) {}

AuthAnswer ScramExchange::begin(core::Bytes client_data) {
  CHECK(state_ == State::kStart);
  state_ = State::kDone;
  const auto first = parse_client_first(core::as_text(client_data));
  if (!first) return refuse(first.error().reason, first.error().text);

  // The same work whether the user exists or not.
  auto known = users_->find(first->user_name);
  const ScramShape shape = users_->usual_shape();
  std::string salt = made_up_salt(secret_, first->user_name, shape.salt_bytes);
  user_exists_ = known.has_value();
  credential_ = known ? *std::move(known) : ScramCredential{std::move(salt), shape.iterations, {}, {}};

  user_name_ = first->user_name;
  channel_binding_ = to_base64(core::as_bytes(first->gs2_header));
  nonce_.insert(0, first->nonce);
  const std::string challenge = "r=" + nonce_ + ",s=" + to_base64(core::as_bytes(credential_.salt)) +
                                ",i=" + std::to_string(credential_.iterations);
  messages_.append(first->bare).append(",").append(challenge);
  users_.reset();
  state_ = State::kChallenged;
  return {.outcome = AuthAnswer::Outcome::kContinue, .data = challenge};
}

AuthAnswer ScramExchange::next(core::Bytes client_data) {
  CHECK(state_ == State::kChallenged);
  state_ = State::kDone;
  const auto last = parse_client_final(core::as_text(client_data));
  if (!last) return refuse(last.error().reason, last.error().text);
  if (last->channel_binding != channel_binding_) {
    return refuse(kMalformed, "the client repeats another GS2 header than it has sent");
  }
  if (last->nonce != nonce_) return refuse(kMalformed, "the client repeats another nonce than it was sent");
  messages_.append(",").append(last->without_proof);
  const bool proved = proves(last->proof, credential_.stored_key, messages_);
  if (!user_exists_) return refuse(kUnknownUser, "there is no user " + core::printable(user_name_));
  if (!proved) return refuse(kWrongProof, "wrong password for user " + core::printable(user_name_));
  const Sha256 signature = hmac_sha256(credential_.server_key, messages_);
  return {.outcome = AuthAnswer::Outcome::kSuccess,
          .data = "v=" + to_base64(signature),
          .user_name = std::move(user_name_)};
}

ScramAuthenticator::ScramAuthenticator(std::shared_ptr<const ScramUserLookup> users, core::Bytes secret,
                                       core::Random& random)
    : users_(std::move(users)), secret_(hmac_sha256(secret, "penstock scram salts")), random_(random) {
  CHECK_GE(secret.size(), kSecretBytesMin);
}

std::unique_ptr<AuthExchange> ScramAuthenticator::start() const {
  std::array<std::byte, 24> nonce;
  for (size_t at = 0; at < nonce.size(); at += 8) core::store_le(nonce.data() + at, random_.next_u64());
  return std::make_unique<ScramExchange>(users_, secret_, to_base64(nonce));
}

}  // namespace penstock::auth
