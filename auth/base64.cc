#include "auth/base64.h"

#include <openssl/base64.h>

#include <cstdint>

namespace penstock::auth {

std::string to_base64(core::Bytes bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and the NUL that is written behind it
  const auto* from = reinterpret_cast<const uint8_t*>(bytes.data());
  text.resize(EVP_EncodeBlock(reinterpret_cast<uint8_t*>(text.data()), from, bytes.size()));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  size_t decoded = 0;
  if (!EVP_DecodeBase64(reinterpret_cast<uint8_t*>(bytes.data()), &decoded, bytes.size(),
                        reinterpret_cast<const uint8_t*>(text.data()), text.size())) {
    return std::nullopt;
  }
  bytes.resize(decoded);
  // Bits beyond the last byte may be anything to the decoder; one value has one spelling here.
  if (to_base64(core::as_bytes(bytes)) != text) return std::nullopt;
  return bytes;
}

}  // namespace penstock::auth
