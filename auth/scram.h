// SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side, without channel binding: the client proves that it knows the
// password, the server that it knows what was made of it, and neither the wire nor the server's file gives the password
// away. A user that does not exist is asked for a proof like any other, with a salt of its own that stays the same.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/authenticator.h"
#include "auth/sha256.h"
#include "core/random.h"

namespace penstock::auth {

// What the server keeps instead of a password.
struct ScramCredential {
  std::string salt;  // bytes
  uint32_t iterations = 0;
  Sha256 stored_key{};
  Sha256 server_key{};
};

// What strangers see of a credential: a user that does not exist gets one of the same shape.
struct ScramShape {
  size_t salt_bytes = 16;
  uint32_t iterations = 4096;

  bool operator==(const ScramShape&) const = default;
};

// Where credentials come from. Called on any thread, on many at once; never waits.
class ScramUserLookup {
 public:
  virtual ~ScramUserLookup() = default;
  virtual std::optional<ScramCredential> find(std::string_view user_name) const = 0;
  // That of most users: whoever has another one can be told from nobody.
  virtual ScramShape usual_shape() const = 0;
};

class ScramExchange final : public AuthExchange {
 public:
  // `secret` is what the salts of users are made of that do not exist: who knows it can tell them apart. `nonce` is the
  // server's part, printable and without commas, never the same twice.
  ScramExchange(std::shared_ptr<const ScramUserLookup> users, const Sha256& secret, std::string nonce);

  AuthAnswer begin(core::Bytes client_data) override;
  AuthAnswer next(core::Bytes client_data) override;

 private:
  enum class State : uint8_t { kStart, kChallenged, kDone };

  std::shared_ptr<const ScramUserLookup> users_;
  Sha256 secret_;
  std::string nonce_;  // both parts, once challenged
  State state_ = State::kStart;
  bool user_exists_ = false;
  ScramCredential credential_;
  std::string user_name_;
  std::string channel_binding_;  // what the client has to repeat, in Base64
  std::string messages_;         // the first two, as the proofs have them
};

class ScramAuthenticator final : public Authenticator {
 public:
  // `secret` stays the same over restarts, or the salts of users that do not exist give themselves away by changing; it
  // has at least 16 bytes. `random` is thread-safe and outlives the authenticator.
  ScramAuthenticator(std::shared_ptr<const ScramUserLookup> users, core::Bytes secret, core::Random& random);

  std::string_view method() const override { return "SCRAM-SHA-256"; }
  std::unique_ptr<AuthExchange> start() const override;

 private:
  std::shared_ptr<const ScramUserLookup> users_;
  Sha256 secret_;
  core::Random& random_;
};

}  // namespace penstock::auth
