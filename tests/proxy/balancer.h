// A load balancer as the specification describes it: PROXY headers for the tests and for the round-trip law of the fuzz
// target. Shares no code with proxy/; can also write wrong ones.
#pragma once

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/network.h"

namespace penstock::proxy {

inline std::string be16(size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
inline std::string be32(uint32_t value) {
  return be16(value >> 16) + be16(value & 0xffff);
}

inline std::string field(uint8_t type, std::string_view value) {
  return std::string(1, static_cast<char>(type)) + be16(value.size()) + std::string(value);
}

inline std::string signature_v2() {
  return {"\r\n\r\n\0\r\nQUIT\n", 12};
}

// `command` with the version in its high bits, `body` behind the length.
inline std::string header_v2(uint8_t command, uint8_t family, std::string_view body) {
  return signature_v2() + static_cast<char>(command) + static_cast<char>(family) + be16(body.size()) +
         std::string(body);
}

inline bool is_v6(const core::Endpoint& endpoint) {
  return endpoint.host.find(':') != std::string::npos;
}

inline std::string address_bytes(const core::Endpoint& endpoint) {
  std::array<char, 16> bytes{};
  inet_pton(is_v6(endpoint) ? AF_INET6 : AF_INET, endpoint.host.c_str(), bytes.data());
  return {bytes.data(), is_v6(endpoint) ? 16u : 4u};
}

// Both of one family.
inline std::string proxied_v2(const core::Endpoint& source, const core::Endpoint& destination,
                              std::string_view fields = {}) {
  const std::string body = address_bytes(source) + address_bytes(destination) + be16(source.port) +
                           be16(destination.port) + std::string(fields);
  return header_v2(0x21, is_v6(source) ? 0x21 : 0x11, body);
}

inline std::string proxied_v1(const core::Endpoint& source, const core::Endpoint& destination) {
  return std::string("PROXY ") + (is_v6(source) ? "TCP6 " : "TCP4 ") + source.host + " " + destination.host + " " +
         std::to_string(source.port) + " " + std::to_string(destination.port) + "\r\n";
}

// Bit by bit, as the polynomial says.
inline uint32_t slow_crc32c(std::string_view bytes) {
  uint32_t crc = UINT32_MAX;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~crc;
}

// `header` has one checksum field, of four zeros, at its end.
inline std::string with_checksum(std::string header) {
  const std::string checksum = be32(slow_crc32c(header));
  return header.replace(header.size() - 4, 4, checksum);
}

}  // namespace penstock::proxy
