#include "auth/sha256.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/sha.h>

#include <cstdint>

#include "core/check.h"

namespace penstock::auth {

static_assert(sizeof(Sha256) == SHA256_DIGEST_LENGTH);

Sha256 sha256(core::Bytes bytes) {
  Sha256 digest;
  SHA256(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

Sha256 hmac_sha256(core::Bytes key, std::string_view text) {
  Sha256 digest;
  unsigned digest_bytes = 0;
  const uint8_t* made = HMAC(EVP_sha256(), key.data(), key.size(), reinterpret_cast<const uint8_t*>(text.data()),
                             text.size(), reinterpret_cast<uint8_t*>(digest.data()), &digest_bytes);
  CHECK(made != nullptr);  // only for want of memory
  CHECK_EQ(digest_bytes, digest.size());
  return digest;
}

bool equal_secrets(const Sha256& a, const Sha256& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace penstock::auth
