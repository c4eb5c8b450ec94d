#include "proxy/crc32c.h"

#include <array>

namespace penstock::proxy {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // the lowest bit is the highest power

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = make_table();

}  // namespace

uint32_t crc32c(core::Bytes bytes, uint32_t crc) {
  crc = ~crc;
  for (const std::byte byte : bytes) crc = crc >> 8 ^ kTable[(crc & 0xff) ^ std::to_integer<uint32_t>(byte)];
  return ~crc;
}

}  // namespace penstock::proxy
