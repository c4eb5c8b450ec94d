// The two messages of a SCRAM client, taken apart (RFC 5802, 7). Pure; the views point into the message.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "auth/sha256.h"

namespace penstock::auth {

constexpr size_t kScramMessageBytesMax = 2048;
constexpr size_t kScramNonceBytesMax = 256;  // of the client
constexpr size_t kScramNameBytesMax = 256;

struct ScramError {
  const char* reason = "";  // label of the counter
  const char* text = "";
};

// "n,,n=user,r=nonce"
struct ClientFirst {
  std::string_view gs2_header;  // "n,,": comes again in the last message
  std::string_view bare;        // what follows it
  std::string user_name;        // UTF-8 without control characters, not empty; "=2C" and "=3D" are decoded
  std::string_view nonce;
};
std::expected<ClientFirst, ScramError> parse_client_first(std::string_view message);

// "c=biws,r=nonce,p=proof"
struct ClientFinal {
  std::string_view channel_binding;  // still Base64
  std::string_view nonce;
  std::string_view without_proof;  // the message up to ",p="
  Sha256 proof{};
};
std::expected<ClientFinal, ScramError> parse_client_final(std::string_view message);

// A name as the file of users and the messages may have it: 1 to kScramNameBytesMax bytes of UTF-8 without control
// characters. Names are compared byte by byte: SASLprep (RFC 4013), which maps other spellings of letters outside ASCII
// to one, is left to the client.
bool is_scram_name(std::string_view name);

}  // namespace penstock::auth
