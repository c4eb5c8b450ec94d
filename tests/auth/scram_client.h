// A SCRAM client that knows a password, and the credential that a server keeps of it: for tests and the fuzz target.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "auth/base64.h"
#include "auth/scram.h"
#include "auth/sha256.h"

namespace penstock::auth {

inline Sha256 salted_password(std::string_view password, std::string_view salt, uint32_t iterations) {
  Sha256 salted;
  PKCS5_PBKDF2_HMAC(password.data(), password.size(), reinterpret_cast<const uint8_t*>(salt.data()), salt.size(),
                    iterations, EVP_sha256(), salted.size(), reinterpret_cast<uint8_t*>(salted.data()));
  return salted;
}

inline ScramCredential credential_of(const Sha256& salted, std::string salt, uint32_t iterations) {
  return {std::move(salt), iterations, sha256(hmac_sha256(salted, "Client Key")), hmac_sha256(salted, "Server Key")};
}

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

// "r=" of the server's message.
inline std::string nonce_in(std::string_view server_first) {
  return std::string(server_first.substr(2, server_first.find(",s=") - 2));
}

}  // namespace penstock::auth
