// A SCRAM client that knows a password: for tests and the fuzz target.
#pragma once

#include <string>
#include <string_view>

#include "auth/base64.h"
#include "auth/scram_credential.h"

namespace penstock::auth {

// The last message of a client, with its proof.
inline std::string client_final(const Sha256& salted, std::string_view client_first_bare, std::string_view server_first,
                                std::string_view without_proof) {
  const std::string messages =
      std::string(client_first_bare) + "," + std::string(server_first) + "," + std::string(without_proof);
  Sha256 proof = hmac_sha256(salted, "Client Key");
  const Sha256 signature = hmac_sha256(sha256(proof), messages);
  for (size_t i = 0; i < proof.size(); ++i) proof[i] ^= signature[i];
  return std::string(without_proof) + ",p=" + to_base64(proof);
}

// "s=" of the server's message, decoded.
inline std::string salt_in(std::string_view server_first) {
  const size_t begin = server_first.find(",s=") + 3;
  return from_base64(server_first.substr(begin, server_first.find(",i=") - begin)).value_or("");
}

// "r=" of the server's message.
inline std::string nonce_in(std::string_view server_first) {
  return std::string(server_first.substr(2, server_first.find(",s=") - 2));
}

}  // namespace penstock::auth
