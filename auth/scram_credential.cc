#include "auth/scram_credential.h"

#include <openssl/evp.h>

#include <utility>

namespace penstock::auth {

Sha256 salted_password(std::string_view password, std::string_view salt, uint32_t iterations) {
  Sha256 salted;
  PKCS5_PBKDF2_HMAC(password.data(), password.size(), reinterpret_cast<const uint8_t*>(salt.data()), salt.size(),
                    iterations, EVP_sha256(), salted.size(), reinterpret_cast<uint8_t*>(salted.data()));
  return salted;
}

ScramCredential credential_of(const Sha256& salted, std::string salt, uint32_t iterations) {
  return {std::move(salt), iterations, sha256(hmac_sha256(salted, "Client Key")), hmac_sha256(salted, "Server Key")};
}

}  // namespace penstock::auth
