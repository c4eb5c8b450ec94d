// Authenticator: one method of MQTT 5's enhanced authentication (chapter 4.12), named as clients name it in CONNECT. A
// connection talks with an exchange of its own: client and server send each other data until the server is sure. Pure:
// no I/O, no clock, no waiting; what an exchange needs of files was read before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/bytes.h"

namespace penstock::auth {

struct AuthAnswer {
  enum class Outcome : uint8_t {
    kContinue,  // `data` goes to the client in an AUTH packet; its answer comes to next()
    kSuccess,   // the client is `user_name`; `data` goes to it in CONNACK (or AUTH, when it authenticates again)
    kFailure,   // nothing is sent but a reason code: who is refused does not learn why
  };
  Outcome outcome = Outcome::kFailure;
  std::string data;
  std::string user_name;
  const char* reason = "";  // of a failure: label of a counter, of few: "auth_unknown_user"
  std::string detail;       // one line for a person, of printable characters whatever the client has sent
};

// One authentication of one connection. One caller at a time, on any thread.
class AuthExchange {
 public:
  virtual ~AuthExchange() = default;
  // The authentication data of CONNECT, or of the AUTH packet that authenticates again; empty when there was none.
  // Once.
  virtual AuthAnswer begin(core::Bytes client_data) = 0;
  // That of each AUTH packet after it. Not called after anything but kContinue.
  virtual AuthAnswer next(core::Bytes client_data) = 0;
};

// Shared by all connections and threads; never changes.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual std::string_view method() const = 0;  // "SCRAM-SHA-256"
  // May outlive the authenticator.
  virtual std::unique_ptr<AuthExchange> start() const = 0;
};

}  // namespace penstock::auth
