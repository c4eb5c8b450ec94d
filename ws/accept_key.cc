#include "ws/accept_key.h"

#include <openssl/base64.h>
#include <openssl/sha.h>

#include <cstdint>
#include <span>

namespace penstock::ws {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

std::string base64(std::span<const uint8_t> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and the NUL that is written behind it
  text.resize(EVP_EncodeBlock(reinterpret_cast<uint8_t*>(text.data()), bytes.data(), bytes.size()));
  return text;
}

}  // namespace

bool is_websocket_key(std::string_view key) {
  if (key.size() != 24) return false;
  uint8_t decoded[18];
  size_t bytes = 0;
  return EVP_DecodeBase64(decoded, &bytes, sizeof decoded, reinterpret_cast<const uint8_t*>(key.data()), key.size()) &&
         bytes == 16;
}

std::string make_websocket_key(const std::array<std::byte, 16>& bytes) {
  return base64({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

std::string websocket_accept(std::string_view key) {
  std::string input(key);
  input += kGuid;
  std::array<uint8_t, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const uint8_t*>(input.data()), input.size(), digest.data());
  return base64(digest);
}

}  // namespace penstock::ws
